//! A host in a process of its own, which can be stopped and killed.

use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Api, PATIENCE};

/// A running `sluicebox serve`. Its API is what it derefs to. Dropping it kills it.
#[derive(Debug)]
pub struct HostProcess {
    url: String,
    /// As soon as it is ready.
    api: Option<Api>,
    child: Child,
    log: PathBuf,
}

impl HostProcess {
    /// Starts a host on this folder; its log is beside the data.
    pub async fn start(data: &Path) -> Self {
        Self::start_with(data, &[]).await
    }

    /// The same with further arguments.
    pub async fn start_with(data: &Path, arguments: &[&str]) -> Self {
        let started = Self::try_start(data, arguments, &[]).await;
        started.unwrap_or_else(|status| panic!("the host ended with {status}; its log: {}", log_of(data)))
    }

    /// The same in a further environment; how it ended, where it did before it was ready.
    ///
    /// # Errors
    ///
    /// How it ended.
    pub async fn try_start(data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self, ExitStatus> {
        Self::spawn(data, arguments, environment).ready(data).await
    }

    /// Starts this program, which is installed somewhere, in the place of the one of this build.
    pub async fn start_installed(program: &Path, data: &Path) -> Self {
        let started = Self::spawn_program(program, data, &[], &[]).ready(data).await;
        started.unwrap_or_else(|status| panic!("the host ended with {status}; its log: {}", log_of(data)))
    }

    async fn ready(mut self, data: &Path) -> Result<Self, ExitStatus> {
        tokio::select! {
            api = Api::when_ready(self.url.clone(), data) => {
                self.api = Some(api);
                Ok(self)
            }
            status = ended(&mut self.child) => Err(status),
        }
    }

    /// Starts a host and does not wait until it is ready: it has no API yet.
    #[must_use]
    pub fn spawn(data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn_program(&binary(), data, arguments, environment)
    }

    fn spawn_program(program: &Path, data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        // The port was free just now; a test that loses the race for it fails with the server's own words in the log.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let log = log_file(data);
        let told = File::options().create(true).append(true).open(&log).expect("a log file");
        let mut command = Command::new(program);
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--allow-network", "127.0.0.0/8"]);
        command.arg("--data").arg(data).args(arguments).envs(environment.iter().copied());
        let also = told.try_clone().expect("a log file");
        let child = command.stdout(also).stderr(told).spawn().expect("a host");
        Self { url: format!("http://127.0.0.1:{port}"), api: None, child, log }
    }

    /// What it wrote so far, to its log and otherwise, and those before it on the same folder.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("a log file")).into_owned()
    }

    /// How much memory it has of the machine's, in bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// What of it is its own, in bytes: neither the program's file nor a library's.
    #[must_use]
    pub fn own_bytes(&self) -> u64 {
        self.status_bytes("RssAnon:")
    }

    /// The most memory it ever had of the machine's, in bytes.
    #[must_use]
    pub fn peak_resident_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    /// How much of the processors' time it has had, in milliseconds.
    #[must_use]
    pub fn cpu_ms(&self) -> u64 {
        cpu_ms(self.child.id())
    }

    fn status_bytes(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it lives");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// The process's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it was not waited for, so there is a process of this number");
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        ended(&mut self.child).await
    }

    /// Tells it to stop, and waits for its end in order.
    pub async fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.ended().await;
        assert!(status.success(), "the host ended with {status}; its log: {}", self.log());
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
        self.api.as_ref().expect("a host that is ready")
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits for a process; panics when [`PATIENCE`] is over.
async fn ended(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a process of ours") {
            return status;
        }
        assert!(begun.elapsed() < 2 * PATIENCE, "the host never ended");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// How much of the processors' time a process has had, in milliseconds.
#[must_use]
pub fn cpu_ms(id: u32) -> u64 {
    let told = fs::read_to_string(format!("/proc/{id}/stat")).expect("a process");
    // After the name, which may hold anything: the 12th and 13th field, in hundredths of a second (proc_pid_stat(5)).
    let fields: Vec<&str> = told.rsplit(')').next().expect("fields").split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number") * 10).sum()
}

fn log_file(data: &Path) -> PathBuf {
    data.with_extension("log")
}

/// What all hosts on this folder have logged.
#[must_use]
pub fn log_of(data: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log_file(data)).unwrap_or_default()).into_owned()
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
