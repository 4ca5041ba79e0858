//! Revisions on disk. A revision is committed when its record, one file each, is synced; everything else follows from the
//! records. A record tells what changed, and every hundredth (and each that follows a gap) also everything there is.
//!
//! Records carry a checksum: one that was torn is set aside and told, and what is before it still counts.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};

use super::{
    draft::{Change, Note, What},
    durable::{self, FileSystemError},
    entry::{Documents, Entry, Key, Kind},
    seal, spec,
};
use crate::event::{self, Name, Timestamp};

/// Which records are kept, beside those back to the full one that the oldest of them needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep {
    /// This many, however old.
    pub(super) records_min: usize,
    /// Beyond them, those of revisions that were in force within this time.
    pub(super) age_ms_min: u64,
    /// Never more than these. Work that is pinned to a revision beyond them is given up (`revision-gone`), unless its rule is the
    /// same still.
    pub(super) records_max: usize,
}

/// A batch may be open for 7 days.
pub(super) const KEEP: Keep = Keep { records_min: 1000, age_ms_min: 8 * 24 * 3_600_000, records_max: 100_000 };

/// Revisions from one full record to the next; more where there are many entries.
const FULL_EVERY: u64 = 100;
/// At least one revision for so many entries, so that full records do not outgrow the rest.
const ENTRIES_PER_RECORD: u64 = 50;

/// The format that is written, and the newest that is read. It goes up where a version that does not know of a change would read
/// records wrongly.
const FORMAT: u32 = 1;

/// A record that is as it was written, by a version that this one does not know.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} is intact, but this version does not read it: its format is {format}, and the newest known here is {FORMAT}. \
     Start the version of sluicebox that wrote it, or a newer one",
    path.display()
)]
pub struct FormatError {
    path: PathBuf,
    format: u32,
    #[source]
    source: serde_json::Error,
}

/// One revision, as its file has it. This is the form on disk: a field may be added, none may change its meaning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    /// Of this record; before there were several: 1.
    #[serde(default = "first_format")]
    format: u32,
    pub(super) revision: u64,
    /// The revision that the changes were made to.
    pub(super) after: u64,
    /// Whose entries changed.
    pub(super) workspace: Name,
    /// When, in milliseconds since the Unix epoch.
    pub(super) at: u64,
    pub(super) changes: Vec<Written>,
    /// By what way it came, from whom, and what is said of it.
    #[serde(default)]
    pub(super) note: Note,
    /// The workspace's rules that did not change themselves, but in what they are joined with. Not told by older versions.
    #[serde(default)]
    joined: Option<Vec<Name>>,
    /// All entries of all workspaces after the changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    full: Option<Vec<Held>>,
    /// Of a full record: the newest revision of each workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<BTreeMap<Name, u64>>,
}

/// One changed entry; no document: deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) kind: Kind,
    pub(super) name: Name,
    pub(super) document: Option<Value>,
    /// What happened to it.
    pub(super) what: What,
}

/// One entry of a full record.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Held {
    workspace: Name,
    kind: Kind,
    name: Name,
    document: Value,
    /// Of a rule: the revision that made it what it is; 0: not known.
    #[serde(default, skip_serializing_if = "is_unknown")]
    since: u64,
}

fn first_format() -> u32 {
    1
}

fn is_unknown(since: &u64) -> bool {
    *since == 0
}

/// All there is as of one revision.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Whole {
    pub(super) documents: Documents,
    /// The revision that made each rule what it is. One that is not named may have changed with the newest.
    pub(super) since: BTreeMap<Entry, u64>,
    /// The newest revision of each workspace.
    pub(super) newest: BTreeMap<Name, u64>,
}

/// The file: the record, and the SHA-256 of its text.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    sha256: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

