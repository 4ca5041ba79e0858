//! What senders feel while settled events are removed as fast as they are: turns in which all is kept, and turns in which nothing is.

use std::{fs, path::Path};

use sluicebox_tests::{
    HostProcess,
    bench::{Figures, Spread, Table, Target},
    pending,
};

use crate::turn::{self, Turn, turn};

const ROUNDS: usize = 5;
/// Settled events of a round: more than are removed in its turn.
const EVENTS: usize = 100_000;
/// How much later the slowest hundredth may be answered.
const SLOWER: Target = Target::AtMost(1.20);

/// Each round on a folder of its own: what a turn removes is not there for the next.
pub(crate) async fn beside_senders(folder: &Path, figures: &mut Figures) -> Table {
    let (mut kept, mut removed): (Vec<Turn>, Vec<Turn>) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        drop(fs::remove_dir_all(folder));
        fs::create_dir_all(folder).expect("a folder");
        let host = HostProcess::start(folder).await;
        host.apply("[sources.open]\nverify = { scheme = \"none\" }\n").await;
        host.kill();
        pending::seed(folder, EVENTS, 0, |_| {}).await;
        kept.push(turn(folder, &[]).await);
        removed.push(turn(folder, &["--retain", "0s"]).await);
        println!("removal, round {}: {:?} kept, {:?} removed", round + 1, kept[round], removed[round]);
    }
    drop(fs::remove_dir_all(folder));
    let mut table = Table::new("While settled events are removed", &["", "all is kept", "they are removed"]);
    turn::tell(&mut table, figures, ("removal_kept", &kept), ("removal_removed", &removed));
    figures.row("removal_removed.rows", "rows", Spread::picked(&removed, |turn| turn.removed_rows));
    let p99 = |turns: &[Turn]| Spread::picked(turns, |turn| turn.p99_ms).median;
    table.note(figures.judge("removal_p99_removed_to_kept", p99(&removed) / p99(&kept), SLOWER));
    table
}
