//! How a command ends: the one list of exit codes.

use std::{fmt::Write as _, process::ExitCode};

/// How a command ended. Errors come as [`Failed`](Self::Failed), wrong usage as [`Usage`](Self::Usage) from the reader of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// What was asked for is done.
    Done,
    /// It is not; standard error says why.
    Failed,
    /// The command line is not understood.
    Usage,
    /// What was compared is not the same.
    Differs,
    /// Something was found that has to be looked at.
    Findings,
    /// A signature or a secret does not prove that a request is its source's.
    NotValid,
}

impl Exit {
    /// In the order of their codes.
    const ALL: [Self; 6] = [Self::Done, Self::Failed, Self::Usage, Self::Differs, Self::Findings, Self::NotValid];

    /// What the process ends with.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Differs => 3,
            Self::Findings => 4,
            Self::NotValid => 5,
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed; standard error says why",
            Self::Usage => "the command line is not understood",
            Self::Differs => "what was compared differs",
            Self::Findings => "something was found that has to be looked at",
            Self::NotValid => "not valid: the request does not prove to be its source's",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// All of them, for `--help`.
pub(super) fn help() -> String {
    let mut help = String::from("Exit codes:");
    for exit in Exit::ALL {
        // Writing into memory does not fail.
        let _ = write!(help, "\n  {}  {}", exit.code(), exit.meaning());
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_apart_and_in_order() {
        let codes: Vec<u8> = Exit::ALL.into_iter().map(Exit::code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5]);
        assert!(help().ends_with("5  not valid: the request does not prove to be its source's"));
    }
}