impl Record {
    pub(super) fn new(
        revision: u64,
        after: u64,
        workspace: &Name,
        at: Timestamp,
        changes: &BTreeMap<Key, Option<Value>>,
    ) -> Self {
        let written = |((kind, name), document): (&Key, &Option<Value>)| Written {
            kind: *kind,
            name: name.clone(),
            document: document.clone(),
            what: What::of(false, document.is_some()),
        };
        let changes = changes.iter().map(written).collect();
        Self {
            format: FORMAT,
            revision,
            after,
            workspace: workspace.clone(),
            at: at.0,
            changes,
            note: Note::default(),
            joined: None,
            full: None,
            newest: None,
        }
    }

    /// With what is said of it, and what happened to each of its entries, in their order.
    pub(super) fn noted(mut self, note: Note, changes: &[Change]) -> Self {
        self.changes.iter_mut().zip(changes).for_each(|(written, change)| written.what = change.what);
        Self { note, ..self }
    }

    pub(super) fn with_joined(self, joined: Vec<Name>) -> Self {
        Self { joined: Some(joined), ..self }
    }

    fn is_full(&self) -> bool {
        self.full.is_some()
    }

    fn apply_to(self, whole: &mut Whole) {
        let entry = |kind, name| Entry { workspace: self.workspace.clone(), kind, name };
        whole.newest.insert(self.workspace.clone(), self.revision);
        match self.joined {
            Some(joined) => whole.since.extend(joined.into_iter().map(|name| (entry(Kind::Rule, name), self.revision))),
            // It may have been any of them.
            None => whole
                .since
                .iter_mut()
                .filter(|(rule, _)| rule.workspace == self.workspace)
                .for_each(|(_, since)| *since = self.revision),
        }
        for change in self.changes {
            let entry = entry(change.kind, change.name);
            match change.document {
                Some(document) => {
                    if entry.kind == Kind::Rule {
                        whole.since.insert(entry.clone(), self.revision);
                    }
                    whole.documents.insert(entry, document);
                }
                None => {
                    whole.since.remove(&entry);
                    whole.documents.remove(&entry);
                }
            }
        }
    }
}

/// A record without what it holds beside its changes.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    pub(super) revision: u64,
    pub(super) workspace: Name,
    pub(super) at: u64,
    pub(super) changes: Vec<Written>,
    #[serde(default)]
    pub(super) note: Note,
}

/// What the records tell: the documents as of a revision.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// 0: nothing was ever applied.
    pub(super) revision: u64,
    pub(super) whole: Whole,
    /// For the operator.
    pub(super) notes: Vec<String>,
}

/// The folder of records. Keeps nothing in memory: what is there is what the folder lists.
#[derive(Debug, Clone)]
pub(super) struct Revisions {
    folder: PathBuf,
}

impl Revisions {
    pub(super) fn open(folder: PathBuf) -> Result<Self, FileSystemError> {
        durable::make_folder(&folder)?;
        durable::sweep(&folder)?;
        Ok(Self { folder })
    }

