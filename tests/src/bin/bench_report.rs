//! What is told of benchmarks that have run: `bench_report summary NAME..` prints their ratios, `bench_report docs` puts their figures into
//! docs/benchmarks.md.

use std::{env, path::Path};

use anyhow::{Context, bail};
use sluicebox_tests::bench::{self, Document, Table, page};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first().context("what is to be told?")? {
        (what, names) if what == "summary" => summary(names),
        (what, []) if what == "docs" => page::rewrite(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs"), &bench::folder()),
        (what, _) => bail!("`{what}` cannot be told; `summary NAME..` and `docs` can"),
    }
}

/// All ratios of these benchmarks.
fn summary(names: &[String]) -> anyhow::Result<()> {
    let mut table = Table::new("Ratios", &["ratio", "found", "target", ""]);
    for name in names {
        let document = Document::read(&bench::folder(), name)?;
        document.with_context(|| format!("`{name}` wrote nothing"))?.tell_ratios(&mut table);
    }
    table.print();
    Ok(())
}
