//! The admin key, which opens the API. It lies in clear in the data folder, in `admin.key`, readable by its owner alone.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::durable::{self, FileSystemError};

/// How the admin key begins, so that scanners for leaked secrets know it.
const ADMIN_PREFIX: &str = "slk_";

/// The digits of 32 random bytes.
const ADMIN_DIGITS_MIN: usize = 64;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The disk.
    #[error(transparent)]
    FileSystem(#[from] FileSystemError),
    /// Not what this program writes, or only a part of it, which could be guessed.
    #[error(
        "admin.key is not `{ADMIN_PREFIX}` and at least {ADMIN_DIGITS_MIN} hexadecimal digits: restore it from your backup, or remove \
         the file, and a new key is made at the next start"
    )]
    AdminKeyDamaged,
}

/// The key of whoever operates the host.
pub(super) struct Keys {
    admin: ArcSwap<Zeroizing<String>>,
    admin_file: PathBuf,
}

/// [`Keys`], and what there is to say about them.
pub(super) struct OpenedKeys {
    pub(super) keys: Keys,
    pub(super) admin_key_made: bool,
    pub(super) notes: Vec<String>,
}

impl Keys {
    /// Reads the key of the folder, or makes it.
    pub(super) fn open(folder: &Path) -> Result<OpenedKeys, KeysError> {
        let mut notes = Vec::new();
        let admin_file = folder.join("admin.key");
        let (admin, admin_key_made) = match read(&admin_file, &mut notes)? {
            Some(text) => (Zeroizing::new(text.trim().to_owned()), false),
            None => (make_admin(&admin_file)?, true),
        };
        if !is_whole(&admin) {
            return Err(KeysError::AdminKeyDamaged);
        }
        let keys = Self { admin: ArcSwap::from_pointee(admin), admin_file };
        Ok(OpenedKeys { keys, admin_key_made, notes })
    }

    /// Whether this is the admin key. Takes the same time for every wrong key of the right length.
    pub(super) fn is_admin(&self, presented: &str) -> bool {
        self.admin.load().as_bytes().ct_eq(presented.as_bytes()).into()
    }

    /// Makes a new admin key in the place of the one there is, which ends with it.
    pub(super) fn rotate_admin(&self) -> Result<Zeroizing<String>, FileSystemError> {
        let admin = make_admin(&self.admin_file)?;
        self.admin.store(Arc::new(admin.clone()));
        Ok(admin)
    }
}

/// An admin key that was cut off opens the API to who guesses the rest.
fn is_whole(admin: &str) -> bool {
    let digits = admin.strip_prefix(ADMIN_PREFIX).map(str::as_bytes);
    digits.is_some_and(|digits| digits.len() >= ADMIN_DIGITS_MIN && digits.iter().all(u8::is_ascii_hexdigit))
}

fn read(path: &Path, notes: &mut Vec<String>) -> Result<Option<Zeroizing<String>>, FileSystemError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileSystemError::when("read", path)(error)),
    };
    let mode = fs::metadata(path).map_err(FileSystemError::when("read", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        notes.push(format!("{0} can be read by others (mode {1:03o}): chmod 600 {0}", path.display(), mode & 0o777));
    }
    Ok(Some(text))
}

fn make_admin(path: &Path) -> Result<Zeroizing<String>, FileSystemError> {
    let random = random::<32>().map_err(FileSystemError::when("make", path))?;
    let digits = Zeroizing::new(hex::encode(*random));
    let admin = Zeroizing::new(format!("{ADMIN_PREFIX}{}", *digits));
    durable::write(path, admin.as_bytes(), durable::PRIVATE)?;
    Ok(admin)
}

/// Bytes that nobody can guess: for keys, secrets and nonces.
pub(super) fn random<const N: usize>() -> io::Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Keys::open(folder.path()).expect("made");
        assert!(first.admin_key_made && first.notes.is_empty());
        let mode = fs::metadata(folder.path().join("admin.key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let again = Keys::open(folder.path()).expect("read");
        assert!(!again.admin_key_made);
        assert!(again.keys.is_admin(&first.keys.admin.load()));
        assert!(!again.keys.is_admin("slk_other") && !again.keys.is_admin(""));
    }

    #[test]
    fn a_new_admin_key_is_good_at_once_and_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = Keys::open(folder.path()).expect("made").keys;
        let old = keys.admin.load_full();
        let new = keys.rotate_admin().expect("rotated");
        assert!(is_whole(&new) && keys.is_admin(&new) && !keys.is_admin(&old));
        let again = Keys::open(folder.path()).expect("read");
        assert!(!again.admin_key_made && again.keys.is_admin(&new));
        let mode = fs::metadata(folder.path().join("admin.key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn an_admin_key_is_whole_or_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        Keys::open(folder.path()).expect("made");
        let path = folder.path().join("admin.key");
        let whole = fs::read_to_string(&path).expect("read");
        for bad in ["", "slk_", &whole[..whole.len() - 1], &whole[4..], &whole.replace("slk_", "slk_-")] {
            fs::write(&path, bad).expect("written");
            assert!(matches!(Keys::open(folder.path()), Err(KeysError::AdminKeyDamaged)), "{bad}");
        }
        fs::write(&path, format!("{whole}\n")).expect("written");
        assert!(Keys::open(folder.path()).is_ok());
    }

    #[test]
    fn a_key_that_others_can_read_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        Keys::open(folder.path()).expect("made");
        let path = folder.path().join("admin.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("opened up");
        let notes = Keys::open(folder.path()).expect("read").notes;
        assert!(notes.len() == 1 && notes[0].contains("chmod 600"), "{notes:?}");
    }
}
