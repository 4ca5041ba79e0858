//! Unlocking a data folder: the main key is found, held against what the folder wants, and opens the data keys. Here also ends what a stop cut
//! off in the middle of a change of the main key, and here a folder is put under another one between two starts.
//!
//! A main key of the folder's own is changed in three steps: the new one is written to `main.key.next`, the data keys are wrapped by it, and it
//! is renamed to `main.key`. Whatever is cut off, one of the two files holds the key that `data-keys.json` names.
//!
//! That holds only where nothing is left of a change before. One that failed may have put the data keys under its `main.key.next`, although
//! whoever asked was told that it failed: so before that file is written or removed, what is in use is written anew (`settle`).

use std::{fs, path::Path};

use super::{
    FileSystemError, StoreError,
    data_keys::{DataKeys, DataKeysError, Stored},
    durable,
    main_key::{MainKey, MainKeyError, MainKeyOptions, next_file, own_file},
};

/// What a main key was found as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The one to use.
    Given,
    /// The one that was about to be.
    Next,
    /// The one before.
    Old,
}

struct Candidate {
    role: Role,
    place: String,
    key: MainKey,
}

/// The data keys of a folder; made where nothing was ever sealed in it.
pub(super) fn unlock(
    folder: &Path,
    options: &MainKeyOptions,
    nothing_sealed: bool,
    notes: &mut Vec<String>,
) -> Result<DataKeys, StoreError> {
    let Some(stored) = Stored::read(folder)? else {
        if !nothing_sealed {
            return Err(DataKeysError::Missing(folder.join("data-keys.json")).into());
        }
        return Ok(DataKeys::make(folder, first(folder, options, notes)?)?);
    };
    let mut candidates = candidates(folder, options, &stored.main_key, notes)?;
    let Some(fits) = candidates.iter().position(|candidate| candidate.key.id() == stored.main_key) else {
        let given = candidates.into_iter().map(|candidate| (candidate.place, candidate.key.id().to_owned())).collect();
        return Err(MainKeyError::Wrong { wanted: stored.main_key, given }.into());
    };
    let fitting = candidates.remove(fits);
    let keys = stored.unwrapped(folder, fitting.key)?;
    match fitting.role {
        Role::Given => {
            if options.source.is_ours() && next_file(folder).exists() {
                settle(folder, &keys)?;
            }
            if let Some(old) = &options.old {
                notes.push(format!("the old main key in {old} is not needed any more: take it away"));
            }
        }
        Role::Next => settle(folder, &keys)?,
        Role::Old => {
            match candidates.into_iter().find(|candidate| candidate.role == Role::Given) {
                Some(given) => keys.rewrap(given.key)?,
                None => {
                    keys.rewrite()?;
                    remove_next(folder)?;
                    put_under_own(folder, MainKey::made().map_err(made_in(folder))?, |main| keys.rewrap(main))?;
                }
            }
            notes.push(format!(
                "the data keys were put under the main key in {} (its id is {}); the old one is not needed any more: take it away",
                options.source,
                keys.main_key()
            ));
        }
    }
    Ok(keys)
}

/// Changes the folder's own main key for another; `wrap` is the step in the middle.
pub(super) fn change_own<T>(
    folder: &Path,
    keys: &DataKeys,
    new: MainKey,
    wrap: impl FnOnce(MainKey) -> Result<T, FileSystemError>,
) -> Result<T, FileSystemError> {
    settle(folder, keys)?;
    put_under_own(folder, new, wrap)
}

/// Ends what an earlier change of the folder's own main key has left, on disk or only in the file system's memory: the data keys are under the
/// key in use, then `main.key` is that key, and only then `main.key.next` goes. Each of the two is written anew, since a sync that failed says
/// nothing of what is on disk, and one that goes well later does not either.
fn settle(folder: &Path, keys: &DataKeys) -> Result<(), FileSystemError> {
    keys.rewrite()?;
    keys.main().write(&own_file(folder))?;
    remove_next(folder)
}

/// The three steps. Nothing of an earlier change may be left.
fn put_under_own<T>(
    folder: &Path,
    new: MainKey,
    wrap: impl FnOnce(MainKey) -> Result<T, FileSystemError>,
) -> Result<T, FileSystemError> {
    new.write(&next_file(folder))?;
    let wrapped = wrap(new)?;
    durable::put_in_place(&next_file(folder), &own_file(folder))?;
    Ok(wrapped)
}

