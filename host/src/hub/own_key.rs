//! The main keys that lie in a data folder, for who takes one away with a copy of it, or brings one back: each by the id that the data keys name.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{
    StoreError,
    data_keys::{DataKeysError, Stored},
    main_key::{MainKey, MainKeyError, next_file, own_file},
};

/// A main key of a data folder.
pub struct OwnKey {
    /// Its id.
    pub id: String,
    /// Where it lies.
    pub file: PathBuf,
    /// The file's content.
    pub text: Zeroizing<Vec<u8>>,
}

/// The main keys of a folder: `main.key`, and the one that waits to take its place while it is changed. A host that has its key from elsewhere may have
/// left an old one here.
///
/// # Errors
/// Where one cannot be read, or is none.
pub fn own_keys(folder: &Path) -> Result<Vec<OwnKey>, MainKeyError> {
    let mut keys = Vec::new();
    for file in [own_file(folder), next_file(folder)] {
        if let Some(key) = MainKey::read(&file, &mut Vec::new())? {
            keys.push(OwnKey { id: key.id().to_owned(), text: key.text(), file });
        }
    }
    Ok(keys)
}

/// The id of the main key that opens the data keys in this file.
///
/// # Errors
/// Where there is no such file, or it is damaged.
pub fn wrapped_by(data_keys: &Path) -> Result<String, DataKeysError> {
    let stored = Stored::read_file(data_keys)?.ok_or_else(|| DataKeysError::Missing(data_keys.to_owned()))?;
    Ok(stored.main_key)
}

/// Whether `main.key` of a folder opens the data keys beside it. Where either is not there, there is nothing to say.
///
/// # Errors
/// Where it does not.
pub fn check_own_key(folder: &Path) -> Result<(), StoreError> {
    let own = own_file(folder);
    let (Some(main), Some(stored)) = (MainKey::read(&own, &mut Vec::new())?, Stored::read(folder)?) else { return Ok(()) };
    if stored.main_key != main.id() {
        let given = vec![(own.display().to_string(), main.id().to_owned())];
        return Err(MainKeyError::Wrong { wanted: stored.main_key, given }.into());
    }
    stored.unwrapped(folder, main)?;
    Ok(())
}

/// Where a folder has its data keys.
#[must_use]
pub fn data_keys_file(folder: &Path) -> PathBuf {
    super::data_keys::file(folder)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::hub::data_keys::DataKeys;

    #[test]
    fn keys_are_told_by_their_ids_and_a_wrong_one_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(own_keys(folder.path()).expect("read").is_empty() && check_own_key(folder.path()).is_ok());
        let (main, next) = (MainKey::made().expect("made"), MainKey::made().expect("made"));
        main.write(&own_file(folder.path())).expect("written");
        next.write(&next_file(folder.path())).expect("written");
        DataKeys::make(folder.path(), main.clone()).expect("made");
        let ids: Vec<String> = own_keys(folder.path()).expect("read").into_iter().map(|key| key.id).collect();
        assert_eq!(ids, [main.id(), next.id()]);
        assert_eq!(wrapped_by(&data_keys_file(folder.path())).expect("read"), main.id());
        check_own_key(folder.path()).expect("it opens");
        fs::rename(next_file(folder.path()), own_file(folder.path())).expect("renamed");
        let told = check_own_key(folder.path()).expect_err("another").to_string();
        assert!(told.contains(main.id()) && told.contains(next.id()), "{told}");
    }
}
