use std::os::unix::fs::PermissionsExt as _;

use tar::{Builder, Header};
use tempfile::TempDir;

use super::*;
use crate::{backup::pack::Packer, event::Timestamp};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

/// An archive of these files.
fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let folder = TempDir::new().expect("a folder");
    let mut bytes = Vec::new();
    let mut packer = Packer::new(&mut bytes, NOW);
    for (name, text) in files {
        let path = folder.path().join("file");
        fs::write(&path, text).expect("written");
        packer.add(name, &path).expect("packed");
    }
    packer.finish().expect("ended");
    bytes
}

fn good() -> Vec<u8> {
    packed(&[("revisions/1.json", "one"), (JOURNAL, "pages")])
}

/// Restores into a folder of its own; what is left of it where that fails.
fn tried(archive: &[u8]) -> (TempDir, Result<Restored, RestoreError>) {
    let folder = TempDir::new().expect("a folder");
    let done = restore(archive, &folder.path().join("data"));
    (folder, done)
}

fn refused(archive: &[u8], with: &str) {
    let (folder, done) = tried(archive);
    let told = done.expect_err("refused").to_string();
    assert!(told.contains(with), "{told}");
    assert!(fs::read_dir(folder.path()).expect("a folder").next().is_none(), "nothing is left: {told}");
}

#[test]
fn an_archive_becomes_a_folder_that_only_its_owner_reads() {
    let (folder, done) = tried(&good());
    let done = done.expect("restored");
    assert_eq!((done.files, done.keys_missing.as_slice()), (2, &KEYS[..]));
    assert_eq!(done.manifest.made_at, "2026-09-21T14:13:20Z");
    let data = folder.path().join("data");
    assert_eq!(fs::read_to_string(data.join("revisions/1.json")).expect("there"), "one");
    let mode = |path: &str| fs::metadata(data.join(path)).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("revisions"), mode("revisions/1.json")), (0o700, 0o700, 0o600));
    assert!(refuse_unfinished(&data).is_ok());
}

#[test]
fn a_second_part_brings_the_keys() {
    let (main, data_keys) = keys();
    let first = packed(&[("revisions/1.json", "one"), ("data-keys.json", &data_keys), (JOURNAL, "pages")]);
    let both = [first, packed(&[("main.key", &main), ("admin.key", "a")])].concat();
    let (folder, done) = tried(&both);
    assert!(done.expect("restored").keys_missing.is_empty());
    assert_eq!(fs::read_to_string(folder.path().join("data/main.key")).expect("there"), main);
}

/// A main key, and the data keys that it opens.
fn keys() -> (String, String) {
    let folder = TempDir::new().expect("a folder");
    crate::hub::make_keys(folder.path());
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("there");
    (read("main.key"), read("data-keys.json"))
}

#[test]
fn a_main_key_that_opens_nothing_is_refused() {
    let ((main, data_keys), (_, others)) = (keys(), keys());
    let under = |data_keys: &str| packed(&[("data-keys.json", data_keys), (JOURNAL, "pages"), ("main.key", &main)]);
    tried(&under(&data_keys)).1.expect("restored");
    refused(&under(&others), "main.key of the archive does not open its secrets");
    // Of the right id, and yet another.
    let id = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON")["main_key"].as_str().map(str::to_owned);
    let forged = others.replace(&id(&others).expect("an id"), &id(&data_keys).expect("an id"));
    refused(&under(&forged), "does not open");
}

