//! A host in a process of its own, which can be killed.

use std::{
    env,
    fs::File,
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
}

impl HostProcess {
    /// Starts a host on this folder; its log is beside the data.
    pub async fn start(data: &Path) -> Self {
        // The port was free just now; a test that loses the race for it fails with the server's own words in the log.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let log = File::options().create(true).append(true).open(data.with_extension("log")).expect("a log file");
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--allow-network", "127.0.0.0/8"]);
        let child = command.arg("--data").arg(data).stderr(log).spawn().expect("a host");
        let api = Api::when_ready(format!("http://127.0.0.1:{port}"), data).await;
        Self { api, child }
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
