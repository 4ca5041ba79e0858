//! What a benchmark writes for programs: `target/bench/NAME.json`, with the machine, a row for each figure, and ratios between rows.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// The figures of one benchmark.
#[derive(Debug)]
pub struct Figures {
    name: &'static str,
    rows: Vec<Value>,
    ratios: BTreeMap<String, f64>,
}

/// The middle of several measurements, and their ends.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The one in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of at least one measurement.
    #[must_use]
    pub fn of(measured: &[f64]) -> Self {
        let mut sorted = measured.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (sorted.first().copied(), sorted.last().copied());
        let median = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
        Self { median: median.expect("a measurement"), min: min.expect("a measurement"), max: max.expect("a measurement") }
    }
}

impl Figures {
    /// None yet, of the benchmark of this name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, rows: Vec::new(), ratios: BTreeMap::new() }
    }

    /// Adds a row, with its unit.
    pub fn row(&mut self, name: &str, unit: &str, Spread { median, min, max }: Spread) {
        self.rows.push(json!({ "name": name, "unit": unit, "median": median, "min": min, "max": max }));
    }

    /// Adds a ratio, called `BENCH.NAME`.
    pub fn ratio(&mut self, name: &str, ratio: f64) {
        self.ratios.insert(format!("{}.{name}", self.name), ratio);
    }

    /// Writes the file, and says where it is.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn write(&self) -> io::Result<PathBuf> {
        let folder = target_folder().join("bench");
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.json", self.name));
        let told = json!({ "machine": machine(), "rows": self.rows, "ratios": self.ratios });
        fs::write(&file, format!("{told:#}\n"))?;
        Ok(file)
    }
}

/// Where cargo builds to.
fn target_folder() -> PathBuf {
    let told = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    told.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
}

fn machine() -> Value {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim().to_owned()));
    json!({
        "processor": processor,
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
    })
}