    /// The folder as it is, for who only reads: nothing is made or swept.
    pub(super) fn at_rest(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The records that are damaged, and the newest revision that the others tell. Nothing is set aside.
    pub(super) fn looked_through(&self) -> Result<(Vec<PathBuf>, u64), RecordsError> {
        let (mut damaged, mut told) = (Vec::new(), Told::default());
        for path in self.listed()?.into_values() {
            match read(&path)? {
                Some(record) => told.follow(record, &mut Vec::new()),
                None => damaged.push(path),
            }
        }
        Ok((damaged, told.revision))
    }

    /// Whether no record was ever written here.
    pub(super) fn is_empty(&self) -> Result<bool, FileSystemError> {
        Ok(self.highest()? == 0)
    }

    /// The highest number that was ever given, damaged records included: no number is given twice.
    pub(super) fn highest(&self) -> Result<u64, FileSystemError> {
        Ok(durable::files(&self.folder)?.iter().filter_map(|path| number_of(path)).max().unwrap_or(0))
    }

    /// Whether the record of `revision`, made to `after`, has to be a full one, now that there are so many entries.
    pub(super) fn is_full_due(&self, revision: u64, after: u64, entries: usize) -> Result<bool, FileSystemError> {
        let listed = self.listed()?;
        let gap = listed.last_key_value().is_none_or(|(newest, _)| *newest != after);
        let last_full = listed.iter().rev().find(|(_, path)| is_full(path)).map_or(0, |(revision, _)| *revision);
        let full_every = FULL_EVERY.max(entries as u64 / ENTRIES_PER_RECORD);
        Ok(gap || last_full == 0 || revision >= last_full + full_every)
    }

    /// Commits a revision: when this returns, it is on disk. A full record is handed all documents.
    pub(super) fn commit(&self, mut record: Record, all: Option<Whole>) -> Result<(), FileSystemError> {
        record.full = all.map(|all| {
            let Whole { documents, since, newest } = all;
            record.newest = Some(newest);
            let held = |(entry, document)| {
                let since = since.get(&entry).copied().unwrap_or_default();
                let Entry { workspace, kind, name } = entry;
                Held { workspace, kind, name, document, since }
            };
            documents.into_iter().map(held).collect()
        });
        let path = self.folder.join(format!("{:020}{}", record.revision, if record.is_full() { FULL } else { DELTA }));
        let written = durable::write(&path, &encoded(&record, &path)?, durable::PRIVATE);
        if written.is_err() {
            // It may be there already, and only not be certain to stay. Who applied it hears that nothing has changed; so the next start
            // must not find it.
            let _ = fs::remove_file(&path).and_then(|()| fs::File::open(&self.folder)?.sync_all());
        }
        written
    }

    /// Removes the records that need not be kept, up to a full one.
    pub(super) fn prune(&self, keep: Keep, now: Timestamp) -> Result<(), RecordsError> {
        let listed = self.listed()?;
        let nth_newest = |number: usize| listed.keys().rev().nth(number - 1);
        let base = |oldest: &u64| listed.range(..=oldest).rev().find(|(_, path)| is_full(path)).map(|(base, _)| *base);
        let Some(may_go) = nth_newest(keep.records_min).and_then(base) else { return Ok(()) };
        let must_go = nth_newest(keep.records_max).and_then(base).unwrap_or(0);
        let aged = self.first_in_force_since(&listed, may_go, now.0.saturating_sub(keep.age_ms_min))?;
        let mut gone = listed.range(..must_go.max(aged)).map(|(_, path)| path).peekable();
        if gone.peek().is_none() {
            return Ok(());
        }
        gone.try_for_each(|path| fs::remove_file(path).map_err(FileSystemError::when("remove", path)))?;
        Ok(durable::sync_folder(&self.folder)?)
    }

    /// The newest full record, at most `may_go`, with which all revisions begin that were in force at `since` or later; 0: none. Looks at
    /// no more records than can go.
    fn first_in_force_since(&self, listed: &BTreeMap<u64, PathBuf>, may_go: u64, since: u64) -> Result<u64, RecordsError> {
        let mut first = 0;
        for (full, _) in listed.range(..=may_go).filter(|(_, path)| is_full(path)) {
            // The one after it is no younger than the full one, and smaller.
            let Some((_, next)) = listed.range(full + 1..).next() else { break };
            if read(next)?.is_none_or(|record| record.at > since) {
                break;
            }
            first = *full;
        }
        Ok(first)
    }

    /// The newest state that good records tell. A damaged record is set aside and told of.
    pub(super) fn newest(&self) -> Result<Told, RecordsError> {
        let listed = self.listed()?;
        let mut notes = Vec::new();
        let mut told = None;
        for (_, path) in listed.iter().rev().filter(|(_, path)| is_full(path)) {
            match self.read_or_set_aside(path, &mut notes)? {
                Some(record) => told = Some(begun_with(record)),
                None => continue,
            }
            break;
        }
        let mut told = told.unwrap_or_default();
        for path in listed.range(told.revision + 1..).map(|(_, path)| path).filter(|path| path.exists()) {
            if let Some(record) = self.read_or_set_aside(path, &mut notes)? {
                told.follow(record, &mut notes);
            }
        }
        told.notes = notes;
        Ok(told)
    }

    /// The documents as of a revision; `None` where the records no longer tell.
    ///
    /// # Errors
    /// Where the disk does not tell now what it may tell later.
    pub(super) fn at(&self, revision: u64) -> Result<Option<Documents>, RecordsError> {
        let listed = self.listed()?;
        let Some((base, _)) = listed.range(..=revision).rev().find(|(_, path)| is_full(path)) else { return Ok(None) };
        let mut told = Told::default();
        for path in listed.range(*base..=revision).map(|(_, path)| path) {
            match read(path)? {
                Some(record) => told.follow(record, &mut Vec::new()),
                None => return Ok(None),
            }
        }
        Ok((told.revision == revision).then_some(told.whole.documents))
    }

    /// The heads of the records below a number, newest first, each read when its turn comes; of a damaged one nothing.
    pub(super) fn newest_below(
        &self,
        number: u64,
    ) -> Result<impl Iterator<Item = Result<(u64, Option<Head>), RecordsError>> + use<>, RecordsError> {
        let listed = self.listed()?.into_iter().rev().skip_while(move |(listed, _)| *listed >= number);
        Ok(listed.map(|(number, path)| Ok((number, read_head(&path)?))))
    }

    /// The head of one record.
    pub(super) fn head(&self, number: u64) -> Result<Option<Head>, RecordsError> {
        match self.listed()?.get(&number) {
            Some(path) => read_head(path),
            None => Ok(None),
        }
    }

    /// The oldest revision of which the records tell everything.
    pub(super) fn oldest(&self) -> Result<Option<u64>, RecordsError> {
        Ok(self.listed()?.into_iter().find(|(_, path)| is_full(path)).map(|(number, _)| number))
    }

    /// The components that any kept record names. Reads them all.
    ///
    /// # Errors
    /// Where one cannot be read: what it names is not known then.
    pub(super) fn digests(&self) -> Result<HashSet<event::Digest>, RecordsError> {
        let mut digests = HashSet::new();
        self.each_document(|kind, document| digests.extend(spec::digests(kind, document)))?;
        Ok(digests)
    }

    /// The data keys that secrets in any kept record are sealed under. Reads them all.
    ///
    /// # Errors
    /// Where one cannot be read: what it needs is not known then.
    pub(super) fn data_keys(&self) -> Result<BTreeSet<u32>, RecordsError> {
        let mut numbers = BTreeSet::new();
        self.each_document(|kind, document| numbers.extend(seal::data_keys(kind, document)))?;
        Ok(numbers)
    }

    fn each_document(&self, mut see: impl FnMut(Kind, &Value)) -> Result<(), RecordsError> {
        for path in self.listed()?.values() {
            // A damaged one tells nothing, now or later.
            let Some(record) = read(path)? else { continue };
            let changed = record.changes.iter().filter_map(|change| Some((change.kind, change.document.as_ref()?)));
            let held = record.full.iter().flatten().map(|held| (held.kind, &held.document));
            changed.chain(held).for_each(|(kind, document)| see(kind, document));
        }
        Ok(())
    }

    /// The oldest record that is kept; 0: there is none.
    pub(super) fn oldest_kept(&self) -> Result<u64, FileSystemError> {
        Ok(self.listed()?.first_key_value().map_or(0, |(oldest, _)| *oldest))
    }

    fn listed(&self) -> Result<BTreeMap<u64, PathBuf>, FileSystemError> {
        let good = |path: &PathBuf| path.extension() == Some(OsStr::new("json"));
        let numbered = |path: PathBuf| number_of(&path).map(|number| (number, path));
        Ok(durable::files(&self.folder)?.into_iter().filter(good).filter_map(numbered).collect())
    }

    fn read_or_set_aside(&self, path: &Path, notes: &mut Vec<String>) -> Result<Option<Record>, RecordsError> {
        let read = read(path)?;
        if read.is_none() {
            let aside = durable::set_aside(path, ".damaged")?;
            notes.push(format!("a revision's record was damaged and is ignored; it is now {}", aside.display()));
        }
        Ok(read)
    }
}

impl Told {
    /// Goes on to the next record, if it was made to this state or tells everything.
    fn follow(&mut self, record: Record, notes: &mut Vec<String>) {
        if record.is_full() {
            *self = begun_with(record);
        } else if record.after == self.revision {
            self.revision = record.revision;
            record.apply_to(&mut self.whole);
        } else {
            notes.push(format!("revision {} was made to {}, which is lost, and is ignored", record.revision, record.after));
        }
    }
}

fn begun_with(record: Record) -> Told {
    let mut whole = Whole { newest: record.newest.unwrap_or_default(), ..Whole::default() };
    whole.newest.insert(record.workspace, record.revision);
    for Held { workspace, kind, name, document, since } in record.full.unwrap_or_default() {
        let entry = Entry { workspace, kind, name };
        if kind == Kind::Rule {
            whole.since.insert(entry.clone(), if since == 0 { record.revision } else { since });
        }
        whole.documents.insert(entry, document);
    }
    Told { revision: record.revision, whole, notes: Vec::new() }
}

/// How the file of a record ends.
const DELTA: &str = ".json";
/// How the file of a full record ends.
const FULL: &str = ".full.json";

fn is_full(path: &Path) -> bool {
    path.to_string_lossy().ends_with(FULL)
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.get(..20)?.parse().ok()
}

/// Why the records do not tell what they hold.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordsError {
    #[error(transparent)]
    FileSystem(#[from] FileSystemError),
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// `None`: damaged, or removed since it was listed.
fn read_head(path: &Path) -> Result<Option<Head>, RecordsError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(FileSystemError::when("read", path))?,
    };
    let Some(text) = intact(&bytes) else { return Ok(None) };
    Ok(Some(decoded(text, path)?))
}

