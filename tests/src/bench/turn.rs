//! One turn: a load goes in, all of it comes out at the sink, and what that took.

use std::{path::Path, time::Duration};

use serde_json::Value;

use super::{Load, Peer};
use crate::{HostProcess, guests};

/// How long what was taken in may take to be delivered.
const DRAIN_MAX: Duration = Duration::from_secs(120);
/// Of one core: a process of one thread that is busier is what holds the others up.
const BUSY_MAX: f64 = 0.9;
/// The path of the source.
const PATH: &str = "/in/open";

/// What a host does with each event of a turn.
#[derive(Clone, Copy, Debug)]
pub struct Hub {
    /// In order.
    pub plugins: &'static [&'static str],
    /// Each gets each event.
    pub destinations: usize,
}

impl Hub {
    /// Starts the real program with it, on a folder of its own; everything goes to this sink.
    pub async fn start(&self, data: &Path, sink: &Peer) -> HostProcess {
        let host = HostProcess::start(data).await;
        let mut hub = "[sources.open]\nverify = { scheme = \"none\" }\ntype = { header = \"x-type\" }\n".to_owned();
        for plugin in self.plugins {
            let digest = host.upload(guests::component(plugin)).await.expect("a good plugin");
            let config = if *plugin == "redact" { "config = { fields = [\"lines[*].sku\"] }\n" } else { "" };
            // A call that waits long for a busy machine is no failure, whose retry would come seconds later.
            hub += &format!("[plugins.{plugin}]\ndigest = \"{digest}\"\nlimits = {{ time_ms = 5000 }}\n{config}");
        }
        for number in 0..self.destinations {
            hub += &format!("[destinations.d{number}]\nurl = \"http://{}/{number}\"\nconcurrency = 64\n", sink.address);
        }
        let names: Vec<String> = (0..self.destinations).map(|number| format!("d{number}")).collect();
        if self.destinations > 0 {
            hub += &format!("[rules.all]\nplugins = {:?}\ndestinations = {names:?}\n", self.plugins);
        }
        host.apply(&hub).await;
        host
    }
}

/// What became of a load.
#[derive(Debug)]
pub struct Sent {
    /// Answered 202.
    pub accepted: u64,
    /// Answered otherwise.
    pub refused: u64,
    /// When it began, in nanoseconds since 1970.
    pub begun_ns: u64,
    /// When the last answer came.
    pub ended_ns: u64,
    /// Processor time of the load.
    pub cpu_ms: u64,
    /// By how much it missed its time at worst, at a rate.
    pub late_max_ns: u64,
    /// From an event's first byte to its answer.
    pub answer_p50_ns: u64,
    /// The same, of the slowest hundredth.
    pub answer_p99_ns: u64,
    /// Number and time of each that was sent at a rate.
    pub times: Vec<(u64, u64)>,
}

impl Sent {
    pub(super) fn told(told: &Value) -> Self {
        let number = |name: &str| told[name].as_u64().unwrap_or_else(|| panic!("the load tells `{name}`: {told}"));
        Self {
            accepted: number("accepted"),
            refused: number("refused"),
            begun_ns: number("begun_ns"),
            ended_ns: number("ended_ns"),
            cpu_ms: number("cpu_ms"),
            late_max_ns: number("late_max_ns"),
            answer_p50_ns: number("answer_p50_ns"),
            answer_p99_ns: number("answer_p99_ns"),
            times: serde_json::from_value(told["times"].clone()).expect("numbers and times"),
        }
    }
}

/// What a turn came to.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// From the first sent to the last received: what was taken in and is not delivered does not count.
    pub events_per_second: f64,
    /// Processor time for each event, of what is measured.
    pub host_us: f64,
    /// Of the load,
    pub load_us: f64,
    /// and of the sink.
    pub sink_us: f64,
    /// How much of a core the load used while it sent,
    pub load_busy: f64,
    /// and the sink in the whole turn.
    pub sink_busy: f64,
    /// That were opened to the sink after the warm-up: a host that keeps its connections opens hardly any.
    pub sink_connections: f64,
}

impl Turn {
    /// Sends a sixth of it to warm up, then all of it, to what listens at this address and sends so many copies of each event to the sink.
    ///
    /// # Panics
    ///
    /// Where an event is refused or does not come.
    pub fn measure(load: Load, address: &str, copies: u64, sink: &mut Peer, host_cpu_ms: impl Fn() -> u64) -> Self {
        sink.reset();
        // Connections, lanes and the machine's caches are there when the measuring begins.
        let warm_up = Load { duration: load.duration / 6, ..load }.send(address, PATH);
        let came = sink.wait(warm_up.accepted * copies, DRAIN_MAX);
        assert_eq!(came.count, warm_up.accepted * copies, "all of the warm-up came");
        sink.reset();
        let (host_before, sink_before) = (host_cpu_ms(), sink.cpu_ms());
        let sent = load.send(address, PATH);
        assert_eq!(sent.refused, 0, "nothing is refused");
        let came = sink.wait(sent.accepted * copies, DRAIN_MAX);
        assert_eq!(came.count, sent.accepted * copies, "all that was accepted came, and once");
        let (host_ms, sink_ms) = (host_cpu_ms() - host_before, sink.cpu_ms() - sink_before);
        let each = |ms: u64| ms as f64 * 1e3 / sent.accepted as f64;
        let ms_until = |end_ns: u64| (end_ns - sent.begun_ns) as f64 / 1e6;
        Self {
            events_per_second: sent.accepted as f64 * 1e3 / ms_until(came.last_ns),
            host_us: each(host_ms),
            load_us: each(sent.cpu_ms),
            sink_us: each(sink_ms),
            load_busy: sent.cpu_ms as f64 / ms_until(sent.ended_ns),
            sink_busy: sink_ms as f64 / ms_until(came.last_ns),
            sink_connections: came.connections as f64,
        }
    }

    /// Which process beside the host held the turn up, where one did.
    #[must_use]
    pub fn held_up_by(&self) -> Option<&'static str> {
        let sides = [("the load", self.load_busy), ("the sink", self.sink_busy)];
        sides.into_iter().find(|(_, busy)| *busy >= BUSY_MAX).map(|(name, _)| name)
    }
}
