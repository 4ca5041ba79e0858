//! What was measured already, on disk.

use std::{collections::BTreeMap, fs, path::PathBuf, time::UNIX_EPOCH};

use serde_json::{Value, json};
use sluicebox_tests::{
    bench::{self, Spread, Turn},
    process,
};

/// Points by `DIMENSION_SIZE`.
pub(crate) struct Points {
    file: PathBuf,
    program: String,
    points: BTreeMap<String, Value>,
}

impl Points {
    /// Those that were measured with this program.
    pub(crate) fn open() -> Self {
        let (file, program) = (bench::folder().join("growth-points.json"), program());
        let kept: Value = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let points = if kept["program"] == program { serde_json::from_value(kept["points"].clone()).ok() } else { None };
        let points: BTreeMap<String, Value> = points.unwrap_or_default();
        if !points.is_empty() {
            println!("{} points are there already; remove {} to measure them again", points.len(), file.display());
        }
        Self { file, program, points }
    }

    pub(crate) fn keep(&mut self, dimension: &str, size: usize, turns: &[Turn]) {
        let told = |pick: fn(&Turn) -> f64| {
            let Spread { median, min, max } = Spread::picked(turns, pick);
            [median, min, max]
        };
        let point = json!({ "cost": told(|turn| turn.host_us), "rate": told(|turn| turn.events_per_second) });
        self.points.insert(key(dimension, size), point);
        let document = json!({ "program": self.program, "points": self.points });
        fs::write(&self.file, format!("{document:#}\n")).expect("a file");
    }

    /// Microseconds of the host's for each event.
    pub(crate) fn spread(&self, dimension: &str, size: usize) -> Option<Spread> {
        self.read(dimension, size, "cost")
    }

    /// Events a second.
    pub(crate) fn rate(&self, dimension: &str, size: usize) -> Option<Spread> {
        self.read(dimension, size, "rate")
    }

    fn read(&self, dimension: &str, size: usize, what: &str) -> Option<Spread> {
        let [median, min, max] = serde_json::from_value(self.points.get(&key(dimension, size))?[what].clone()).ok()?;
        Some(Spread { median, min, max })
    }
}

fn key(dimension: &str, size: usize) -> String {
    format!("{dimension}_{size}")
}

/// What tells one build of the program from another.
fn program() -> String {
    let file = fs::metadata(process::binary()).expect("the program");
    let written = file.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!("{} bytes, written at {}", file.len(), written.as_secs())
}
