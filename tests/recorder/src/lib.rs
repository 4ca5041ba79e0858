//! Preloaded into a host (`LD_PRELOAD`), it stands between the host and the C library: SQLite, sled and the host's own files alike. Each
//! change of a file in the data folder is appended to a log, in the order in which it took effect; and a write or sync that
//! the test has chosen fails.
//!
//! It does not sync: what a sync is worth is decided by the test, which makes the disk of a power cut from the log. Everything
//! else is done as asked.
//!
//! - [`hooks`] are the functions that take the C library's place;
//! - [`watch`] knows which files are the folder's, and writes the log; one change at a time;
//! - [`record`] is how a line of the log lies on disk; the harness reads it by the same file;
//! - [`fault`] says which change is to fail.

mod fault;
mod hooks;
#[expect(dead_code, reason = "the harness reads what is written here by the same file")]
mod record;
mod watch;
