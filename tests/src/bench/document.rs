//! What a benchmark wrote, read again.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde_json::Value;

use super::{Spread, Table, chart::rounded};

/// `target/bench/NAME.json`.
#[derive(Clone, Debug)]
pub struct Document {
    /// Of the benchmark.
    pub name: String,
    /// What it ran on.
    pub machine: Value,
    /// In their order.
    pub rows: Vec<Row>,
    /// By their whole names.
    pub ratios: BTreeMap<String, f64>,
    targets: Value,
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Row {
    /// `CASE.WHAT`.
    pub name: String,
    /// Of the numbers.
    pub unit: String,
    /// The numbers.
    pub spread: Spread,
}

impl Document {
    /// What the benchmark of this name wrote last; `None` where it never ran.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is none of ours.
    pub fn read(folder: &Path, name: &str) -> io::Result<Option<Self>> {
        match fs::read(folder.join(format!("{name}.json"))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Self::parse(name, &serde_json::from_slice(&read?)?).map(Some).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{name}.json is no benchmark's; `cargo xtask bench {name}` writes it anew"),
                )
            }),
        }
    }

    fn parse(name: &str, document: &Value) -> Option<Self> {
        let row = |row: &Value| {
            let number = |name: &str| row[name].as_f64();
            let spread = Spread { median: number("median")?, min: number("min")?, max: number("max")? };
            Some(Row { name: row["name"].as_str()?.to_owned(), unit: row["unit"].as_str()?.to_owned(), spread })
        };
        Some(Self {
            name: name.to_owned(),
            machine: document["machine"].clone(),
            rows: document["rows"].as_array()?.iter().map(row).collect::<Option<_>>()?,
            ratios: serde_json::from_value(document["ratios"].clone()).ok()?,
            targets: document["targets"].clone(),
        })
    }

    /// All rows, a line each.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut table = Table::new(&self.name, &["figure", "unit", "median", "min", "max"]);
        for Row { name, unit, spread } in &self.rows {
            let [median, min, max] = [spread.median, spread.min, spread.max].map(rounded);
            table.row(vec![name.clone(), unit.clone(), median, min, max]);
        }
        table
    }

    /// Adds the ratios to a table: what was found, what was wanted, and whether it was met.
    pub fn tell_ratios(&self, table: &mut Table) {
        for (name, ratio) in &self.ratios {
            let target = &self.targets[name];
            let met = match target["met"].as_bool() {
                None => "",
                Some(true) => "met",
                Some(false) => "MISSED",
            };
            table.row(vec![name.clone(), rounded(*ratio), target["told"].as_str().unwrap_or("").to_owned(), met.to_owned()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Figures, Target};

    #[test]
    fn what_is_written_is_read() {
        let mut figures = Figures::new("path");
        figures.measured("plain.events_per_second", "1/s", &[3.0, 1.0, 20_000.0]);
        figures.ratio("fanout_to_ceiling", 0.25);
        figures.judge("plain_to_ceiling", 0.5, Target::AtLeast(0.7));
        let document = Document::parse("path", &figures.document()).expect("a benchmark's");
        assert_eq!(document.table().rows().lines().last(), Some("| plain.events_per_second | 1/s  | 3      | 1   | 20,000 |"));
        let mut ratios = Table::new("Ratios", &["ratio", "found", "target", ""]);
        document.tell_ratios(&mut ratios);
        let lines = ratios.rows();
        assert!(lines.contains("| path.fanout_to_ceiling | 0.25  |"), "{lines}");
        assert!(lines.contains("| at least 0.7 | MISSED |"), "{lines}");
    }

    #[test]
    fn what_is_no_benchmarks_is_told() {
        let folder = tempfile::TempDir::new().expect("a folder");
        assert!(Document::read(folder.path(), "path").expect("nothing is no error").is_none());
        fs::write(folder.path().join("path.json"), "{}").expect("a file");
        let error = Document::read(folder.path(), "path").expect_err("it has no rows").to_string();
        assert!(error.contains("`cargo xtask bench path`"), "{error}");
    }
}
