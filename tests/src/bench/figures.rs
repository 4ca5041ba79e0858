//! What a benchmark writes for programs: `target/bench/NAME.json`, with the machine, a row for each figure, and ratios between them.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::{Value, json};

use super::{Spread, Table, place};

/// The figures of one benchmark.
#[derive(Debug)]
pub struct Figures {
    name: &'static str,
    rows: Vec<Value>,
    ratios: BTreeMap<String, f64>,
    targets: BTreeMap<String, Value>,
}

/// What a ratio is held against.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// No less.
    AtLeast(f64),
    /// No more.
    AtMost(f64),
}

impl Figures {
    /// None yet, of the benchmark of this name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, rows: Vec::new(), ratios: BTreeMap::new(), targets: BTreeMap::new() }
    }

    /// Adds a row, `CASE.WHAT`, with its unit.
    pub fn row(&mut self, name: &str, unit: &str, Spread { median, min, max }: Spread) {
        self.rows.push(json!({ "name": name, "unit": unit, "median": median, "min": min, "max": max }));
    }

    /// Adds a row of what was measured several times, and gives its spread.
    pub fn measured(&mut self, name: &str, unit: &str, measured: &[f64]) -> Spread {
        let spread = Spread::of(measured);
        self.row(name, unit, spread);
        spread
    }

    /// Adds a ratio, called `BENCH.NAME`.
    pub fn ratio(&mut self, name: &str, ratio: f64) {
        self.ratios.insert(format!("{}.{name}", self.name), ratio);
    }

    /// Adds a ratio that is held against a target; what is said of it.
    pub fn judge(&mut self, name: &str, ratio: f64, target: Target) -> String {
        self.ratio(name, ratio);
        let name = format!("{}.{name}", self.name);
        let told =
            format!("{name}: {ratio:.2} (target: {}, {})", target.told(), if target.is_met(ratio) { "met" } else { "MISSED" });
        self.targets.insert(name, json!({ "told": target.told(), "met": target.is_met(ratio) }));
        told
    }

    /// Writes a chart beside the figures: `NAME.svg`, or `NAME-PART.svg`.
    ///
    /// # Panics
    ///
    /// Where it cannot be written.
    pub fn chart(&self, part: &str, svg: &str) {
        let dash = if part.is_empty() { "" } else { "-" };
        fs::write(place::folder().join(format!("{}{dash}{part}.svg", self.name)), svg).expect("a file");
    }

    /// Writes the figures.
    ///
    /// # Panics
    ///
    /// Where they cannot be written.
    pub fn write(&self) -> PathBuf {
        let file = place::folder().join(format!("{}.json", self.name));
        fs::write(&file, format!("{:#}\n", self.document())).expect("a file");
        file
    }

    pub(super) fn document(&self) -> Value {
        json!({ "machine": machine(), "rows": self.rows, "ratios": self.ratios, "targets": self.targets })
    }

    /// Writes the figures, and ends with the tables on standard output.
    pub fn finish(&self, tables: &[Table]) {
        println!("\nwritten to {}", self.write().display());
        for table in tables {
            table.print();
        }
    }
}

impl Target {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(bound) => ratio >= bound,
            Self::AtMost(bound) => ratio <= bound,
        }
    }

    fn told(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("at least {bound}"),
            Self::AtMost(bound) => format!("at most {bound}"),
        }
    }
}

fn machine() -> Value {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let (processors, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let processor = processors.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim()));
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    json!({
        "processor": processor,
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory_gib": kib.map(|kib| (kib >> 10).div_ceil(1024)),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misses_its_target_says_so() {
        let mut figures = Figures::new("path");
        assert_eq!(figures.judge("plain", 0.7, Target::AtLeast(0.7)), "path.plain: 0.70 (target: at least 0.7, met)");
        assert_eq!(figures.judge("cpu", 60.01, Target::AtMost(60.0)), "path.cpu: 60.01 (target: at most 60, MISSED)");
        assert_eq!(figures.targets["path.cpu"]["met"], false);
    }
}