/// The main key of a folder that holds nothing yet.
fn first(folder: &Path, options: &MainKeyOptions, notes: &mut Vec<String>) -> Result<MainKey, StoreError> {
    if !options.source.is_ours() {
        return Ok(options.source.key(folder, notes)?);
    }
    let own = own_file(folder);
    if let Some(key) = MainKey::read(&own, notes)? {
        return Ok(key);
    }
    let key = MainKey::made().map_err(made_in(folder))?;
    key.write(&own)?;
    Ok(key)
}

fn candidates(
    folder: &Path,
    options: &MainKeyOptions,
    wanted: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Candidate>, MainKeyError> {
    let mut found = Vec::new();
    if options.source.is_ours() {
        for (role, path) in [(Role::Given, own_file(folder)), (Role::Next, next_file(folder))] {
            if let Some(key) = MainKey::read(&path, notes)? {
                found.push(Candidate { role, place: path.display().to_string(), key });
            }
        }
        if found.is_empty() && options.old.is_none() {
            return Err(MainKeyError::Missing { wanted: wanted.to_owned() });
        }
    } else {
        let key = options.source.key(folder, notes)?;
        found.push(Candidate { role: Role::Given, place: options.source.to_string(), key });
    }
    if let Some(old) = &options.old {
        found.push(Candidate { role: Role::Old, place: old.to_string(), key: old.key(folder, notes)? });
    }
    Ok(found)
}

/// One that the data keys are not under, which is certain.
fn remove_next(folder: &Path) -> Result<(), FileSystemError> {
    let next = next_file(folder);
    if !next.exists() {
        return Ok(());
    }
    fs::remove_file(&next).map_err(FileSystemError::when("remove", &next))?;
    durable::sync_folder(folder)
}

fn made_in(folder: &Path) -> impl Fn(std::io::Error) -> FileSystemError + use<'_> {
    FileSystemError::when("make a main key in", folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Secret, hub::MainKeySource};

    fn environment(digit: char) -> MainKeySource {
        let text = format!("{digit}0").repeat(31) + "aa";
        MainKeySource::Environment("SLUICEBOX_MAIN_KEY", Secret::new(text))
    }

    fn try_unlock(
        folder: &Path,
        source: MainKeySource,
        old: Option<MainKeySource>,
    ) -> Result<(DataKeys, Vec<String>), StoreError> {
        let mut notes = Vec::new();
        let keys = unlock(folder, &MainKeyOptions { source, old }, false, &mut notes)?;
        Ok((keys, notes))
    }

    /// A folder under a key of its own, with a derived key to know its data keys by.
    fn own() -> (tempfile::TempDir, DataKeys) {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = unlock(folder.path(), &MainKeyOptions::default(), true, &mut Vec::new()).expect("made");
        (folder, keys)
    }

    fn opens(folder: &Path, keys: &DataKeys) {
        let (again, notes) = try_unlock(folder, MainKeySource::Folder, None).expect("opened");
        assert_eq!(*again.derived("test"), *keys.derived("test"));
        assert!(notes.is_empty() && !next_file(folder).exists(), "{notes:?}");
    }

    fn told(result: Result<(DataKeys, Vec<String>), StoreError>) -> String {
        result.err().expect("refused").to_string()
    }

    #[test]
    fn a_change_that_is_cut_off_at_any_step_leaves_a_folder_that_opens() {
        for steps in 0..=3 {
            let (folder, keys) = own();
            let (new, next) = (MainKey::made().expect("made"), next_file(folder.path()));
            if steps > 0 {
                new.write(&next).expect("written");
            }
            if steps > 1 {
                keys.rewrap(new).expect("wrapped");
            }
            if steps > 2 {
                fs::rename(&next, own_file(folder.path())).expect("renamed");
            }
            opens(folder.path(), &keys);
            opens(folder.path(), &keys);
        }
    }

    /// What a change leaves that failed at the sync after the data keys were renamed: they are under the new key, and the host goes on under the
    /// old one.
    fn wrapped_but_refused(folder: &Path) {
        let new = MainKey::made().expect("made");
        new.write(&next_file(folder)).expect("written");
        let stored = Stored::read(folder).expect("read").expect("there");
        let old = MainKey::read(&own_file(folder), &mut Vec::new()).expect("read").expect("there");
        stored.unwrapped(folder, old).expect("opened").rewrap(new).expect("wrapped");
    }

    fn refused<T>(folder: &Path) -> Result<T, FileSystemError> {
        Err(FileSystemError::when("write", &folder.join("data-keys.json"))(std::io::Error::other("the disk failed")))
    }

    #[test]
    fn a_change_after_one_that_failed_never_takes_the_only_key_away() {
        let (folder, keys) = own();
        wrapped_but_refused(folder.path());
        let again = change_own(folder.path(), &keys, MainKey::made().expect("made"), |_| refused::<()>(folder.path()));
        assert!(again.is_err());
        opens(folder.path(), &keys);
    }

    #[test]
    fn a_key_that_was_not_put_in_place_is_not_lost_by_the_next_change() {
        let (folder, keys) = own();
        let new = MainKey::made().expect("made");
        new.write(&next_file(folder.path())).expect("written");
        // The data keys are under it, in memory too, and then the disk failed.
        keys.rewrap(new).expect("wrapped");
        let again = change_own(folder.path(), &keys, MainKey::made().expect("made"), |_| refused::<()>(folder.path()));
        assert!(again.is_err());
        opens(folder.path(), &keys);
    }

    #[test]
    fn a_disk_that_fails_again_before_anything_is_settled_changes_nothing() {
        let (folder, keys) = own();
        wrapped_but_refused(folder.path());
        let next = fs::read(next_file(folder.path())).expect("read");
        // A folder in the place of the file: no rename succeeds.
        fs::remove_file(own_file(folder.path())).expect("removed");
        fs::create_dir(own_file(folder.path())).expect("a folder");
        let wrap = |_| -> Result<(), FileSystemError> { panic!("nothing is wrapped before the rest is settled") };
        assert!(change_own(folder.path(), &keys, MainKey::made().expect("made"), wrap).is_err());
        assert_eq!(fs::read(next_file(folder.path())).expect("still there"), next);
        let stored = Stored::read(folder.path()).expect("read").expect("there");
        assert_eq!(stored.main_key, keys.main_key(), "and what is in use is what the data keys are under");
    }

    #[test]
    fn no_new_main_key_takes_the_place_of_a_lost_one() {
        let (folder, keys) = own();
        let id = keys.main_key();
        let text = fs::read(own_file(folder.path())).expect("read");
        fs::remove_file(own_file(folder.path())).expect("removed");
        let lost = told(try_unlock(folder.path(), MainKeySource::Folder, None));
        assert!(lost.contains("main.key is missing") && lost.contains(&id), "{lost}");
        assert!(!own_file(folder.path()).exists());

        MainKey::made().expect("made").write(&own_file(folder.path())).expect("written");
        let wrong = told(try_unlock(folder.path(), MainKeySource::Folder, None));
        assert!(wrong.contains(&id) && wrong.contains("nothing was touched"), "{wrong}");
        fs::write(own_file(folder.path()), "0123").expect("written");
        assert!(told(try_unlock(folder.path(), MainKeySource::Folder, None)).contains("4 characters"));

        fs::write(own_file(folder.path()), text).expect("restored");
        opens(folder.path(), &keys);
        fs::remove_file(folder.path().join("data-keys.json")).expect("removed");
        let missing = told(try_unlock(folder.path(), MainKeySource::Folder, None));
        assert!(missing.contains("data-keys.json is missing"), "{missing}");
    }

    #[test]
    fn a_folder_moves_from_key_to_key_only_where_both_are_named() {
        let (folder, keys) = own();
        let wrong = told(try_unlock(folder.path(), environment('1'), None));
        assert!(wrong.contains("SLUICEBOX_MAIN_KEY has the id") && wrong.contains(&keys.main_key()), "{wrong}");
        let moved = |source: char, old: MainKeySource| {
            let (again, notes) = try_unlock(folder.path(), environment(source), Some(old)).expect("moved");
            assert_eq!(*again.derived("test"), *keys.derived("test"));
            notes.concat()
        };
        let old = MainKeySource::File(own_file(folder.path()));
        assert!(moved('1', old).contains("were put under the main key in SLUICEBOX_MAIN_KEY"));
        assert!(moved('1', environment('2')).contains("not needed any more"), "it is there already");
        assert!(moved('2', environment('1')).contains("were put under"));
        assert!(try_unlock(folder.path(), environment('1'), None).is_err());

        // And back to one of its own, which is made.
        fs::remove_file(own_file(folder.path())).expect("removed");
        try_unlock(folder.path(), MainKeySource::Folder, Some(environment('2'))).expect("moved");
        opens(folder.path(), &keys);
    }

    #[test]
    fn a_place_without_a_key_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let none = MainKeySource::File(folder.path().join("none"));
        let options = MainKeyOptions { source: none, old: None };
        let error = unlock(folder.path(), &options, true, &mut Vec::new()).err().expect("refused").to_string();
        assert!(error.contains("none") && error.contains("no such file"), "{error}");
        assert!(!folder.path().join("data-keys.json").exists());
    }
}
