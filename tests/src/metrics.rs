//! What `/metrics` shows, what docs/metrics.md says of it, and whether a query (PromQL) fits: each metric, each label and each function over
//! a kind that it is made for.

use std::collections::{BTreeMap, BTreeSet};

use crate::promql::{Expr, Grouping, parse};

/// What Prometheus itself adds to each series.
const OF_TARGET: [&str; 2] = ["job", "instance"];
/// What is only right over what only grows.
const OVER_COUNTERS: [&str; 3] = ["rate", "irate", "increase"];
/// What is only right over what goes up and down.
const OVER_GAUGES: [&str; 4] = ["deriv", "predict_linear", "delta", "idelta"];

/// A metric by its kind (`counter`, `gauge`, `histogram` or `info`) and labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metric {
    /// As OpenMetrics names it.
    pub kind: String,
    /// Without `le`.
    pub labels: BTreeSet<String>,
}

/// Metrics by the names that queries call them by; a histogram by its own, without `_bucket`, `_sum` and `_count`.
#[derive(Clone, Debug, Default)]
pub struct Catalogue(pub BTreeMap<String, Metric>);

impl Catalogue {
    /// The rows of the tables of docs/metrics.md: name, kind, labels, and what it says.
    #[must_use]
    pub fn of_page(markdown: &str) -> Self {
        let row = |line: &str| {
            let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
            let [name, kind, labels, ..] = cells[..] else { panic!("not a row: {line}") };
            let labels = labels.split(',').map(|label| label.trim().trim_matches('`')).filter(|label| !label.is_empty());
            let labels = labels.map(str::to_owned).collect();
            Some((name.trim_end_matches('`').to_owned(), Metric { kind: kind.to_owned(), labels }))
        };
        let mut all = BTreeMap::new();
        for (name, metric) in markdown.lines().filter_map(row) {
            assert!(all.insert(name.clone(), metric).is_none(), "{name} stands twice");
        }
        Self(all)
    }

    /// What a host shows (OpenMetrics 1.0). What nothing was counted of yet has no series, and mostly is not there.
    #[must_use]
    pub fn of_host(text: &str) -> Self {
        let mut all = BTreeMap::new();
        let kinds: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, labels) = match line.split_once('{') {
                Some((series, rest)) => (series, rest.rsplit_once('}').expect("an end of labels").0),
                None => (line.split(' ').next().expect("a name"), ""),
            };
            let of = |kind: &str, suffixes: &[&str]| {
                let base = |suffix| series.strip_suffix(suffix).filter(|base| kinds.get(base) == Some(&kind));
                suffixes.iter().find_map(base)
            };
            let (name, kind) = match (of("histogram", &["_bucket", "_sum", "_count"]), of("counter", &["_total"])) {
                (Some(base), _) => (base, "histogram"),
                (_, Some(_)) => (series, "counter"),
                _ if of("info", &["_info"]).is_some() => (series, "info"),
                _ => (series, *kinds.get(series).unwrap_or_else(|| panic!("{series} has no type"))),
            };
            let metric: &mut Metric = all.entry(name.to_owned()).or_default();
            kind.clone_into(&mut metric.kind);
            metric.labels.extend(keys(labels).into_iter().filter(|key| key != "le"));
        }
        Self(all)
    }

    /// What is wrong with a query; nothing where it is right.
    #[must_use]
    pub fn problems(&self, query: &str) -> Vec<String> {
        let mut found = Vec::new();
        match parse(query) {
            Ok(expr) => drop(self.walk(&expr, None, &mut found)),
            Err(error) => found.push(format!("it does not parse: {error}")),
        }
        found
    }

    /// The labels that its series may have; `call` is the function that it stands in.
    fn walk(&self, expr: &Expr, call: Option<&str>, found: &mut Vec<String>) -> BTreeSet<String> {
        match expr {
            Expr::Number(_) | Expr::Text => BTreeSet::new(),
            Expr::Select { name, matchers, .. } => {
                let labels: Vec<String> = matchers.iter().map(|matcher| matcher.label.clone()).collect();
                self.select(name, &labels, call, found)
            }
            Expr::Call(name, arguments) => {
                let labels = arguments.iter().map(|one| self.walk(one, Some(name), found)).fold(BTreeSet::new(), union);
                if name == "histogram_quantile" && !labels.contains("le") {
                    found.push("histogram_quantile() without `le`: sum by (le), over a _bucket".to_owned());
                }
                labels
            }
            Expr::Aggregate(_, of, grouping) => {
                let labels = self.walk(of, call, found);
                match grouping {
                    Some(Grouping::By(kept)) => {
                        let kept: BTreeSet<String> = kept.iter().cloned().collect();
                        found.extend(
                            kept.difference(&labels).map(|label| format!("grouped by `{label}`, which nothing there has")),
                        );
                        kept
                    }
                    Some(Grouping::Without(gone)) => labels.into_iter().filter(|label| !gone.contains(label)).collect(),
                    None => BTreeSet::new(),
                }
            }
            Expr::Binary(left, _, matched, right) => {
                let (left, right) = (self.walk(left, call, found), self.walk(right, call, found));
                for label in matched.iter().filter(|label| !(left.contains(*label) && right.contains(*label))) {
                    found.push(format!("matched on `{label}`, which one side does not have"));
                }
                union(left, right)
            }
        }
    }

    fn select(&self, name: &str, matched: &[String], call: Option<&str>, found: &mut Vec<String>) -> BTreeSet<String> {
        let Some((kind, mut labels)) = self.series(name) else {
            found.push(format!("there is no metric `{name}`"));
            return BTreeSet::new();
        };
        labels.extend(OF_TARGET.map(str::to_owned));
        found.extend(
            matched.iter().filter(|label| !labels.contains(*label)).map(|label| format!("`{name}` has no label `{label}`")),
        );
        match call {
            Some(call) if OVER_COUNTERS.contains(&call) && kind != "counter" => {
                found.push(format!("{call}() over the {kind} `{name}`"));
            }
            Some(call) if OVER_GAUGES.contains(&call) && kind != "gauge" => {
                found.push(format!("{call}() over the {kind} `{name}`"))
            }
            _ if kind == "counter" && !call.is_some_and(|call| OVER_COUNTERS.contains(&call)) => {
                found.push(format!("the counter `{name}` as it is: it begins anew with each start; take rate() or increase()"));
            }
            _ => {}
        }
        labels
    }

    /// The kind and the labels of a series.
    fn series(&self, name: &str) -> Option<(&str, BTreeSet<String>)> {
        let of_histogram = |suffix: &str| self.0.get(name.strip_suffix(suffix)?).filter(|metric| metric.kind == "histogram");
        if let Some(metric) = self.0.get(name).filter(|metric| metric.kind != "histogram") {
            return Some((&metric.kind, metric.labels.clone()));
        }
        if let Some(metric) = of_histogram("_bucket") {
            return Some(("counter", metric.labels.iter().cloned().chain(["le".to_owned()]).collect()));
        }
        ["_sum", "_count"].into_iter().find_map(of_histogram).map(|metric| ("counter", metric.labels.clone()))
    }
}

