//! The `sluicebox` binary: the server and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    sluicebox::cli::main()
}
