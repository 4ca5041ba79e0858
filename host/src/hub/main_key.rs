//! The main key, which wraps all others, and where it comes from: a file of this data folder, a file of the operator's, the environment, or
//! what the service manager hands over. The folder itself says, by the key's id, which one it wants; so a wrong one is told before anything
//! is touched, and none is ever made in the place of a lost one.

use std::{
    fmt, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    aead::{AeadKey, KEY_BYTES},
    durable::{self, FileSystemError},
};
use crate::event::Secret;

/// The digits of a key.
const DIGITS: usize = 2 * KEY_BYTES;
/// Far more than a key and an end of line; what is longer is another file.
const FILE_BYTES_MAX: u64 = 4 << 10;

/// Where the host has its main key from.
#[derive(Clone, Debug, Default)]
pub struct MainKeyOptions {
    /// The key.
    pub source: MainKeySource,
    /// The one before it: where the data folder is still under that one, it is put under the key at the start.
    pub old: Option<MainKeySource>,
}

/// A place of a main key.
#[derive(Clone, Debug, Default)]
pub enum MainKeySource {
    /// `main.key` in the data folder, made at the first start.
    #[default]
    Folder,
    /// A file of the operator's, or a credential of the service manager.
    File(PathBuf),
    /// The text itself, from the variable of the environment that is named.
    Environment(&'static str, Secret),
}

impl MainKeySource {
    /// Whether the host may write a new key there.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Folder)
    }
}

/// For people.
impl fmt::Display for MainKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder => f.write_str("main.key of the data folder"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(variable, _) => f.write_str(variable),
        }
    }
}

/// Why there is no main key.
#[derive(Debug, thiserror::Error)]
pub enum MainKeyError {
    /// The disk.
    #[error(transparent)]
    FileSystem(#[from] FileSystemError),
    /// A new one would leave everything sealed under the old one unreadable.
    #[error(
        "main.key is missing, and the secrets of this data folder are sealed under it (its id is {wanted}): restore it from your backup, or \
         say where it is (--main-key-file, SLUICEBOX_MAIN_KEY, main_key_file of sluicebox.toml, or a credential)"
    )]
    Missing {
        /// The id.
        wanted: String,
    },
    /// The operator named a place where there is none.
    #[error("there is no main key in {place}: no such file")]
    NotThere {
        /// The file.
        place: PathBuf,
    },
    /// Not 64 hexadecimal digits. Of the text itself nothing is told.
    #[error("the main key in {place} is not {DIGITS} hexadecimal digits, but {found}: `openssl rand -hex {KEY_BYTES}` makes one")]
    Malformed {
        /// Where it was.
        place: String,
        /// What it is instead.
        found: String,
    },
    /// A key, but not this folder's.
    #[error(
        "{} of {wanted}, which the secrets of this data folder are sealed under; nothing was touched. Give that key; to change it for another, \
         give it as the old one (--old-main-key-file, SLUICEBOX_MAIN_KEY_OLD) beside the new one",
        not_that(given)
    )]
    Wrong {
        /// The id of the one that is wanted.
        wanted: String,
        /// Where keys were found, and their ids.
        given: Vec<(String, String)>,
    },
}

/// `the main key in FILE has the id X, and not that`
fn not_that(given: &[(String, String)]) -> String {
    let told: Vec<String> = given.iter().map(|(place, id)| format!("the main key in {place} has the id {id}")).collect();
    format!("{}, and not that", told.join("; "))
}

/// A main key.
#[derive(Clone, Debug)]
pub(super) struct MainKey {
    key: AeadKey,
    id: String,
}

impl MainKey {
    pub(super) fn made() -> io::Result<Self> {
        AeadKey::made().map(Self::of)
    }

