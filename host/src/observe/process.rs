//! What the process is and costs, by the names that Prometheus's own client libraries give it (so that dashboards for any process fit), and
//! which build it is. Read from /proc when it is asked for; where there is no /proc, what stands there is left out.

use std::{fmt, fs, time::SystemTime};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge, info::Info},
    registry::{Registry, Unit},
};

/// The kernel tells processor time in hundredths of a second (`USER_HZ`, proc_pid_stat(5)) on every architecture that this is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Registers them; the process counts as started at `now`.
pub fn register(registry: &mut Registry, now: SystemTime) {
    let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("sluicebox_build", "Which build this is", build);
    let started = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    registry.register_collector(Box::new(Process { started }));
}

#[derive(Debug)]
struct Process {
    started: f64,
}

/// What /proc says.
#[derive(Debug, Default, PartialEq)]
struct Read {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    open_descriptors: Option<u64>,
    descriptors_max: Option<u64>,
    threads: Option<u64>,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let read = Read::now();
        let started = ConstGauge::new(self.started);
        let what = "When the process started, in seconds since the Unix epoch";
        let unit = Some(&Unit::Seconds);
        started.encode(encoder.encode_descriptor("process_start_time", what, unit, MetricType::Gauge)?)?;
        if let Some(seconds) = read.cpu_seconds {
            let what = "Processor time of the process, in user and in system";
            ConstCounter::new(seconds).encode(encoder.encode_descriptor("process_cpu", what, unit, MetricType::Counter)?)?;
        }
        let bytes = Some(&Unit::Bytes);
        let gauges = [
            ("process_resident_memory", "Memory of the machine's that the process has", bytes, read.resident_bytes),
            ("process_virtual_memory", "Addresses that the process has set aside", bytes, read.virtual_bytes),
            ("process_open_fds", "Open file descriptors", None, read.open_descriptors),
            ("process_max_fds", "File descriptors that may be open", None, read.descriptors_max),
            ("process_threads", "Threads of the process", None, read.threads),
        ];
        for (name, what, unit, value) in gauges {
            if let Some(value) = value {
                let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
                gauge.encode(encoder.encode_descriptor(name, what, unit, MetricType::Gauge)?)?;
            }
        }
        Ok(())
    }
}

impl Read {
    fn now() -> Self {
        let text = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
        let mut read = Self::of(&text("stat").unwrap_or_default(), &text("status").unwrap_or_default());
        read.descriptors_max = text("limits").and_then(|limits| descriptors_max(&limits));
        // One of them is the folder that is being read.
        read.open_descriptors = fs::read_dir("/proc/self/fd").ok().map(|all| (all.count() as u64).saturating_sub(1));
        read
    }

    /// From `/proc/self/stat` and `/proc/self/status`.
    fn of(stat: &str, status: &str) -> Self {
        // After the name, which may hold anything, the 12th and 13th field.
        let ticks = |at: usize| stat.rsplit(')').next()?.split_whitespace().nth(at)?.parse::<u32>().ok();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Self {
            cpu_seconds: ticks(11).zip(ticks(12)).map(|(user, system)| (f64::from(user) + f64::from(system)) / TICKS_PER_SECOND),
            resident_bytes: number("VmRSS").map(|kib| kib << 10),
            virtual_bytes: number("VmSize").map(|kib| kib << 10),
            threads: number("Threads"),
            ..Self::default()
        }
    }
}

/// The limit in force, of `/proc/self/limits`.
fn descriptors_max(limits: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_misleads_nobody() {
        let stat = "7 (a) (b 1) S 1 7 7 0 -1 4194560 1 0 0 0 250 150 0 0 20 0 9 0 1 2 3";
        let status = "Name:\ta\nVmSize:\t  2048 kB\nVmRSS:\t  1024 kB\nThreads:\t9\n";
        let read = Read::of(stat, status);
        assert_eq!((read.cpu_seconds, read.threads), (Some(4.0), Some(9)));
        assert_eq!((read.resident_bytes, read.virtual_bytes), (Some(1 << 20), Some(2 << 20)));
        assert_eq!(Read::of("", ""), Read::default());
        let limits =
            "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(descriptors_max(limits), Some(1024));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_told_of() {
        let mut registry = Registry::default();
        register(&mut registry, SystemTime::now());
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).expect("it encodes");
        for name in
            ["process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds ", "sluicebox_build_info{version="]
        {
            assert!(page.contains(&format!("\n{name}")), "{name}\n{page}");
        }
    }
}
