//! docs/benchmarks.md: what stands between two marks, `<!-- figures: NAME -->` and `<!-- end -->`, is put there from `target/bench/NAME.json`
//! and the charts beside it; all else is written by hand.

use std::{fs, io, path::Path};

use anyhow::{Context, bail};

use super::{Document, Table};

const BEGIN: &str = "<!-- figures: ";
const BEGIN_END: &str = " -->\n";
const END: &str = "<!-- end -->";

/// Rewrites the page with the figures that are in this folder, copies their charts to `benchmarks/` beside it, and says what was left as it was.
///
/// # Errors
///
/// The page has a mark without its end, or a file cannot be read or written.
pub fn rewrite(docs: &Path, figures: &Path) -> anyhow::Result<()> {
    let (page, shown) = (docs.join("benchmarks.md"), docs.join("benchmarks"));
    fs::create_dir_all(&shown)?;
    let old = fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let new = filled(&old, |name| {
        let Some(document) = Document::read(figures, name)? else {
            println!("left as it was: {name}, which has not run here (`cargo xtask bench {name}`)");
            return Ok(None);
        };
        let charts = charts(figures, name)?;
        for chart in &charts {
            fs::copy(figures.join(chart), shown.join(chart)).with_context(|| chart.clone())?;
        }
        Ok(Some(block(&document, &charts)))
    })?;
    fs::write(&page, new)?;
    println!("written to {}", page.display());
    Ok(())
}

/// The page with each block anew, or as it was where there is nothing for it.
fn filled(page: &str, mut block: impl FnMut(&str) -> anyhow::Result<Option<String>>) -> anyhow::Result<String> {
    let (mut new, mut rest) = (String::new(), page);
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, after) = after.split_once(BEGIN_END).context("a mark of figures has no end of its line")?;
        let Some((old, after)) = after.split_once(END) else { bail!("the figures of `{name}` have no `{END}`") };
        let figures = block(name)?;
        new += &[before, BEGIN, name, BEGIN_END, figures.as_deref().unwrap_or(old), END].concat();
        rest = after;
    }
    Ok(new + rest)
}

/// Those of a benchmark: `NAME.svg` and `NAME-PART.svg`.
fn charts(figures: &Path, name: &str) -> io::Result<Vec<String>> {
    let mut charts = Vec::new();
    for entry in fs::read_dir(figures)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        let stem = file.strip_suffix(".svg").and_then(|stem| stem.strip_prefix(name));
        if stem.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
            charts.push(file);
        }
    }
    charts.sort();
    Ok(charts)
}

fn block(document: &Document, charts: &[String]) -> String {
    let mut ratios = Table::new(&document.name, &["ratio", "found", "target", ""]);
    document.tell_ratios(&mut ratios);
    let shown: String =
        charts.iter().map(|chart| format!("![{}](benchmarks/{chart})\n\n", chart.trim_end_matches(".svg"))).collect();
    let machine = &document.machine;
    let text = |name: &str| machine[name].as_str().unwrap_or("unknown").to_owned();
    let number = |name: &str| machine[name].as_u64().unwrap_or_default();
    format!(
        "\n{}\n\n{shown}{}\n\nMeasured on: {}, {} cores, {} GiB of memory, Linux {}, {} build.\n\n",
        ratios.rows(),
        document.table().rows(),
        text("processor"),
        number("cores"),
        number("memory_gib"),
        text("kernel"),
        text("build")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "# Page\n<!-- figures: path -->\nold\n<!-- end -->\nbetween\n<!-- figures: route -->\nstays\n<!-- end -->\nend\n";

    #[test]
    fn figures_are_put_between_their_marks() {
        let new = filled(PAGE, |name| Ok((name == "path").then(|| "new\n".to_owned()))).expect("a page");
        assert_eq!(new, PAGE.replace("old", "new"));
    }

    #[test]
    fn a_mark_without_an_end_is_an_error() {
        let error = filled("<!-- figures: path -->\nold\n", |_| Ok(None)).expect_err("no end");
        assert!(error.to_string().contains("`path`"), "{error}");
    }

    #[test]
    fn charts_are_those_of_the_benchmark() {
        let folder = tempfile::TempDir::new().expect("a folder");
        for name in ["path.svg", "path-parts.svg", "pathological.svg", "path.json"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        assert_eq!(charts(folder.path(), "path").expect("charts"), ["path-parts.svg", "path.svg"]);
    }
}
