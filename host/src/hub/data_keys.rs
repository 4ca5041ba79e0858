//! Data keys: secrets are sealed under these, and these are wrapped by the main key in `data-keys.json`. So the main key can be changed for
//! another by one small write, and a secret says by a number which data key it is sealed under: old records of revisions keep theirs.
//!
//! One data key serves all workspaces, and is followed by the next (a generation): who has the main key has all of them anyway, and which
//! workspace a secret belongs to is bound into it as its place is.
//!
//! Beside them lies the root, wrapped like them, of which keys for other purposes are derived. It stays when the main key goes, so that
//! receipts, confirmations and compiled plugins stay good.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    aead::{AeadKey, KEY_BYTES},
    durable::{self, FileSystemError},
    main_key::MainKey,
};

/// Data keys that are kept at most. One goes when no record is left that needs it.
pub(super) const DATA_KEYS_MAX: usize = 1_000;

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;

/// Why there are no data keys.
#[derive(Debug, thiserror::Error)]
pub enum DataKeysError {
    /// The disk.
    #[error(transparent)]
    FileSystem(#[from] FileSystemError),
    /// New ones would leave everything sealed under the old ones unreadable.
    #[error("{} is missing, and the stored secrets are sealed under the keys in it: restore it from your backup", .0.display())]
    Missing(PathBuf),
    /// Not what this program writes.
    #[error("{} is damaged ({found}): restore it from your backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
}

/// The file. This is the form on disk: a field may be added, none may change its meaning.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    format: u32,
    /// The id of the main key that all of this is wrapped by.
    pub(super) main_key: String,
    root: String,
    /// By number; the highest seals.
    keys: BTreeMap<u32, String>,
}

/// The keys in clear, never changed: a change makes others.
#[derive(Clone)]
struct Held {
    main: MainKey,
    root: AeadKey,
    keys: BTreeMap<u32, AeadKey>,
}

/// The data keys of one folder. Changed by one at a time: at the start, or by whose turn it is to change the hub.
pub(super) struct DataKeys {
    path: PathBuf,
    held: ArcSwap<Held>,
    /// The oldest record when it was last looked at which keys are used; while it is the same, none came out of use.
    looked_at: AtomicU64,
}

impl Stored {
    /// `None`: there is no such file.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, DataKeysError> {
        Self::read_file(&file(folder))
    }

    /// The same of a file that is one, wherever it lies.
    pub(super) fn read_file(path: &Path) -> Result<Option<Self>, DataKeysError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileSystemError::when("read", path)(error).into()),
        };
        let path = path.to_owned();
        match serde_json::from_slice::<Self>(&text) {
            Ok(stored) if stored.format > FORMAT => {
                let found = format!("or of a newer version: its format is {}, and {FORMAT} is known here", stored.format);
                Err(DataKeysError::Damaged { path, found })
            }
            Ok(stored) => Ok(Some(stored)),
            Err(error) => Err(DataKeysError::Damaged { path, found: error.to_string() }),
        }
    }

    fn wrapped(held: &Held) -> io::Result<Self> {
        let main = held.main.key();
        let wrap = |(number, key): (&u32, &AeadKey)| Ok((*number, main.seal(&data_key_context(*number), key.bytes())?));
        Ok(Self {
            format: FORMAT,
            main_key: held.main.id().to_owned(),
            root: main.seal(ROOT_CONTEXT, held.root.bytes())?,
            keys: held.keys.iter().map(wrap).collect::<io::Result<_>>()?,
        })
    }

    /// Opened by the main key of the id that it names.
    pub(super) fn unwrapped(self, folder: &Path, main: MainKey) -> Result<DataKeys, DataKeysError> {
        let path = file(folder);
        let damaged = |found: String| DataKeysError::Damaged { path: path.clone(), found };
        let unwrap = |context: &str, wrapped: &str| -> Option<AeadKey> {
            let clear = main.key().open(context, wrapped)?;
            let bytes = <[u8; KEY_BYTES]>::try_from(clear.as_slice()).ok()?;
            Some(AeadKey::new(Zeroizing::new(bytes)))
        };
        let root = unwrap(ROOT_CONTEXT, &self.root).ok_or_else(|| damaged("its root does not open".to_owned()))?;
        let mut keys = BTreeMap::new();
        for (number, wrapped) in &self.keys {
            let key = unwrap(&data_key_context(*number), wrapped);
            keys.insert(*number, key.ok_or_else(|| damaged(format!("its data key {number} does not open")))?);
        }
        if keys.is_empty() {
            return Err(damaged("it holds no data key".to_owned()));
        }
        Ok(DataKeys::new(path, Held { main, root, keys }))
    }
}

