//! A host in a process of its own with the recorder before it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    ops::Deref,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use anyhow::{Context, bail, ensure};

use crate::{Api, process};

/// A running host whose changes are recorded. Its API is what it derefs to. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Recorded {
    api: Api,
    /// Taken by whoever ends it.
    child: Option<Child>,
    /// Its end is the host's.
    input: Option<ChildStdin>,
}

/// Where everything of a recorded host is.
#[derive(Debug)]
pub(super) struct Place {
    /// The data folder, made here, since the recorder has to know it.
    pub(super) data: PathBuf,
    /// The recorder's log.
    pub(super) log: PathBuf,
    /// The numbers that say what fails.
    pub(super) faults: PathBuf,
    /// What the host says.
    pub(super) told: PathBuf,
}

impl Place {
    /// In this folder.
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.canonicalize()?;
        fs::create_dir(folder.join("data"))?;
        fs::write(folder.join("faults"), [0; 40])?;
        let at = |name: &str| folder.join(name);
        Ok(Self { data: at("data"), log: at("recorded"), faults: at("faults"), told: at("host.log") })
    }

    /// What the hosts said.
    pub(super) fn told(&self) -> String {
        fs::read_to_string(&self.told).unwrap_or_default()
    }
}

impl Recorded {
    /// Starts a host.
    ///
    /// # Errors
    ///
    /// It ended before it was ready: with its status.
    pub(super) async fn start(place: &Place) -> anyhow::Result<Self> {
        let built = process::binary();
        let (program, recorder) = (built.with_file_name("recorded_host"), built.with_file_name("librecorder.so"));
        ensure!(recorder.exists(), "{} is missing: `cargo xtask test` builds it", recorder.display());
        let told = File::options().create(true).append(true).open(&place.told)?;
        let mut command = Command::new(program);
        command.arg(&place.data).env("LD_PRELOAD", recorder).env("RUST_BACKTRACE", "0");
        command.env("RECORDER_FOLDER", &place.data).env("RECORDER_LOG", &place.log).env("RECORDER_FAULTS", &place.faults);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(told).spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take().context("its output")?);
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line)
        });
        let line = line.await??;
        if line.is_empty() {
            bail!("the host ended before it was ready, {}: {}", child.wait()?, place.told());
        }
        Ok(Self { api: Api::when_ready(line.trim().to_owned(), &place.data).await, child: Some(child), input })
    }

    /// Ends it as `kill -9` does.
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("it was ended")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Ends it in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.input.take());
        let mut child = self.child.take().context("it was ended")?;
        let status = tokio::task::spawn_blocking(move || child.wait()).await??;
        ensure!(status.success(), "the host ended with {status}");
        Ok(())
    }
}

impl Deref for Recorded {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail where it has ended already, which is what is wanted.
            drop(child.kill());
            drop(child.wait());
        }
    }
}
