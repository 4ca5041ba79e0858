//! The keys of a data folder as a further part of an archive: whoever has it opens every secret. The main key is the one that the archive is
//! under, found by its id, or none is packed: another would be found to be so on the day on which it is needed.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{choose::KEYS, pack::Packer};
use crate::{
    event::Timestamp,
    hub::{self, MainKeyError, OwnKey},
};

/// Why the keys are not in the archive.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// None of the folder's is the archive's.
    #[error(
        "the archive is under the main key with the id {wanted}, and {}: a host that has its main key from elsewhere (--main-key-file, \
         SLUICEBOX_MAIN_KEY, a credential) is backed up without --with-keys, and its key kept beside the archive; where --data names another host's \
         folder, name the right one",
        found(.data, .given)
    )]
    NotHere {
        /// The id of the archive's.
        wanted: String,
        /// The folder that was looked into.
        data: PathBuf,
        /// Where keys were found, and their ids.
        given: Vec<(PathBuf, String)>,
    },
    /// What lies there is no key, or cannot be read.
    #[error(transparent)]
    MainKey(#[from] MainKeyError),
    /// The disk, or whoever takes the archive.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which key's file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

fn found(data: &Path, given: &[(PathBuf, String)]) -> String {
    if given.is_empty() {
        return format!("there is none in {}", data.display());
    }
    let told: Vec<String> = given.iter().map(|(file, id)| format!("that in {} has the id {id}", file.display())).collect();
    told.join(", ")
}

/// The keys that lie in a data folder.
pub struct Keys {
    data: PathBuf,
    main: Vec<OwnKey>,
}

impl Keys {
    /// Reads the main keys: before the archive's moment, so that the one which it is under is at hand also where it is changed meanwhile.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(data: &Path) -> Result<Self, KeyError> {
        Ok(Self { data: data.to_owned(), main: hub::own_keys(data)? })
    }

    /// The one of this id; where it came to be after the others were read, it is read now.
    ///
    /// # Errors
    /// [`KeyError::NotHere`].
    pub fn main_key(mut self, wanted: &str) -> Result<ArchivesKey, KeyError> {
        self.main.extend(hub::own_keys(&self.data)?);
        match self.main.iter().position(|key| key.id == wanted) {
            Some(fits) => Ok(ArchivesKey { text: self.main.swap_remove(fits).text, data: self.data }),
            None => {
                let mut given: Vec<_> = self.main.into_iter().map(|key| (key.file, key.id)).collect();
                given.sort();
                given.dedup();
                Err(KeyError::NotHere { wanted: wanted.to_owned(), data: self.data, given })
            }
        }
    }
}

/// The main key that an archive is under.
pub struct ArchivesKey {
    text: Zeroizing<Vec<u8>>,
    data: PathBuf,
}

impl ArchivesKey {
    /// Writes it as a further part of the archive, and the admin key with it where there is one.
    ///
    /// # Errors
    /// [`KeyError::Io`].
    pub fn write(&self, to: impl Write, now: Timestamp) -> Result<(), KeyError> {
        let mut packer = Packer::new(to, now);
        let [main, admin] = KEYS.map(|name| self.data.join(name));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| KeyError::Io { path, source }
        };
        packer.add_from(KEYS[0], self.text.as_slice(), self.text.len() as u64).map_err(failed(&main))?;
        match fs::exists(&admin) {
            Ok(true) => packer.add(KEYS[1], &admin).map_err(failed(&admin))?,
            Ok(false) => {}
            Err(error) => return Err(failed(&admin)(error)),
        }
        packer.finish().map(drop).map_err(failed(&main))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 3] = [
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100",
        "0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10",
    ];

    fn id_of(text: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("main.key"), text).expect("written");
        hub::own_keys(folder.path()).expect("read").remove(0).id
    }

    /// Which key is packed for an archive under this one.
    fn packed(data: &Path, wanted: &str, between: impl FnOnce()) -> Result<Vec<u8>, KeyError> {
        let keys = Keys::read(data)?;
        between();
        keys.main_key(&id_of(wanted)).map(|key| key.text.to_vec())
    }

    #[test]
    fn the_key_of_the_archives_moment_is_packed_whatever_becomes_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (own, next) = (folder.path().join("main.key"), folder.path().join("main.key.next"));
        fs::write(&own, TEXTS[0]).expect("written");
        assert_eq!(packed(folder.path(), TEXTS[0], || ()).expect("there"), TEXTS[0].as_bytes());
        // It is changed while the archive is sent; and before its moment.
        let changed = || fs::write(&own, TEXTS[1]).expect("changed");
        assert_eq!(packed(folder.path(), TEXTS[0], changed).expect("it was read"), TEXTS[0].as_bytes());
        fs::write(&own, TEXTS[0]).expect("back");
        assert_eq!(packed(folder.path(), TEXTS[1], changed).expect("it is read again"), TEXTS[1].as_bytes());
        // A change that was cut off.
        fs::write(&next, TEXTS[2]).expect("written");
        assert_eq!(packed(folder.path(), TEXTS[2], || ()).expect("it waits"), TEXTS[2].as_bytes());
    }

    #[test]
    fn a_key_that_is_not_the_archives_is_not_packed() {
        let folder = tempfile::tempdir().expect("a folder");
        let none = packed(folder.path(), TEXTS[0], || ()).expect_err("refused").to_string();
        assert!(none.contains("there is none in") && !none.contains("  "), "{none}");
        fs::write(folder.path().join("main.key"), TEXTS[1]).expect("written");
        let other = packed(folder.path(), TEXTS[0], || ()).expect_err("refused").to_string();
        assert!(other.contains(&id_of(TEXTS[0])) && other.contains(&id_of(TEXTS[1])) && other.contains("--with-keys"), "{other}");
        assert_eq!(other.matches(&id_of(TEXTS[1])).count(), 1, "{other}");
    }
}
