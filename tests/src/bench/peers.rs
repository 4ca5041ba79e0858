//! The processes beside the host that is measured: who sends, who receives, and the ceiling (`src/bin/bench_peer`).

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::Sent;
use crate::process;

/// A process that tells its address first, and then answers line by line. Dropping it kills it.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    told: BufReader<ChildStdout>,
    asked: ChildStdin,
    /// Where it listens.
    pub address: String,
}

impl Peer {
    /// Takes whatever is sent, and counts it.
    #[must_use]
    pub fn sink() -> Self {
        Self::start(&["sink"])
    }

    /// The host's work by the least code, with its log in this folder, delivering to this URL.
    #[must_use]
    pub fn ceiling(folder: &Path, url: &str) -> Self {
        Self::start(&["ceiling", &folder.display().to_string(), url])
    }

    fn start(arguments: &[&str]) -> Self {
        let mut child = program().args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a peer");
        let asked = child.stdin.take().expect("it is piped");
        let mut told = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut address = String::new();
        told.read_line(&mut address).expect("its address");
        Self { child, told, asked, address: address.trim().to_owned() }
    }

    fn ask(&mut self, command: &str) -> Value {
        writeln!(self.asked, "{command}").expect("it listens");
        let mut line = String::new();
        self.told.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Waits until a sink has so many messages, or that time is over: what it has then.
    pub fn wait(&mut self, count: u64, patience: Duration) -> Came {
        let told = self.ask(&format!("wait {count} {}", patience.as_millis()));
        let number = |name: &str| told[name].as_u64().expect("a number");
        Came { count: number("count"), last_ns: number("last_ns"), connections: number("connections") }
    }

    /// When each number that a load put into a body came first to a sink, in nanoseconds since 1970.
    pub fn times(&mut self) -> HashMap<u64, u64> {
        serde_json::from_value::<Vec<(u64, u64)>>(self.ask("times")).expect("numbers and times").into_iter().collect()
    }

    /// Has a sink begin anew.
    pub fn reset(&mut self) {
        self.ask("reset");
    }

    /// Processor time that it has had, in milliseconds.
    #[must_use]
    pub fn cpu_ms(&self) -> u64 {
        process::cpu_ms(self.child.id())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a sink has since it began anew.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    /// Messages.
    pub count: u64,
    /// When the last came, in nanoseconds since 1970.
    pub last_ns: u64,
    /// That were opened to it.
    pub connections: u64,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Kept alive.
    pub connections: usize,
    /// How long.
    pub duration: Duration,
    /// Of each event.
    pub body_bytes: usize,
    /// Events a second, at their time whether answers come or not; 0: as fast as answers come.
    pub rate: u64,
    /// So many types in turn, `t0`, `t1` and so on.
    pub types: usize,
}

impl Load {
    /// What the path is measured with: 1 KiB over 64 connections.
    #[must_use]
    pub fn full(duration: Duration) -> Self {
        Self { connections: 64, duration, body_bytes: 1_024, rate: 0, types: 1 }
    }

    /// The same at so many events a second.
    #[must_use]
    pub fn at_rate(rate: u64, duration: Duration) -> Self {
        Self { rate, ..Self::full(duration) }
    }

    /// Begins to send.
    #[must_use]
    pub fn begin(self, address: &str, path: &str) -> Sending {
        let Self { connections, duration, body_bytes, rate, types } = self;
        let ms = usize::try_from(duration.as_millis()).expect("minutes at most");
        let rate = usize::try_from(rate).expect("a rate");
        let mut load = program();
        load.args(["load", address, path]).args([connections, ms, body_bytes, rate, types].map(|number| number.to_string()));
        Sending(load.stdout(Stdio::piped()).spawn().expect("a load"))
    }

    /// Sends it, and waits for its end.
    #[must_use]
    pub fn send(self, address: &str, path: &str) -> Sent {
        self.begin(address, path).ended()
    }
}

/// A load under way.
#[derive(Debug)]
pub struct Sending(Child);

impl Sending {
    /// Waits for its end: what became of it.
    #[must_use]
    pub fn ended(self) -> Sent {
        let output = self.0.wait_with_output().expect("its end");
        assert!(output.status.success(), "the load failed");
        Sent::told(&serde_json::from_slice(&output.stdout).expect("JSON"))
    }
}

/// It is built with the host, and lies beside it.
fn program() -> Command {
    Command::new(process::binary().with_file_name("bench_peer"))
}
