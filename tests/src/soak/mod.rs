//! Fuzzed plugins against a real host: uploaded, and where the host takes them, bound to a rule and called. Whatever they are, each
//! is refused with a code or its event ends, rules of others flow meanwhile, and the host stays up, quiet and small.
//!
//! A run is known by its seed. What goes wrong is told with the module's index, and its bytes are kept in `target/soak/`.

pub(crate) mod chance;
pub mod crash;
mod judge;
mod make;
mod round;
mod section;
pub mod verify;

use std::{collections::BTreeMap, fmt, fs, path::PathBuf, sync::Arc, time::Instant};

use anyhow::bail;
use tempfile::TempDir;

pub use make::Kind;

use crate::process::binary;
use make::{Made, Maker};
use round::Round;

/// The seed where none is named.
pub const SEED: u64 = 20_260_923;

/// Modules that are uploaded before those that were accepted are applied and called, all by one event.
const BATCH: u64 = 50;
/// Modules that one host meets in its life: it keeps at most 4,096 components that nothing names.
const ROUND: u64 = 2_000;

/// Lines of a host's log that are shown with a finding.
const LOG_LINES_SHOWN: usize = 30;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many modules.
    pub count: u64,
    /// The first one's index.
    pub from: u64,
    /// What all of them follow from.
    pub seed: u64,
}

/// What became of the modules.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// By kind: how many there were, and how many of them were accepted.
    pub kinds: BTreeMap<Kind, (u64, u64)>,
    /// By code of the refusal.
    pub refused: BTreeMap<String, u64>,
    /// By what the run of an accepted one ended as.
    pub ended: BTreeMap<String, u64>,
    /// The most that a host grew by after its first batch, in bytes.
    pub grown_bytes_max: u64,
}

/// A module with which something went wrong.
#[derive(Debug)]
struct Finding {
    index: u64,
    what: String,
}

/// Does it, and stops at the first finding.
///
/// # Errors
///
/// The finding.
pub async fn plugins(plan: Plan) -> anyhow::Result<Tally> {
    println!("soak plugins: seed {}, modules {} to {}", plan.seed, plan.from, plan.from + plan.count);
    let (maker, begun) = (Arc::new(Maker::new(plan.seed)), Instant::now());
    let mut tally = Tally::default();
    let end = plan.from + plan.count;
    let mut begin = plan.from;
    while begin < end {
        let until = end.min(begin + ROUND);
        tally = round(&maker, begin, until, tally).await?;
        println!("{} of {} after {} s: {tally}", until - plan.from, plan.count, begun.elapsed().as_secs());
        begin = until;
    }
    Ok(tally)
}

/// One host's life.
async fn round(maker: &Arc<Maker>, begin: u64, end: u64, tally: Tally) -> anyhow::Result<Tally> {
    let folder = TempDir::new()?;
    let data = folder.path().join("data");
    let mut round = Round::start(&data, tally).await;
    let mut next = making(maker, begin, end);
    for first in (begin..end).step_by(usize::try_from(BATCH)?) {
        let made = next.await?;
        next = making(maker, first + BATCH, end);
        let bytes: Vec<(u64, Vec<u8>)> = made.iter().map(|(index, made)| (*index, bytes_of(made).to_vec())).collect();
        // A task, since what is asked of a host that is gone panics.
        let tried = tokio::spawn(async move { round.batch(made).await.map(|()| round) });
        let found = match tried.await {
            Ok(Ok(same)) => {
                round = same;
                continue;
            }
            Ok(Err(finding)) => finding,
            Err(panicked) => Finding { index: first, what: format!("this module or one of the next {BATCH}: {panicked}") },
        };
        let folder = keep(&bytes)?;
        let log = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(LOG_LINES_SHOWN).collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        bail!("module {} (in {}): {}\nthe host said last:\n{last}", found.index, folder.display(), found.what);
    }
    Ok(round.into_tally())
}

/// Makes the batch that begins here, beside the one that is tried.
fn making(maker: &Arc<Maker>, first: u64, end: u64) -> tokio::task::JoinHandle<Vec<(u64, Result<Made, Made>)>> {
    let maker = Arc::clone(maker);
    tokio::task::spawn_blocking(move || (first..end.min(first + BATCH)).map(|index| (index, maker.make(index))).collect())
}

fn bytes_of(made: &Result<Made, Made>) -> &[u8] {
    match made {
        Ok(made) | Err(made) => &made.bytes,
    }
}

/// Keeps the bytes of the batch: which of its modules is to blame is not always known.
fn keep(batch: &[(u64, Vec<u8>)]) -> anyhow::Result<PathBuf> {
    let folder = binary().ancestors().nth(2).map(|target| target.join("soak")).unwrap_or_default();
    fs::create_dir_all(&folder)?;
    for (index, bytes) in batch {
        fs::write(folder.join(format!("{index}.wasm")), bytes)?;
    }
    Ok(folder)
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (grown, mib) = (self.grown_bytes_max, 1 << 20);
        write!(f, "{:?} refused {:?} ended {:?} grown {} MiB", self.kinds, self.refused, self.ended, grown / mib)
    }
}
