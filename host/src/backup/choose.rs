//! Which files of a data folder belong to a backup. Pure. Told by what does not: a store that is added later is in the archive without a
//! word here, and none is forgotten.

/// What is made again from the rest: compiled plugins, and the database that follows the records.
const MADE_AGAIN: [&str; 2] = ["compiled", "hub"];

/// The folder in which backups are put together.
pub(super) const WORK: &str = "backup";

/// Says that a restore has not come to its end.
pub(super) const UNFINISHED: &str = "restore.unfinished";

/// How the keys are named that open everything else. They are not in a backup, unless they are asked for.
const KEY: &str = ".key";

/// The keys, where they are asked for.
pub(super) const KEYS: [&str; 2] = ["main.key", "admin.key"];

/// How files end that are being written, or were found damaged and set aside, or are only locks.
const NOT_KEPT: [&str; 3] = [".tmp", ".damaged", ".lock"];

/// Whether something directly in the data folder is looked at.
pub(super) fn belongs(name: &str) -> bool {
    let is_key = name.contains(KEY);
    // The journal is copied, not linked: its files change in place.
    let beside = MADE_AGAIN.contains(&name) || [WORK, UNFINISHED, "journal"].contains(&name);
    !(is_key || beside || name.contains(".damaged") || !is_kept(name))
}

/// Whether a file is whole and wanted.
pub(super) fn is_kept(name: &str) -> bool {
    !NOT_KEPT.iter().any(|ending| name.ends_with(ending))
}

/// Whether a file of an archive, by its path in the data folder, is one that a backup holds. What is made again, as compiled plugins, is taken
/// from nobody.
pub(super) fn is_of_a_backup(path: &str) -> bool {
    let (first, last) = (path.split('/').next().unwrap_or_default(), path.rsplit('/').next().unwrap_or_default());
    path == super::JOURNAL || KEYS.contains(&path) || (belongs(first) && is_kept(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_belongs_and_neither_keys_nor_what_is_made_again() {
        for name in ["revisions", "components", "versions", "something-of-later.json"] {
            assert!(belongs(name), "{name}");
        }
        for name in [
            "main.key",
            "admin.key",
            "main.key.next",
            "hub",
            "hub.damaged-17",
            "hub.lock",
            "compiled",
            "journal",
            "backup",
            "a.tmp",
        ] {
            assert!(!belongs(name), "{name}");
        }
        for path in ["journal/journal.db", "main.key", "admin.key", "tenancy.json", "revisions/00000000000000000001.json"] {
            assert!(is_of_a_backup(path), "{path}");
        }
        for path in ["compiled/0a", "hub/db", "journal/journal.db-wal", "main.key.next", "revisions/1.json.tmp", "x.damaged-1/y"]
        {
            assert!(!is_of_a_backup(path), "{path}");
        }
        assert!(!is_kept("00000000000000000001.json.damaged") && is_kept("00000000000000000001.json"));
    }
}
