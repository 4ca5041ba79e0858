//! The `sluicebox` binary: the server and its command line.

use std::process::ExitCode;

/// Events are made on one thread and given back on another, which takes the system's allocators a tenth of all time here; musl's, with which
/// the static binary is built, far more.
///
/// Only in what is built for release: it keeps 4 MB more for an idle host, for which a debug build has no room under the bound that a test
/// holds it to. What a release build takes stands in docs/operations.md.
#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sluicebox::cli::main()
}
