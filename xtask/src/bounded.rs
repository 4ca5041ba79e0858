//! Commands that have to end in time.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// Often enough for people, seldom enough for machines.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs it; ended by force where it takes longer.
pub(crate) fn run_within(limit: Duration, command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().display().to_string();
    let begun = Instant::now();
    let mut child = command.spawn().with_context(|| format!("`{program}` could not be started"))?;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("`{program}` ended with {status}; its own words are above"),
            None if begun.elapsed() > limit => {
                child.kill()?;
                child.wait()?;
                bail!("`{program}` was ended: it took longer than {} minutes", limit.as_secs() / 60);
            }
            None => thread::sleep(LOOK_EVERY),
        }
    }
}
