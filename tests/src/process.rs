//! A host in a process of its own, which can be killed.

use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use crate::Api;

/// A running `sluicebox serve`. Its API is what it derefs to. Dropping it kills it.
#[derive(Debug)]
pub struct HostProcess {
    api: Api,
    child: Child,
    log: PathBuf,
}

impl HostProcess {
    /// Starts a host on this folder; its log is beside the data.
    pub async fn start(data: &Path) -> Self {
        Self::start_with(data, &[]).await
    }

    /// The same, with further arguments.
    pub async fn start_with(data: &Path, arguments: &[&str]) -> Self {
        // The port was free just now; a test that loses the race for it fails with the server's own words in the log.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let log = data.with_extension("log");
        let told = File::options().create(true).append(true).open(&log).expect("a log file");
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--allow-network", "127.0.0.0/8"]).args(arguments);
        let child = command.arg("--data").arg(data).stderr(told).spawn().expect("a host");
        let api = Api::when_ready(format!("http://127.0.0.1:{port}"), data).await;
        Self { api, child, log }
    }

    /// What it wrote to its log so far, and those before it on the same folder.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("a log file")).into_owned()
    }

    /// How much memory it has of the machine's, in bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it lives");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// Kills it as `kill -9` does: no destructor, no flush.
    pub fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }
}

impl Deref for HostProcess {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The `sluicebox` that belongs to this build.
#[must_use]
pub fn binary() -> PathBuf {
    env::var_os("SLUICEBOX_BIN").map_or_else(
        || {
            env::current_exe()
                .expect("a path")
                .ancestors()
                .find(|f| f.ends_with("debug"))
                .expect("a target folder")
                .join("sluicebox")
        },
        PathBuf::from,
    )
}