fn union(mut one: BTreeSet<String>, other: BTreeSet<String>) -> BTreeSet<String> {
    one.extend(other);
    one
}

/// The keys of `a="1",b="2"`, whatever the values hold.
fn keys(labels: &str) -> Vec<String> {
    let (mut keys, mut rest) = (Vec::new(), labels);
    while let Some((key, value)) = rest.split_once("=\"") {
        keys.push(key.trim_start_matches(',').to_owned());
        let mut escaped = false;
        let end = value.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        rest = &value[end.expect("an end of the value") + 1..];
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| metric | kind | labels | |\n|---|---|---|---|\n| `a_total` | counter | `x` | some |\n\
                        | `g` | gauge | | other |\n| `h_seconds` | histogram | `x`, `y` | times |\n";

    #[test]
    fn the_page_of_a_host_is_read() {
        let text = "# HELP a A.\n# TYPE a counter\na_total{x=\"1,y=\\\"2\",z=\"\"} 1\n# TYPE h_seconds histogram\n\
                    h_seconds_bucket{le=\"1.0\",x=\"1\"} 1\nh_seconds_sum{x=\"1\"} 1.0\n# TYPE g gauge\ng 7\n# EOF\n";
        let told: Vec<_> =
            Catalogue::of_host(text).0.into_iter().map(|(name, Metric { kind, labels })| (name, kind, labels.len())).collect();
        let told: Vec<_> = told.iter().map(|(name, kind, labels)| (name.as_str(), kind.as_str(), *labels)).collect();
        assert_eq!(told, [("a_total", "counter", 2), ("g", "gauge", 0), ("h_seconds", "histogram", 1)]);
    }

    #[test]
    fn a_query_that_fits_has_no_problems() {
        let all = Catalogue::of_page(PAGE);
        for query in [
            "sum by (x) (rate(a_total{x=\"1\", job=\"sluicebox\"}[5m])) > 0",
            "histogram_quantile(0.99, sum by (le, x) (rate(h_seconds_bucket[5m])))",
            "sum(rate(h_seconds_sum[5m])) / sum(rate(h_seconds_count[5m]))",
            "predict_linear(g[1h], 3600) < 0 and on (instance) g > 1",
        ] {
            assert_eq!(all.problems(query), Vec::<String>::new(), "{query}");
        }
    }

    #[test]
    fn each_kind_of_mistake_is_found() {
        let all = Catalogue::of_page(PAGE);
        for (query, problem) in [
            ("rate(b_total[5m])", "there is no metric `b_total`"),
            ("rate(a_total{z=\"1\"}[5m])", "`a_total` has no label `z`"),
            ("rate(g[5m])", "rate() over the gauge `g`"),
            ("deriv(a_total[5m])", "deriv() over the counter `a_total`"),
            ("a_total > 1", "the counter `a_total` as it is"),
            ("sum by (y) (rate(a_total[5m]))", "grouped by `y`"),
            ("histogram_quantile(0.9, sum by (x) (rate(h_seconds_bucket[5m])))", "without `le`"),
            ("g and on (x) g", "matched on `x`"),
            ("rate(h_seconds[5m])", "there is no metric `h_seconds`"),
            ("rate(a_total[5m]", "it does not parse"),
        ] {
            let found = all.problems(query);
            assert!(found.iter().any(|told| told.contains(problem)), "{query}: {found:?}");
        }
    }
}