impl DataKeys {
    /// The first ones of a folder.
    pub(super) fn make(folder: &Path, main: MainKey) -> Result<Self, DataKeysError> {
        let path = file(folder);
        let made = || AeadKey::made().map_err(FileSystemError::when("make", &path));
        let held = Held { main, root: made()?, keys: BTreeMap::from([(1, made()?)]) };
        let keys = Self::new(path.clone(), held.clone());
        keys.commit(held)?;
        Ok(keys)
    }

    fn new(path: PathBuf, held: Held) -> Self {
        Self { path, held: ArcSwap::from_pointee(held), looked_at: AtomicU64::new(0) }
    }

    /// The id of the main key.
    pub(super) fn main_key(&self) -> String {
        self.held.load().main.id().to_owned()
    }

    /// The one that seals, and its number.
    pub(super) fn current(&self) -> (u32, AeadKey) {
        let held = self.held.load();
        let (number, key) = held.keys.last_key_value().expect("there is always one");
        (*number, key.clone())
    }

    /// The one of this number.
    pub(super) fn key(&self, number: u32) -> Option<AeadKey> {
        self.held.load().keys.get(&number).cloned()
    }

    pub(super) fn count(&self) -> usize {
        self.held.load().keys.len()
    }

    /// A key for another purpose, which tells nothing of the others.
    pub(super) fn derived(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.held.load().root.bytes()).expect("HMAC takes a key of any length");
        mac.update(b"sluicebox key for ");
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// The main key that wraps them.
    pub(super) fn main(&self) -> MainKey {
        self.held.load().main.clone()
    }

    /// Writes the file once more. A write that failed may be on disk all the same, now or after a power cut: once this has gone well, what is
    /// there is what is in use.
    pub(super) fn rewrite(&self) -> Result<(), FileSystemError> {
        self.commit(Held::clone(&self.held.load()))
    }

    /// Wraps all by another main key.
    pub(super) fn rewrap(&self, main: MainKey) -> Result<(), FileSystemError> {
        self.commit(Held { main, ..Held::clone(&self.held.load()) })
    }

    /// Makes the data key that seals from now on, and wraps all by another main key where one is given: one write. Gives the data key's
    /// number.
    pub(super) fn renew(&self, main: Option<MainKey>) -> Result<u32, FileSystemError> {
        let mut held = Held::clone(&self.held.load());
        let number = self.current().0 + 1;
        held.keys.insert(number, AeadKey::made().map_err(FileSystemError::when("make a key for", &self.path))?);
        held.main = main.unwrap_or(held.main);
        self.commit(held)?;
        Ok(number)
    }

    /// Removes the data keys that nothing is sealed under any more; tells which. `used` reads all records, and is asked only where one of them
    /// has gone since: `oldest` is the first that is left.
    pub(super) fn retire<E: From<FileSystemError>>(
        &self,
        oldest: u64,
        used: impl FnOnce() -> Result<BTreeSet<u32>, E>,
    ) -> Result<Vec<u32>, E> {
        if self.count() == 1 || self.looked_at.load(Ordering::Relaxed) == oldest {
            return Ok(Vec::new());
        }
        let (used, (current, _)) = (used()?, self.current());
        let mut held = Held::clone(&self.held.load());
        let gone: Vec<u32> = held.keys.keys().filter(|number| **number != current && !used.contains(number)).copied().collect();
        if !gone.is_empty() {
            held.keys.retain(|number, _| !gone.contains(number));
            self.commit(held)?;
        }
        self.looked_at.store(oldest, Ordering::Relaxed);
        Ok(gone)
    }

