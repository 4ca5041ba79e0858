//! Artefacts on disk: a file for each component and kind of engine, under an HMAC with a key of this data folder.
//!
//! Nothing here is ever fatal. What is missing, cut off, changed, or another folder's is compiled anew, and where a file cannot be
//! written the next start compiles again. A file is replaced by a rename, never overwritten: one that is mapped stays whole.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wasmtime::Engine;
use zeroize::Zeroizing;

use super::{
    super::{Exports, late::Facts},
    ARTEFACT_BYTES_MAX, Artefact,
};
use crate::event::Digest;

/// How a file begins; its last byte is the version of what follows.
const MAGIC: &[u8; 8] = b"slbxaot\x02";
const MAC_BYTES: usize = 32;
/// Facts: a bit for each export, and the memory at the start.
const FACTS_BYTES: usize = 1 + 8;
/// What can be read and trusted without the rest: the facts, and an HMAC of their own.
const HEAD_BYTES: usize = MAGIC.len() + FACTS_BYTES + MAC_BYTES;
/// All that stands before the artefact.
const HEADER_BYTES: usize = HEAD_BYTES + MAC_BYTES;

const ENDING: &str = ".aot";
/// How unfinished files end.
const UNFINISHED: &str = ".tmp";

/// The folder of artefacts. Only one process has it, since only one has the data folder.
pub(in crate::plugin) struct Cache {
    folder: PathBuf,
    key: Zeroizing<[u8; 32]>,
    /// How names end that this engine can load: what it compiles to, and how it is set up.
    suffix: String,
    bytes_max: u64,
}

impl Cache {
    /// Opens the folder, makes it where it is not there, and removes what no engine like this one can load.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or read.
    pub(in crate::plugin) fn open(folder: &Path, key: Zeroizing<[u8; 32]>, engine: &Engine, bytes_max: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let cache = Self { folder: folder.to_owned(), key, suffix: suffix(engine), bytes_max };
        cache.sweep()?;
        Ok(cache)
    }

    /// The component's artefact, where it is here and sound.
    pub(in crate::plugin) fn read(&self, digest: &Digest) -> Option<Artefact> {
        let path = self.path(digest);
        match read_touched(&path) {
            Ok(file) => match self.checked(digest, file) {
                Ok(artefact) => Some(artefact),
                Err(why) => {
                    self.discard(digest, &why);
                    None
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "a compiled component cannot be read: it is compiled anew");
                None
            }
        }
    }

    /// Keeps an artefact for the next start, in the place of what may be longest unused.
    pub(in crate::plugin) fn keep(&self, digest: &Digest, artefact: &Artefact, facts: Facts) {
        let path = self.path(digest);
        let facts = written(facts);
        let head_mac = self.mac(digest, &facts).finalize().into_bytes();
        let mac = self.mac(digest, &artefact.0).finalize().into_bytes();
        let written = write(&path, &[MAGIC, &facts, &head_mac, &mac, &artefact.0]).and_then(|()| self.make_room(&path));
        if let Err(error) = written {
            tracing::warn!(file = %path.display(), %error, "a compiled component is not kept: the next start compiles it again");
        }
    }

    /// What the head of the component's file tells of it, and how large its artefact is; the artefact itself is not looked at.
    pub(in crate::plugin) fn facts(&self, digest: &Digest) -> Option<(Facts, u64)> {
        let mut file = File::open(self.path(digest)).ok()?;
        touch(&file);
        let length = file.metadata().ok()?.len();
        let mut head = [0; HEAD_BYTES];
        file.read_exact(&mut head).ok()?;
        let (facts, mac) = head.strip_prefix(MAGIC)?.split_at(FACTS_BYTES);
        self.mac(digest, facts).verify_slice(mac).ok()?;
        Some((read_facts(facts)?, length.saturating_sub(HEADER_BYTES as u64)))
    }

    /// Removes an artefact that is not needed any more.
    pub(in crate::plugin) fn remove(&self, digest: &Digest) {
        // One that is not there is as good as removed; one that cannot be gives way when the folder is full.
        let _ = fs::remove_file(self.path(digest));
    }

