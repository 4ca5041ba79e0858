//! The two secrets that lie in clear in the data folder, readable by their owner alone: `main.key`, which seals all others, and
//! `admin.key`, which opens the API.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
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
    /// A new one would leave everything sealed with the old one unreadable.
    #[error("main.key is missing, and the stored secrets are sealed with it: restore it from your backup")]
    MainKeyMissing,
    /// Not what this program writes.
    #[error("main.key is not 64 hexadecimal digits: restore it from your backup")]
    MainKeyDamaged,
    /// Not what this program writes, or only a part of it, which could be guessed.
    #[error(
        "admin.key is not `{ADMIN_PREFIX}` and at least {ADMIN_DIGITS_MIN} hexadecimal digits: restore it from your backup, or remove \
         the file, and a new key is made at the next start"
    )]
    AdminKeyDamaged,
}

/// Both keys.
pub(super) struct Keys {
    pub(super) main: Zeroizing<[u8; 32]>,
    admin: Zeroizing<String>,
}

/// [`Keys`], and what there is to say about them.
pub(super) struct OpenedKeys {
    pub(super) keys: Keys,
    pub(super) admin_key_made: bool,
    pub(super) notes: Vec<String>,
}

impl Keys {
    /// Reads the keys of the folder. What is not there is made; the main key only where `nothing_sealed` with another one.
    pub(super) fn open(folder: &Path, nothing_sealed: bool) -> Result<OpenedKeys, KeysError> {
        let mut notes = Vec::new();
        let main = match read(&folder.join("main.key"), &mut notes)? {
            Some(text) => main_of(text.trim())?,
            None if nothing_sealed => make_main(&folder.join("main.key"))?,
            None => return Err(KeysError::MainKeyMissing),
        };
        let (admin, admin_key_made) = match read(&folder.join("admin.key"), &mut notes)? {
            Some(text) => (Zeroizing::new(text.trim().to_owned()), false),
            None => (make_admin(&folder.join("admin.key"))?, true),
        };
        if !is_whole(&admin) {
            return Err(KeysError::AdminKeyDamaged);
        }
        Ok(OpenedKeys { keys: Self { main, admin }, admin_key_made, notes })
    }

    /// A key for another purpose, which tells nothing of the main key.
    pub(super) fn derived(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.main).expect("HMAC takes a key of any length");
        mac.update(b"sluicebox key for ");
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// Whether this is the admin key. Takes the same time for every wrong key of the right length.
    pub(super) fn is_admin(&self, presented: &str) -> bool {
        self.admin.as_bytes().ct_eq(presented.as_bytes()).into()
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

pub(super) fn main_of(text: &str) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let mut main = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, &mut *main).map_err(|_| KeysError::MainKeyDamaged)?;
    Ok(main)
}

fn make_main(path: &Path) -> Result<Zeroizing<[u8; 32]>, FileSystemError> {
    let main = random().map_err(FileSystemError::when("make", path))?;
    durable::write(path, Zeroizing::new(hex::encode(*main)).as_bytes(), durable::PRIVATE)?;
    Ok(main)
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
    fn keys_are_made_once_and_only_for_their_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Keys::open(folder.path(), true).expect("made");
        assert!(first.admin_key_made && first.notes.is_empty());
        for name in ["main.key", "admin.key"] {
            let mode = fs::metadata(folder.path().join(name)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }

        let again = Keys::open(folder.path(), false).expect("read");
        assert!(!again.admin_key_made);
        assert_eq!(*again.keys.main, *first.keys.main);
        assert_eq!(*again.keys.derived("a"), *first.keys.derived("a"));
        assert_ne!(*again.keys.derived("a"), *again.keys.derived("b"));
        assert!(again.keys.is_admin(&first.keys.admin));
        assert!(!again.keys.is_admin("slk_other") && !again.keys.is_admin(""));
    }

    #[test]
    fn an_admin_key_is_whole_or_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        Keys::open(folder.path(), true).expect("made");
        let path = folder.path().join("admin.key");
        let whole = fs::read_to_string(&path).expect("read");
        for bad in ["", "slk_", &whole[..whole.len() - 1], &whole[4..], &whole.replace("slk_", "slk_-")] {
            fs::write(&path, bad).expect("written");
            assert!(matches!(Keys::open(folder.path(), false), Err(KeysError::AdminKeyDamaged)), "{bad}");
        }
        fs::write(&path, format!("{whole}\n")).expect("written");
        assert!(Keys::open(folder.path(), false).is_ok());
    }

    #[test]
    fn a_key_that_others_can_read_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        Keys::open(folder.path(), true).expect("made");
        let path = folder.path().join("main.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("opened up");
        let notes = Keys::open(folder.path(), false).expect("read").notes;
        assert!(notes.len() == 1 && notes[0].contains("chmod 600"), "{notes:?}");
    }

    #[test]
    fn no_new_main_key_takes_the_place_of_a_lost_one() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(Keys::open(folder.path(), false), Err(KeysError::MainKeyMissing)));
        fs::write(folder.path().join("main.key"), "0123").expect("written");
        assert!(matches!(Keys::open(folder.path(), false), Err(KeysError::MainKeyDamaged)));
    }
}
