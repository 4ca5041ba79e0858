//! Records on a real disk: kept, torn, of another version, and pruned.

use serde_json::json;

use super::*;

struct World {
    revisions: Revisions,
    documents: Documents,
    revision: u64,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let revisions = Revisions::open(folder.path().join("revisions")).expect("opened");
        Self { revisions, documents: Documents::new(), revision: 0, _folder: folder }
    }

    /// Commits revisions up to this one, each of which sets `sources/a` to its number.
    fn commit_to(&mut self, last: u64) {
        let workspace = Name::default_workspace();
        for revision in self.revision + 1..=last {
            let key: Key = (Kind::Source, "a".parse().expect("a name"));
            let changes = BTreeMap::from([(key.clone(), Some(json!({ "n": revision })))]);
            self.documents.insert(Entry::new(&workspace, &key), json!({ "n": revision }));
            let record = Record::new(revision, self.revision, &workspace, Timestamp(revision), &changes);
            let full = self.revisions.is_full_due(revision, self.revision, 1).expect("listed");
            self.revisions
                .commit(record, full.then(|| Whole { documents: self.documents.clone(), ..Whole::default() }))
                .expect("committed");
            self.revision = revision;
        }
    }

    fn tear(&self, revision: u64) {
        let path = self.revisions.listed().expect("listed")[&revision].clone();
        let bytes = fs::read(&path).expect("read");
        fs::write(&path, &bytes[..bytes.len() - 9]).expect("torn");
    }
}

#[test]
fn records_tell_the_newest_state_and_every_one_before() {
    let mut world = World::new();
    assert!(world.revisions.is_empty().expect("listed"));
    world.commit_to(205);
    let told = world.revisions.newest().expect("told");
    assert_eq!((told.revision, told.whole.documents, told.notes), (205, world.documents.clone(), vec![]));
    let full = world.revisions.listed().expect("listed").into_values().filter(|path| is_full(path)).count();
    assert_eq!(full, 3, "1, 101 and 201");
    for revision in [1, 57, 101, 204] {
        let documents = world.revisions.at(revision).expect("read").expect("kept");
        assert_eq!(documents.into_values().collect::<Vec<_>>(), [json!({ "n": revision })]);
    }
    assert_eq!(world.revisions.at(206).expect("read"), None);
}

#[test]
fn a_torn_record_is_set_aside_and_its_number_not_given_again() {
    let mut world = World::new();
    world.commit_to(5);
    world.tear(5);
    let told = world.revisions.newest().expect("told");
    assert_eq!((told.revision, told.notes.len()), (4, 1));
    assert_eq!(world.revisions.highest().expect("listed"), 5);
    assert!(world.revisions.is_full_due(6, 4, 1).is_ok());
    assert!(world.revisions.newest().expect("told again").notes.is_empty(), "told once");
}

#[test]
fn a_record_of_a_newer_format_is_no_damage() {
    let mut world = World::new();
    world.commit_to(2);
    let path = world.revisions.listed().expect("listed")[&2].clone();
    for (field, value) in [("format", json!(7)), ("workspace", json!(["a", "b"]))] {
        let mut record = serde_json::to_value(read(&path).expect("read").expect("intact")).expect("JSON");
        (record["format"], record[field]) = (json!(7), value);
        let record = serde_json::value::to_raw_value(&record).expect("JSON");
        let bytes = serde_json::to_vec(&Envelope { sha256: checksum(&record), record: &record }).expect("JSON");
        let before = fs::read(&path).expect("read");
        fs::write(&path, bytes).expect("written");
        let error = world.revisions.newest().expect_err("not read").to_string();
        assert!(error.contains("its format is 7") && path.exists(), "{error}");
        fs::write(&path, before).expect("written");
    }
    assert_eq!(world.revisions.newest().expect("told").revision, 2);
}

#[test]
fn a_gap_ends_the_state_until_the_next_full_record() {
    let mut world = World::new();
    world.commit_to(120);
    world.tear(110);
    let told = world.revisions.newest().expect("told");
    assert_eq!(told.revision, 109);
    assert_eq!(told.notes.len(), 11, "one torn, ten without their base");
    world.tear(101);
    assert_eq!(world.revisions.newest().expect("told").revision, 100, "from the full record before");
}

#[test]
fn old_records_go_but_for_what_the_oldest_kept_one_needs() {
    let mut world = World::new();
    world.commit_to(250);
    let keep = |records_max| Keep { records_min: 100, age_ms_min: 1000, records_max };
    // Revision n was made at n ms.
    for (records_max, now, oldest) in [(1000, 1100, 1), (1000, 1101, 1), (1000, 1102, 101)] {
        world.revisions.prune(keep(records_max), Timestamp(now)).expect("pruned");
        assert_eq!(world.revisions.listed().expect("listed").keys().next(), Some(&oldest), "at {now}");
    }
    let listed = world.revisions.listed().expect("listed");
    assert_eq!(listed.keys().next(), Some(&101), "the full record before 151, the oldest kept");
    assert_eq!(world.revisions.at(100).expect("read"), None);
    assert!(world.revisions.at(151).expect("read").is_some());

    world.commit_to(320);
    world.revisions.prune(keep(120), Timestamp(0)).expect("pruned");
    assert_eq!(world.revisions.listed().expect("listed").keys().next(), Some(&201), "however young");
}

#[test]
fn many_entries_have_fewer_full_records() {
    let mut world = World::new();
    world.commit_to(150);
    let due = |revision, entries| world.revisions.is_full_due(revision, 150, entries).expect("listed");
    assert!(due(201, 1) && due(201, 5000) && !due(201, 10_000) && due(301, 10_000));
}
