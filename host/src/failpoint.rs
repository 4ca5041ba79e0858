//! Named steps on the path of an event, and of a revision, at which a test has the process killed, to see that nothing is lost there.
//!
//! `SLUICEBOX_FAILPOINT=event-stored:3` kills the process, as `kill -9` does, when that step is reached for the third time. What is built
//! for release has none of it: there [`reach`] is empty and the variable is not read. (By `debug_assertions`, not by a feature: whoever
//! builds the workspace for release would have every feature that a test asks for.)

#[cfg(debug_assertions)]
pub use armed::{NotArmed, arm, reach};

/// The variable of the environment that names a step, and at the how manieth time, as in `event-stored:3`.
pub const VARIABLE: &str = "SLUICEBOX_FAILPOINT";

/// Goes on.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reach(_step: Step) {}

/// The list, once: the steps, all of them, and what they are called.
macro_rules! steps {
    ($($(#[$doc:meta])+ $step:ident = $name:literal,)+) => {
        /// A step.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Step {
            $($(#[$doc])+ $step,)+
        }

        impl Step {
            /// All, in the order of the path.
            pub const ALL: &[Self] = &[$(Self::$step,)+];

            /// As the variable names it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$step => $name,)+
                }
            }
        }
    };
}

steps! {
    /// The journal is open, the hub is not.
    JournalOpened = "journal-opened",
    /// All stores are open; nothing is served yet.
    HubOpened = "hub-opened",
    /// A request's body was read.
    RequestRead = "request-read",
    /// It is its source's, and nothing is stored.
    RequestVerified = "request-verified",
    /// The event is on disk, and the sender is not answered.
    EventStored = "event-stored",
    /// A transaction of the journal has begun.
    TransactionBegun = "transaction-begun",
    /// One with new events is about to be committed.
    AppendFilled = "append-filled",
    /// It is, and nobody knows.
    AppendCommitted = "append-committed",
    /// One with routes is about to be committed.
    RoutesFilled = "routes-filled",
    /// It is, and nobody knows.
    RoutesCommitted = "routes-committed",
    /// One with ends of runs has changed what plugins remember, and planned nothing yet.
    StateStored = "state-stored",
    /// One with ends of runs is about to be committed.
    RunsFilled = "runs-filled",
    /// It is, and nobody knows.
    RunsCommitted = "runs-committed",
    /// One that closes batches for their age is about to be committed.
    ClosingFilled = "closing-filled",
    /// It is, and nobody knows.
    ClosingCommitted = "closing-committed",
    /// One with ends of batches is about to be committed.
    BatchesFilled = "batches-filled",
    /// It is, and nobody knows.
    BatchesCommitted = "batches-committed",
    /// One with settlements, those that receivers confirm or refuse among them, is about to be committed.
    SettlementsFilled = "settlements-filled",
    /// It is, and nobody knows.
    SettlementsCommitted = "settlements-committed",
    /// Events are claimed to be routed.
    EventsClaimed = "events-claimed",
    /// Their rules are found, and not stored.
    RulesFound = "rules-found",
    /// A run is claimed.
    RunClaimed = "run-claimed",
    /// Its plugins ran, and what came of it is not stored.
    PluginsRan = "plugins-ran",
    /// A batch is claimed.
    BatchClaimed = "batch-claimed",
    /// It is folded, and what came of it is not stored.
    BatchFolded = "batch-folded",
    /// A delivery is claimed.
    DeliveryClaimed = "delivery-claimed",
    /// Its request is encoded and signed, and not sent.
    RequestEncoded = "request-encoded",
    /// It was answered, and is not settled.
    ResponseRead = "response-read",
    /// The journal's log is about to be copied into its file.
    CheckpointBegun = "checkpoint-begun",
    /// It is copied.
    CheckpointEnded = "checkpoint-ended",
    /// A file of the hub is written beside its name.
    FileWritten = "file-written",
    /// It has its name, and the folder is not synced.
    FileRenamed = "file-renamed",
    /// An uploaded component is stored, and nobody knows.
    ComponentStored = "component-stored",
    /// A revision has its record, and the database does not know of it.
    RevisionRecorded = "revision-recorded",
    /// The database has flushed it, and its file is not synced.
    DatabaseFlushed = "database-flushed",
    /// The database has it, and it is not in effect.
    RevisionFollowed = "revision-followed",
}

#[cfg(debug_assertions)]
mod armed {
    use std::{
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
        thread,
    };

    use rustix::process::{Signal, getpid, kill_process};

    use super::{Step, VARIABLE};

    /// Of the process, as its environment is.
    static ARMED: OnceLock<Armed> = OnceLock::new();

    struct Armed {
        step: Step,
        /// How often it may still be passed, and this once.
        left: AtomicU64,
    }

    /// What is wrong with the variable.
    #[derive(Debug, thiserror::Error)]
    #[error("{VARIABLE}: `{0}` is not a step and a number, as in `event-stored:1`; the steps are those of host/src/failpoint.rs")]
    pub struct NotArmed(String);

    /// Has this process killed at the step that is named, if one is.
    ///
    /// # Errors
    ///
    /// There is no such step: a test that names one would test nothing.
    pub fn arm(named: Option<&str>) -> Result<(), NotArmed> {
        let Some(named) = named else { return Ok(()) };
        let (step, nth) = parse(named).ok_or_else(|| NotArmed(named.to_owned()))?;
        ARMED.get_or_init(|| Armed { step, left: AtomicU64::new(nth) });
        Ok(())
    }

    fn parse(named: &str) -> Option<(Step, u64)> {
        let (name, nth) = named.split_once(':')?;
        let step = Step::ALL.iter().find(|step| step.name() == name)?;
        Some((*step, nth.parse().ok().filter(|nth| *nth > 0)?))
    }

    /// Ends the process here where that is what was asked for.
    pub fn reach(step: Step) {
        if let Some(armed) = ARMED.get()
            && armed.step == step
            && armed.left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            die(step)
        }
    }

    /// No destructor runs, nothing is flushed.
    fn die(step: Step) -> ! {
        eprintln!("killed at the step {}", step.name());
        let killed = kill_process(getpid(), Signal::KILL);
        // The signal may find another thread first.
        loop {
            assert!(killed.is_ok(), "a process may kill itself");
            thread::park();
        }
    }

    #[cfg(test)]
    mod tests {
        use std::collections::BTreeSet;

        use super::*;

        #[test]
        fn a_step_is_told_by_its_name_and_its_time() {
            assert_eq!(parse("event-stored:3"), Some((Step::EventStored, 3)));
            for wrong in ["", "event-stored", "event-stored:", "event-stored:0", "event-stored:-1", "event-lost:1"] {
                assert_eq!(parse(wrong), None, "{wrong}");
            }
            assert!(arm(Some("event-lost:1")).expect_err("there is none").to_string().contains("`event-lost:1`"));
        }

        #[test]
        fn no_two_steps_have_one_name() {
            let names: BTreeSet<&str> = Step::ALL.iter().map(|step| step.name()).collect();
            assert_eq!(names.len(), Step::ALL.len());
        }
    }
}
