//! What Prometheus would answer to a query, from a few samples: as far as the alerts that come with the host go. `increase` and `rate` are of what lies
//! in the range, without being stretched to its ends, which changes no answer that is far enough from a limit.

use std::collections::BTreeMap;

use crate::promql::{Expr, Grouping, Matcher, parse};

/// The time of the question, in seconds.
pub const NOW: f64 = 1_000_000.0;
/// A series without a sample for so long has ended.
const STALE_SECS: f64 = 300.0;

/// The labels of a series.
pub type Labels = BTreeMap<String, String>;
/// Series, each with its value.
pub type Vector = Vec<(Labels, f64)>;
/// Values, each with its time.
type Points = Vec<(f64, f64)>;

/// Samples of some series.
pub struct Samples(Vec<Series>);

struct Series {
    name: String,
    labels: Labels,
    points: Points,
}

enum Answer {
    Number(f64),
    Vector(Vector),
}

impl Samples {
    /// A series a line, `up{instance="a"} -60:1 0:0`: each value behind its time, in seconds from [`NOW`].
    ///
    /// # Panics
    ///
    /// Where it is written otherwise.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let series = |line: &str| {
            let (selector, points) = line.split_once("  ").unwrap_or_else(|| panic!("two blanks before the samples: {line}"));
            let Ok(Expr::Select { name, matchers, .. }) = parse(selector) else { panic!("no series: {line}") };
            let labels = matchers.into_iter().map(|Matcher { label, text, .. }| (label, text)).collect();
            let number = |text: &str| text.parse::<f64>().unwrap_or_else(|_| panic!("`{text}` is no number: {line}"));
            let points = points.split_whitespace().map(|point| {
                let (at, value) = point.split_once(':').unwrap_or_else(|| panic!("`{point}` has no time: {line}"));
                (NOW + number(at), number(value))
            });
            Series { name, labels, points: points.collect() }
        };
        Self(text.lines().map(series).collect())
    }

    /// The series that a query is answered with, each with its value.
    ///
    /// # Errors
    ///
    /// What of the query is not known here.
    pub fn answer(&self, query: &str) -> Result<Vector, String> {
        self.vector(&parse(query)?)
    }

    fn vector(&self, expr: &Expr) -> Result<Vector, String> {
        match self.eval(expr)? {
            Answer::Vector(vector) => Ok(vector),
            Answer::Number(_) => Err("a number stands where series should".to_owned()),
        }
    }

    fn eval(&self, expr: &Expr) -> Result<Answer, String> {
        Ok(match expr {
            Expr::Number(number) => Answer::Number(*number),
            Expr::Text => return Err("a text".to_owned()),
            Expr::Select { name, matchers, .. } => {
                let last = self.of(name, matchers, STALE_SECS)?.into_iter();
                Answer::Vector(last.filter_map(|(labels, points)| Some((labels, points.last()?.1))).collect())
            }
            Expr::Call(name, arguments) => self.call(name, arguments)?,
            Expr::Aggregate(name, of, grouping) => Answer::Vector(summed(name, self.vector(of)?, grouping.as_ref())?),
            Expr::Binary(left, operator, on, right) => joined(self.eval(left)?, operator, on, self.eval(right)?)?,
        })
    }

    fn call(&self, name: &str, arguments: &[Expr]) -> Result<Answer, String> {
        Ok(Answer::Vector(match (name, arguments) {
            ("time", []) => return Ok(Answer::Number(NOW)),
            ("absent", [of]) if self.vector(of)?.is_empty() => vec![(Labels::new(), 1.0)],
            ("absent", [_]) => Vec::new(),
            ("histogram_quantile", [Expr::Number(share), of]) => quantiles(*share, self.vector(of)?),
            (_, [Expr::Select { name: metric, matchers, range_secs: Some(range) }, rest @ ..]) => {
                let over = over_range(name, rest)?;
                let series = self.of(metric, matchers, *range)?.into_iter().filter(|(_, points)| points.len() > 1);
                series.map(|(labels, points)| (labels, over(&points))).collect()
            }
            _ => return Err(format!("{name}() is not known here")),
        }))
    }

    /// The series that match, with their samples of the last so many seconds.
    fn of(&self, name: &str, matchers: &[Matcher], secs: f64) -> Result<Vec<(Labels, Points)>, String> {
        let mut found = Vec::new();
        for series in self.0.iter().filter(|series| series.name == name) {
            let mut is_meant = true;
            for Matcher { label, operator, text } in matchers {
                let value = series.labels.get(label).map_or("", String::as_str);
                is_meant &= match *operator {
                    "=" => value == text,
                    "!=" => value != text,
                    other => return Err(format!("the matcher {other} is not known here")),
                };
            }
            if is_meant {
                let points = series.points.iter().filter(|(at, _)| *at > NOW - secs).copied().collect();
                found.push((series.labels.clone(), points));
            }
        }
        Ok(found)
    }
}

type OverRange = Box<dyn Fn(&[(f64, f64)]) -> f64>;