/// `None`: damaged.
fn read(path: &Path) -> Result<Option<Record>, RecordsError> {
    let bytes = fs::read(path).map_err(FileSystemError::when("read", path))?;
    let Some(text) = intact(&bytes) else { return Ok(None) };
    Ok(Some(decoded(text, path)?))
}

/// A record's file: its text, and the checksum of that.
pub(super) fn encoded(record: &impl Serialize, path: &Path) -> Result<Vec<u8>, FileSystemError> {
    let encode = || {
        let record = serde_json::value::to_raw_value(record)?;
        serde_json::to_vec(&Envelope { sha256: checksum(&record), record: &record })
    };
    encode().map_err(|error| FileSystemError::when("write", path)(error.into()))
}

/// The record's text, if it is as it was written.
pub(super) fn intact(bytes: &[u8]) -> Option<&str> {
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).ok()?;
    (envelope.sha256 == checksum(envelope.record)).then(|| envelope.record.get())
}

fn decoded<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, FormatError> {
    /// What every format has.
    #[derive(Deserialize)]
    struct Any {
        #[serde(default = "first_format")]
        format: u32,
    }
    let format = serde_json::from_str::<Any>(text).map_or(0, |any| any.format);
    let known = if format > FORMAT { Err(serde::de::Error::custom("it is newer")) } else { Ok(()) };
    known.and_then(|()| serde_json::from_str(text)).map_err(|source| FormatError { path: path.to_owned(), format, source })
}

fn checksum(record: &RawValue) -> String {
    hex::encode(Sha256::digest(record.get()))
}

#[cfg(test)]
mod tests;