#[test]
fn a_long_name_is_read_and_an_endless_one_is_refused() {
    let long = format!("versions/{}/{}.json", "w".repeat(64), "p".repeat(64));
    let (folder, done) = tried(&packed(&[(&long, "one"), (JOURNAL, "pages")]));
    assert_eq!(done.expect("restored").files, 2);
    assert_eq!(fs::read_to_string(folder.path().join("data").join(&long)).expect("there"), "one");

    // So long that memory would not hold it; of its bytes there are few, and no more than that is read of them.
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(1 << 40);
    header.set_path("././@LongLink").expect("a path");
    header.set_cksum();
    refused(&[header.as_bytes().as_slice(), &vec![b'a'; 1 << 16]].concat(), "a path of more than 4096 bytes");
    for kind in [EntryType::XHeader, EntryType::XGlobalHeader, EntryType::GNULongLink] {
        refused(&archive_of(|_| {}, "pax", kind), "is no file");
    }
}

#[test]
fn what_is_not_whole_is_refused_and_nothing_is_left() {
    let whole = good();
    // The list is the last entry, and the archive's end two empty blocks.
    for length in [0, 100, 512, 1_024, 2_000, whole.len() - 2_048] {
        let (_folder, done) = tried(&whole[..length]);
        assert!(done.is_err(), "{length} of {} bytes", whole.len());
    }
    for length in [1_024, 2_000, whole.len() - 2_048] {
        refused(&whole[..length], "the backup is cut off after");
    }
    let junk: Vec<u8> = (0..10_000_u32).map(|n| (n * 31 % 251) as u8).collect();
    for junk in [&b"junk"[..], &junk] {
        refused(junk, "this is no backup: it is no archive");
    }
    let at = whole.windows(3).position(|bytes| bytes == b"one").expect("the file's bytes");
    let mut damaged = whole;
    damaged[at] = b'0';
    refused(&damaged, "revisions/1.json is damaged");
    refused(&packed(&[("revisions/1.json", "one")]), "journal.db is missing");
    refused(&[good(), archive_of(|_| {}, "later", EntryType::Regular)].concat(), "the list of its last part is missing");
    refused(b"", "this is no backup: there is no file in it");
    refused(&[good(), good()].concat(), "twice");
}

/// An archive with one entry, whose header is changed at will.
fn archive_of(change: impl FnOnce(&mut Header), path: &str, kind: EntryType) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(if kind == EntryType::Regular { 4 } else { 0 });
    header.set_mode(0o777);
    // As no well-meaning program writes it.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    change(&mut header);
    header.set_cksum();
    let mut archive = Builder::new(Vec::new());
    archive.append(&header, if kind == EntryType::Regular { &b"evil"[..] } else { b"" }).expect("packed");
    archive.into_inner().expect("bytes")
}

#[test]
fn nothing_outside_of_the_folder_is_touched() {
    for path in ["../evil", "/tmp/evil", "a/../../evil", "a/./b", "a//b", ".", "restore.unfinished", "a/b/c/d/e/f/g/h/i/j"] {
        refused(&archive_of(|_| {}, path, EntryType::Regular), "no backup has");
    }
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::Fifo, EntryType::Char] {
        let link = |header: &mut Header| header.set_link_name("/etc/passwd").expect("a name");
        refused(&archive_of(link, "innocent", kind), "is no file");
    }
}

#[test]
fn what_is_there_is_not_overwritten() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("mine"), "mine").expect("written");
    let told = restore(&*good(), folder.path()).expect_err("refused");
    assert!(matches!(told, RestoreError::NotEmpty(_)), "{told}");
    assert_eq!(fs::read_to_string(folder.path().join("mine")).expect("there"), "mine");
    let empty = TempDir::new().expect("a folder");
    restore(&*good(), empty.path()).expect("an empty one is taken");
}

#[test]
fn a_newer_format_is_told() {
    let list = br#"{"format":2,"sluicebox":"9.9.9","made_at":"","files":[]}"#;
    let mut archive = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(list.len() as u64);
    archive.append_data(&mut header, manifest::NAME, &list[..]).expect("packed");
    refused(&archive.into_inner().expect("bytes"), "9.9.9");
}

#[test]
fn no_host_starts_on_half_a_folder() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join(UNFINISHED), "").expect("written");
    assert!(refuse_unfinished(folder.path()).is_err());
}