fn over_range(name: &str, rest: &[Expr]) -> Result<OverRange, String> {
    Ok(match (name, rest) {
        ("increase", []) => Box::new(increase),
        ("rate", []) => Box::new(|points| increase(points) / (points[points.len() - 1].0 - points[0].0)),
        ("changes", []) => Box::new(|points| {
            #[expect(clippy::float_cmp, clippy::cast_precision_loss, reason = "a change is any, and there are few")]
            let count = points.windows(2).filter(|two| two[0].1 != two[1].1).count() as f64;
            count
        }),
        ("deriv", []) => Box::new(|points| line(points).0),
        ("predict_linear", [Expr::Number(ahead)]) => {
            let ahead = *ahead;
            Box::new(move |points| {
                let (slope, now) = line(points);
                now + slope * ahead
            })
        }
        _ => return Err(format!("{name}() is not known here")),
    })
}

/// A counter that falls began anew.
fn increase(points: &[(f64, f64)]) -> f64 {
    points.windows(2).map(|two| if two[1].1 < two[0].1 { two[1].1 } else { two[1].1 - two[0].1 }).sum()
}

/// The slope of the line of least squares, and its value now.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    let count = points.len() as f64;
    let (at, value) = points.iter().fold((0.0, 0.0), |(at, value), point| (at + point.0 / count, value + point.1 / count));
    let (both, square) = points.iter().fold((0.0, 0.0), |(both, square), point| {
        (both + (point.0 - at) * (point.1 - value), square + (point.0 - at) * (point.0 - at))
    });
    let slope = both / square;
    (slope, value + slope * (NOW - at))
}

fn summed(name: &str, all: Vector, grouping: Option<&Grouping>) -> Result<Vector, String> {
    if name != "sum" {
        return Err(format!("{name} is not known here"));
    }
    let mut sums: BTreeMap<Labels, f64> = BTreeMap::new();
    for (mut labels, value) in all {
        match grouping {
            Some(Grouping::By(kept)) => labels.retain(|label, _| kept.contains(label)),
            Some(Grouping::Without(gone)) => labels.retain(|label, _| !gone.contains(label)),
            None => labels.clear(),
        }
        *sums.entry(labels).or_default() += value;
    }
    Ok(sums.into_iter().collect())
}

/// The bucket in which the share is reached, and where in it, as if what is in it lay evenly.
fn quantiles(share: f64, buckets: Vector) -> Vector {
    let mut histograms: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (mut labels, count) in buckets {
        let le = labels.remove("le").map_or(f64::INFINITY, |le| le.parse().unwrap_or(f64::INFINITY));
        histograms.entry(labels).or_default().push((le, count));
    }
    let told = histograms.into_iter().filter_map(|(labels, mut buckets)| {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let wanted = share * buckets.last()?.1;
        let at = buckets.iter().position(|(_, count)| *count >= wanted)?;
        let (below, under) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
        let (le, count) = buckets[at];
        let value = if le.is_infinite() { below } else { below + (le - below) * (wanted - under) / (count - under) };
        Some((labels, value))
    });
    told.collect()
}

fn joined(left: Answer, operator: &str, on: &[String], right: Answer) -> Result<Answer, String> {
    let same = |a: &Labels, b: &Labels| if on.is_empty() { a == b } else { on.iter().all(|label| a.get(label) == b.get(label)) };
    let kept = |labels: Labels, a: f64, b: f64, shown: f64| match counted(operator, a, b) {
        Some(value) => Ok(Some((labels, value))),
        None => holds(operator, a, b).map(|holds| holds.then_some((labels, shown))),
    };
    let vector: Result<Vec<_>, String> = match (left, right) {
        (Answer::Number(a), Answer::Number(b)) => {
            return counted(operator, a, b).map(Answer::Number).ok_or_else(|| format!("{operator} between numbers"));
        }
        (Answer::Vector(all), Answer::Number(b)) => all.into_iter().map(|(labels, a)| kept(labels, a, b, a)).collect(),
        (Answer::Number(a), Answer::Vector(all)) => all.into_iter().map(|(labels, b)| kept(labels, a, b, b)).collect(),
        (Answer::Vector(left), Answer::Vector(right)) if operator == "and" => {
            let both = left.into_iter().filter(|(labels, _)| right.iter().any(|(other, _)| same(labels, other)));
            both.map(|one| Ok(Some(one))).collect()
        }
        (Answer::Vector(left), Answer::Vector(right)) => {
            let pairs = left.into_iter().filter_map(|(labels, a)| {
                let (_, b) = right.iter().find(|(other, _)| same(&labels, other))?;
                Some(kept(labels, a, *b, a))
            });
            pairs.collect()
        }
    };
    Ok(Answer::Vector(vector?.into_iter().flatten().collect()))
}

fn counted(operator: &str, a: f64, b: f64) -> Option<f64> {
    match operator {
        "+" => Some(a + b),
        "-" => Some(a - b),
        "*" => Some(a * b),
        "/" => Some(a / b),
        _ => None,
    }
}

fn holds(operator: &str, a: f64, b: f64) -> Result<bool, String> {
    #[expect(clippy::float_cmp, reason = "as a query says it")]
    match operator {
        "==" => Ok(a == b),
        "!=" => Ok(a != b),
        ">" => Ok(a > b),
        "<" => Ok(a < b),
        ">=" => Ok(a >= b),
        "<=" => Ok(a <= b),
        other => Err(format!("{other} is not known here")),
    }
}
