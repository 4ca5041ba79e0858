//! The `sluicebox` binary: the server and its command line.

use std::process::ExitCode;

/// Events are made on one thread and given back on another, which takes the system's allocators a tenth of all time here; musl's, with which
/// the static binary is built, far more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sluicebox::cli::main()
}