    /// What is on disk is what is used, and from then on.
    fn commit(&self, held: Held) -> Result<(), FileSystemError> {
        let stored = Stored::wrapped(&held).and_then(|stored| Ok(serde_json::to_vec(&stored)?));
        durable::write(&self.path, &stored.map_err(FileSystemError::when("write", &self.path))?, durable::PRIVATE)?;
        self.held.store(Arc::new(held));
        Ok(())
    }
}

/// Where a folder has them.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join("data-keys.json")
}

const ROOT_CONTEXT: &str = "sluicebox root";

/// One that is put under another's number does not open.
fn data_key_context(number: u32) -> String {
    format!("sluicebox data key {number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main_key() -> MainKey {
        MainKey::made().expect("made")
    }

    fn reopened(folder: &Path, main: &MainKey) -> Result<DataKeys, DataKeysError> {
        Stored::read(folder)?.expect("there").unwrapped(folder, main.clone())
    }

    #[test]
    fn a_rewrapped_file_has_the_same_keys_and_opens_by_the_new_one_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (main_key(), main_key());
        let keys = DataKeys::make(folder.path(), old.clone()).expect("made");
        let sealed = keys.current().1.seal("x", b"canary").expect("sealed");
        let derived = keys.derived("receipts");
        keys.rewrap(new.clone()).expect("written");
        assert_eq!(keys.main_key(), new.id());

        let again = reopened(folder.path(), &new).expect("opened");
        assert_eq!(again.key(1).expect("there").open("x", &sealed).expect("opened").as_slice(), b"canary");
        assert_eq!(*again.derived("receipts"), *derived);
        assert_ne!(*again.derived("other"), *derived);
        assert!(reopened(folder.path(), &old).is_err(), "whatever the id says");
    }

    #[test]
    fn no_key_lies_in_the_file_in_clear() {
        let folder = tempfile::tempdir().expect("a folder");
        let main = main_key();
        let keys = DataKeys::make(folder.path(), main.clone()).expect("made");
        let text = fs::read(file(folder.path())).expect("read");
        for secret in [main.key().bytes(), keys.current().1.bytes(), keys.held.load().root.bytes()] {
            let spelt = hex::encode(secret);
            assert!(!text.windows(32).any(|window| window == secret));
            assert!(!String::from_utf8_lossy(&text).contains(&spelt));
        }
    }

    #[test]
    fn a_new_data_key_seals_and_an_unused_one_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let main = main_key();
        let keys = DataKeys::make(folder.path(), main.clone()).expect("made");
        assert_eq!(keys.renew(None).expect("made"), 2);
        assert_eq!(keys.renew(None).expect("made"), 3);
        let retire = |oldest, used: &[u32]| {
            let used = used.iter().copied().collect();
            keys.retire::<FileSystemError>(oldest, || Ok(used)).expect("retired")
        };
        assert!(retire(1, &[1, 2]).is_empty());
        assert!(retire(1, &[2]).is_empty(), "no record has gone since");
        assert_eq!(retire(5, &[2]), [1]);
        assert_eq!(retire(9, &[]), [2], "and never the one that seals");
        let again = reopened(folder.path(), &main).expect("opened");
        assert!(again.key(1).is_none() && again.key(2).is_none() && again.current().0 == 3);
    }

    #[test]
    fn what_was_damaged_or_moved_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let main = main_key();
        let keys = DataKeys::make(folder.path(), main.clone()).expect("made");
        keys.renew(None).expect("made");
        let path = file(folder.path());
        let text = fs::read_to_string(&path).expect("read");
        let mut swapped: Stored = serde_json::from_str(&text).expect("JSON");
        let first = swapped.keys.remove(&1).expect("there");
        let second = swapped.keys.insert(2, first).expect("there");
        swapped.keys.insert(1, second);
        for (damage, told) in [
            (text.replace("\"format\":1", "\"format\":2"), "newer version"),
            (text[..text.len() / 2].to_owned(), "damaged"),
            (serde_json::to_string(&swapped).expect("JSON"), "data key 1 does not open"),
            (text.replace("\"root\":\"", "\"root\":\"AAAA"), "root does not open"),
        ] {
            fs::write(&path, damage).expect("written");
            let error = reopened(folder.path(), &main).err().expect("refused").to_string();
            assert!(error.contains(told) && error.contains("data-keys.json"), "{error}");
        }
    }
}