    /// Removes an artefact that did not serve.
    pub(in crate::plugin) fn discard(&self, digest: &Digest, why: &dyn std::fmt::Display) {
        let path = self.path(digest);
        tracing::warn!(file = %path.display(), "a compiled component is not used, but compiled anew: {why}");
        // Where it cannot be removed it is replaced.
        let _ = fs::remove_file(path);
    }

    /// The artefact in a file, if all of it is what [`keep`](Self::keep) wrote under this name and key.
    fn checked(&self, digest: &Digest, mut file: Vec<u8>) -> Result<Artefact, &'static str> {
        let Some((header, artefact)) = file.split_at_checked(HEADER_BYTES) else { return Err("it is cut off") };
        if !header.starts_with(MAGIC) {
            return Err("it is of another version");
        }
        let (facts, macs) = header[MAGIC.len()..].split_at(FACTS_BYTES);
        let (head_mac, mac) = macs.split_at(MAC_BYTES);
        let checked = self.mac(digest, facts).verify_slice(head_mac).and_then(|()| self.mac(digest, artefact).verify_slice(mac));
        match checked {
            Ok(()) => {
                // In its place: a second copy would be up to half a gigabyte more.
                file.drain(..HEADER_BYTES);
                Ok(Artefact(file))
            }
            Err(_) => Err("it is damaged, or was not written by the host of this data folder"),
        }
    }

    /// Of an artefact, or of the facts, which cannot be taken for one: so few bytes are no native code, and the engine refuses them. Over the
    /// name too: an artefact that is renamed to another component's is not that component.
    fn mac(&self, digest: &Digest, artefact: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&*self.key).expect("HMAC takes a key of any length");
        let name = self.name(digest);
        mac.update(MAGIC);
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(artefact);
        mac
    }

    fn name(&self, digest: &Digest) -> String {
        format!("{}{}", hex::encode(digest.as_bytes()), self.suffix)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(self.name(digest))
    }

    /// Removes what an interrupted write, and what another engine left.
    fn sweep(&self) -> io::Result<()> {
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            if name.ends_with(UNFINISHED) || (name.ends_with(ENDING) && !name.ends_with(&self.suffix)) {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }

    /// Removes what was not used for longest until the rest is within bounds; never what was just written.
    fn make_room(&self, written: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            let metadata = file.metadata()?;
            files.push((metadata.modified()?, metadata.len(), file.path()));
        }
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        files.sort();
        for (_, bytes, path) in files.into_iter().filter(|(_, _, path)| path != written) {
            if total <= self.bytes_max {
                break;
            }
            fs::remove_file(path)?;
            total -= bytes;
        }
        Ok(())
    }
}

/// `-x86_64-linux-0123456789abcdef.aot`. That the hash is short, and not the same in each release of Rust, only costs a compilation:
/// the engine compares the settings themselves when it loads.
fn suffix(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("-{}-{}-{:016x}{ENDING}", std::env::consts::ARCH, std::env::consts::OS, hasher.finish())
}

fn written(Facts { exports, memory_bytes_at_start }: Facts) -> [u8; FACTS_BYTES] {
    let bits = [exports.filter, exports.transform, exports.batch, exports.verify];
    let mut facts = [0; FACTS_BYTES];
    facts[0] = bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    facts[1..].copy_from_slice(&(memory_bytes_at_start as u64).to_le_bytes());
    facts
}

fn read_facts(facts: &[u8]) -> Option<Facts> {
    let (bits, memory) = facts.split_first()?;
    let bit = |at: u8| bits >> at & 1 == 1;
    let exports = Exports { filter: bit(0), transform: bit(1), batch: bit(2), verify: bit(3) };
    Some(Facts { exports, memory_bytes_at_start: usize::try_from(u64::from_le_bytes(memory.try_into().ok()?)).ok()? })
}

/// Reads a file and marks it as just used.
fn read_touched(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > ARTEFACT_BYTES_MAX + HEADER_BYTES as u64 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any artefact"));
    }
    touch(&file);
    fs::read(path)
}

/// Marks a file as just used, which only orders what is removed first.
fn touch(file: &File) {
    let _ = file.set_modified(SystemTime::now());
}

/// Writes a file beside its place, syncs it and moves it there.
fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(UNFINISHED);
    let beside = PathBuf::from(beside);
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().inspect_err(|_| {
        // What cannot be removed now goes with the next sweep.
        let _ = fs::remove_file(&beside);
    })
}