    fn of(key: AeadKey) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes a key of any length");
        mac.update(b"sluicebox main key id");
        let id = hex::encode(&mac.finalize().into_bytes()[..8]);
        Self { key, id }
    }

    /// A key as people write it: digits, with spaces or an end of line around them.
    pub(super) fn parse(text: &str, place: &dyn fmt::Display) -> Result<Self, MainKeyError> {
        let text = text.trim();
        let malformed = |found| MainKeyError::Malformed { place: place.to_string(), found };
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        match (hex::decode_to_slice(text, &mut *bytes), text.chars().count()) {
            (Ok(()), _) if bytes.iter().all(|byte| *byte == bytes[0]) => Err(malformed("one byte repeated".to_owned())),
            (Ok(()), _) => Ok(Self::of(AeadKey::new(bytes))),
            (Err(_), DIGITS) => Err(malformed(format!("{DIGITS} characters that are not all of 0-9 and a-f"))),
            (Err(_), 0) => Err(malformed("empty".to_owned())),
            (Err(_), length) => Err(malformed(format!("{length} characters"))),
        }
    }

    /// What it is known by. It tells nothing of the key, which has too many values to try them.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn key(&self) -> &AeadKey {
        &self.key
    }

    /// As it stands in a file.
    pub(super) fn text(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(hex::encode(self.key.bytes()).into_bytes())
    }

    /// Puts it into a file that only the owner reads.
    pub(super) fn write(&self, path: &Path) -> Result<(), FileSystemError> {
        durable::write(path, &self.text(), durable::PRIVATE)
    }

    /// The key in a file; `None`: there is no such file.
    pub(super) fn read(path: &Path, notes: &mut Vec<String>) -> Result<Option<Self>, MainKeyError> {
        let failed = FileSystemError::when("read", path);
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error).into()),
        };
        if metadata.len() > FILE_BYTES_MAX {
            let found = format!("a file of {} bytes", metadata.len());
            return Err(MainKeyError::Malformed { place: path.display().to_string(), found });
        }
        let bytes = Zeroizing::new(fs::read(path).map_err(failed)?);
        let mode = metadata.permissions().mode();
        if mode & 0o077 != 0 && !is_credential(path) {
            notes.push(format!("{0} can be read by others (mode {1:03o}): chmod 600 {0}", path.display(), mode & 0o777));
        }
        Self::parse(&String::from_utf8_lossy(&bytes), &path.display()).map(Some)
    }
}

impl MainKeySource {
    /// The key of a place that is not ours.
    pub(super) fn key(&self, folder: &Path, notes: &mut Vec<String>) -> Result<MainKey, MainKeyError> {
        match self {
            Self::Environment(variable, text) => MainKey::parse(text.expose(), variable),
            Self::Folder => read_there(&own_file(folder), notes),
            Self::File(path) => read_there(path, notes),
        }
    }
}

fn read_there(path: &Path, notes: &mut Vec<String>) -> Result<MainKey, MainKeyError> {
    MainKey::read(path, notes)?.ok_or_else(|| MainKeyError::NotThere { place: path.to_owned() })
}

/// Where the host keeps a key of its own.
pub(super) fn own_file(folder: &Path) -> PathBuf {
    folder.join("main.key")
}

/// Where a new one of its own waits until the data keys are under it.
pub(super) fn next_file(folder: &Path) -> PathBuf {
    folder.join("main.key.next")
}

/// systemd guards these by the folder (mode 0500) and an ACL that looks like a mode of 0440.
fn is_credential(path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| fs::metadata(folder).ok());
    folder.is_some_and(|folder| folder.permissions().mode() & 0o077 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sixty_four_digits_and_has_an_id() {
        let text = format!(" {}\n", "0123456789abcDEF".repeat(4));
        let key = MainKey::parse(&text, &"here").expect("a key");
        assert_eq!(key.id().len(), 16);
        assert!(!text.contains(key.id()));
        assert_eq!(format!("{key:?}"), format!("MainKey {{ key: AeadKey(..), id: {:?} }}", key.id()));
    }

    #[test]
    fn what_is_no_key_is_told_without_its_text() {
        for (text, found) in [
            (String::new(), "empty"),
            ("canary".to_owned(), "6 characters"),
            ("canary".repeat(11)[..64].to_owned(), "64 characters that are not all of 0-9 and a-f"),
            ("0a".repeat(32), "one byte repeated"),
        ] {
            let told = MainKey::parse(&text, &"SLUICEBOX_MAIN_KEY").expect_err("refused").to_string();
            assert!(told.contains("SLUICEBOX_MAIN_KEY") && told.contains(found) && !told.contains("canary"), "{told}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("opened up");
        let path = folder.path().join("key");
        MainKey::made().expect("made").write(&path).expect("written");
        let mut notes = Vec::new();
        MainKey::read(&path, &mut notes).expect("read");
        assert!(notes.is_empty(), "{notes:?}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("opened up");
        MainKey::read(&path, &mut notes).expect("read");
        assert!(notes.len() == 1 && notes[0].contains("chmod 600"), "{notes:?}");
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        fs::write(&path, vec![b'0'; 8 << 10]).expect("written");
        let told = MainKey::read(&path, &mut Vec::new()).expect_err("refused").to_string();
        assert!(told.contains("8192 bytes"), "{told}");
    }
}
