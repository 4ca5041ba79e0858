//! `sluicebox doctor`: looks at a running host, and at its data folder where that is on this machine, and says what is wrong, what that means
//! and what mends it. It changes nothing.
//!
//! `host` and `folder` gather facts; `judge`, which is pure, says what they mean.

mod certificates;
mod facts;
mod folder;
mod host;
mod judge;

use serde_json::json;

use self::{
    facts::Facts,
    judge::{Finding, Severity, judge},
};
use super::{Hub, exit::Exit, table::shown};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Look at the data folder only; no host has to run.
    #[arg(long)]
    stopped: bool,
    /// Look at the host only, also where its data folder is on this machine.
    #[arg(long, conflicts_with = "stopped")]
    host_only: bool,
    /// The `--disk-reserve-bytes` that the host runs with.
    #[arg(long, value_name = "BYTES", env = "SLUICEBOX_DISK_RESERVE_BYTES", default_value_t = crate::journal::Options::default().disk_reserve_bytes)]
    disk_reserve_bytes: u64,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { stopped, host_only, disk_reserve_bytes, hub } = arguments;
    let look_at_folder = stopped || (!host_only && hub.data_folder().is_dir());
    let facts = Facts {
        host: if stopped { None } else { Some(host::gather(&hub).await?) },
        folder: look_at_folder.then(|| folder::gather(&hub.data_folder(), disk_reserve_bytes)).transpose()?,
    };
    let findings = judge(&facts);
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&json!({ "healthy": is_healthy(&findings), "findings": findings }))?);
    } else {
        print(&facts, &findings);
    }
    Ok(if is_healthy(&findings) { Exit::Done } else { Exit::Findings })
}

/// Notes need nobody's hand.
fn is_healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity == Severity::Note)
}

fn print(facts: &Facts, findings: &[Finding]) {
    let looked = [facts.host.as_ref().map(|host| host.url.clone()), facts.folder.as_ref().map(|folder| folder.path.clone())];
    let looked: Vec<String> = looked.into_iter().flatten().collect();
    outln!("looked at {}", looked.join(" and "));
    for finding in findings {
        outln!("{:<8} {}: {}", finding.severity.word(), finding.code, shown(&finding.what));
        outln!("         {}", finding.mend);
    }
    if is_healthy(findings) {
        outln!("healthy");
    }
}
