//! PromQL, as far as it takes to know of a query what it asks for: selectors with their matchers and ranges, calls, aggregations and operators.
//! What is not known here (`@`, at) is an error: a query of ours is then written without it.

/// A query, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// A text.
    Text,
    /// Series, over a range where it has one.
    Select {
        /// The metric.
        name: String,
        /// What it is matched by.
        matchers: Vec<Matcher>,
        /// `[5m]`.
        range_secs: Option<f64>,
    },
    /// A function of these.
    Call(String, Vec<Expr>),
    /// An aggregation of this name, by or without these labels.
    Aggregate(String, Box<Expr>, Option<Grouping>),
    /// An operator between two, matched on these labels.
    Binary(Box<Expr>, &'static str, Vec<String>, Box<Expr>),
}

/// `label="text"`
#[derive(Clone, Debug, PartialEq)]
pub struct Matcher {
    /// The label.
    pub label: String,
    /// How it is compared.
    pub operator: &'static str,
    /// With what.
    pub text: String,
}

/// How an aggregation groups.
#[derive(Clone, Debug, PartialEq)]
pub enum Grouping {
    /// `by`.
    By(Vec<String>),
    /// `without`.
    Without(Vec<String>),
}

const AGGREGATIONS: [&str; 12] =
    ["sum", "min", "max", "avg", "count", "stddev", "stdvar", "group", "topk", "bottomk", "quantile", "count_values"];
/// Each with how tightly it binds.
const OPERATORS: [(&str, u8); 15] = [
    ("==", 2),
    ("!=", 2),
    (">=", 2),
    ("<=", 2),
    (">", 2),
    ("<", 2),
    ("+", 3),
    ("-", 3),
    ("*", 4),
    ("/", 4),
    ("%", 4),
    ("and", 1),
    ("or", 0),
    ("unless", 1),
    ("atan2", 4),
];
/// Units of time, in seconds.
const UNITS: [(&str, f64); 7] =
    [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0), ("w", 604_800.0), ("y", 31_536_000.0)];
/// With how many parameters; of those that are only good over a range, `true`.
const FUNCTIONS: [(&str, usize, bool); 24] = [
    ("rate", 1, true),
    ("irate", 1, true),
    ("increase", 1, true),
    ("deriv", 1, true),
    ("delta", 1, true),
    ("idelta", 1, true),
    ("changes", 1, true),
    ("resets", 1, true),
    ("predict_linear", 2, true),
    ("avg_over_time", 1, true),
    ("max_over_time", 1, true),
    ("min_over_time", 1, true),
    ("sum_over_time", 1, true),
    ("absent_over_time", 1, true),
    ("absent", 1, false),
    ("abs", 1, false),
    ("ceil", 1, false),
    ("floor", 1, false),
    ("clamp_min", 2, false),
    ("clamp_max", 2, false),
    ("histogram_quantile", 2, false),
    ("time", 0, false),
    ("vector", 1, false),
    ("scalar", 1, false),
];

/// Reads a query.
///
/// # Errors
///
/// What is wrong, and where.
pub fn parse(query: &str) -> Result<Expr, String> {
    let mut reader = Reader { rest: query };
    let expr = reader.expr()?;
    if reader.peek().is_empty() { Ok(expr) } else { Err(format!("nothing should follow here: {}", reader.rest)) }
}

struct Reader<'q> {
    rest: &'q str,
}

impl<'q> Reader<'q> {
    fn peek(&mut self) -> &'q str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn take(&mut self, text: &str) -> bool {
        let taken = self.peek().strip_prefix(text);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    fn need(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) { Ok(()) } else { Err(format!("`{text}` should stand here: {}", self.rest)) }
    }

    /// The word that comes next; empty where there is none.
    fn peek_word(&mut self) -> &'q str {
        let rest = self.peek();
        let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
        if !rest.starts_with(is_first) {
            return "";
        }
        &rest[..rest.find(|c: char| !is_first(c) && !c.is_ascii_digit()).unwrap_or(rest.len())]
    }

    fn word(&mut self) -> Result<&'q str, String> {
        let word = self.peek_word();
        self.rest = &self.rest[word.len()..];
        if word.is_empty() { Err(format!("a name should stand here: {}", self.rest)) } else { Ok(word) }
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        self.peek_word() == wanted && self.take(wanted)
    }

    fn expr(&mut self) -> Result<Expr, String> {
        self.binding(0)
    }

    /// An expression of operators that bind at least so tightly.
    fn binding(&mut self, least: u8) -> Result<Expr, String> {
        let mut left = self.term()?;
        while let Some((operator, tight)) = self.operator(least) {
            let mut matched = Vec::new();
            self.take_word("bool");
            if self.take_word("on") {
                matched = self.names()?;
            } else if self.take_word("ignoring") {
                self.names()?;
            }
            if (self.take_word("group_left") || self.take_word("group_right")) && self.peek().starts_with('(') {
                self.names()?;
            }
            left = Expr::Binary(Box::new(left), operator, matched, Box::new(self.binding(tight + 1)?));
        }
        Ok(left)
    }

    fn operator(&mut self, least: u8) -> Option<(&'static str, u8)> {
        let word = self.peek_word();
        let found = OPERATORS.into_iter().find(|(operator, _)| match operator.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => word == *operator,
            false => self.rest.starts_with(operator),
        });
        let (operator, tight) = found.filter(|(_, tight)| *tight >= least)?;
        self.take(operator).then_some((operator, tight))
    }

    fn term(&mut self) -> Result<Expr, String> {
        if self.take("-") || self.take("+") {
            return self.term();
        }
        if self.take("(") {
            let inner = self.expr()?;
            self.need(")")?;
            return Ok(inner);
        }
        if self.peek().starts_with('"') {
            return self.text().map(|_| Expr::Text);
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(self.rest.len());
            let (number, rest) = self.rest.split_at(end);
            self.rest = rest;
            return number.parse().map(Expr::Number).map_err(|_| format!("`{number}` is no number"));
        }
        let word = self.word()?;
        if AGGREGATIONS.contains(&word) {
            return self.aggregate(word);
        }
        if self.peek().starts_with('(') { self.call(word) } else { self.select(word) }
    }

    fn aggregate(&mut self, name: &str) -> Result<Expr, String> {
        let before = self.grouping()?;
        let mut all = self.arguments()?;
        let after = self.grouping()?;
        let last = all.pop().ok_or("an aggregation of nothing")?;
        Ok(Expr::Aggregate(name.to_owned(), Box::new(last), before.or(after)))
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, String> {
        if self.take_word("by") {
            return self.names().map(|names| Some(Grouping::By(names)));
        }
        if self.take_word("without") { self.names().map(|names| Some(Grouping::Without(names))) } else { Ok(None) }
    }

    fn call(&mut self, name: &str) -> Result<Expr, String> {
        let Some((_, count, over_range)) = FUNCTIONS.into_iter().find(|(known, ..)| *known == name) else {
            return Err(format!("there is no function `{name}`, or the tests do not know it"));
        };
        let all = self.arguments()?;
        if all.len() != count {
            return Err(format!("{name}() has {count} parameters"));
        }
        let ranged = all.iter().any(|one| matches!(one, Expr::Select { range_secs: Some(_), .. }));
        if ranged != over_range {
            return Err(format!("{name}() is {} a range", if over_range { "over" } else { "not over" }));
        }
        Ok(Expr::Call(name.to_owned(), all))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, String> {
        self.need("(")?;
        let mut all = Vec::new();
        while !self.take(")") {
            all.push(self.expr()?);
            if !self.take(",") && !self.peek().starts_with(')') {
                return Err(format!("`)` should stand here: {}", self.rest));
            }
        }
        Ok(all)
    }

    fn select(&mut self, name: &str) -> Result<Expr, String> {
        let mut matchers = Vec::new();
        if self.take("{") {
            while !self.take("}") {
                let label = self.word()?.to_owned();
                let operator = ["=~", "!~", "!=", "="].into_iter().find(|operator| self.take(operator));
                let operator = operator.ok_or_else(|| format!("a matcher should stand here: {}", self.rest))?;
                matchers.push(Matcher { label, operator, text: self.text()?.to_owned() });
                if !self.take(",") && !self.peek().starts_with('}') {
                    return Err(format!("`}}` should stand here: {}", self.rest));
                }
            }
        }
        let range_secs = if self.take("[") { Some(self.range()?) } else { None };
        Ok(Expr::Select { name: name.to_owned(), matchers, range_secs })
    }

    fn range(&mut self) -> Result<f64, String> {
        let (range, rest) = self.rest.split_once(']').ok_or("a range without its end")?;
        self.rest = rest;
        let digits = range.len() - range.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, unit) = range.split_at(digits);
        let secs = UNITS.into_iter().find(|(known, _)| *known == unit).map(|(_, secs)| secs);
        let secs = secs.and_then(|secs| Some(secs * count.parse::<f64>().ok()?));
        secs.ok_or_else(|| format!("`{range}` is no length of time"))
    }

    fn names(&mut self) -> Result<Vec<String>, String> {
        self.need("(")?;
        let mut all = Vec::new();
        while !self.take(")") {
            all.push(self.word()?.to_owned());
            self.take(",");
        }
        Ok(all)
    }

    /// As it stands, escapes and all.
    fn text(&mut self) -> Result<&'q str, String> {
        self.need("\"")?;
        let mut escaped = false;
        let end = self.rest.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let (text, rest) = self.rest.split_at(end.ok_or("a text without its end")?);
        self.rest = &rest[1..];
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let parsed =
            parse("sum by (a) (rate(x_total{b=~\"1|2\", c!=\"\\\"}\"}[5m])) / 2 > bool 0 and on (a) y").expect("a query");
        let matcher = |label: &str, operator, text: &str| Matcher { label: label.into(), operator, text: text.into() };
        let matchers = vec![matcher("b", "=~", "1|2"), matcher("c", "!=", "\\\"}")];
        let rate = Expr::Call("rate".into(), vec![Expr::Select { name: "x_total".into(), matchers, range_secs: Some(300.0) }]);
        let sum = Expr::Aggregate("sum".into(), Box::new(rate), Some(Grouping::By(vec!["a".into()])));
        let quotient = Expr::Binary(Box::new(sum), "/", Vec::new(), Box::new(Expr::Number(2.0)));
        let greater = Expr::Binary(Box::new(quotient), ">", Vec::new(), Box::new(Expr::Number(0.0)));
        let y = Expr::Select { name: "y".into(), matchers: Vec::new(), range_secs: None };
        assert_eq!(parsed, Expr::Binary(Box::new(greater), "and", vec!["a".into()], Box::new(y)));
        let Ok(Expr::Binary(_, operator, _, right)) = parse("a < 0 and b + c * 2 < 3") else { panic!("two operands") };
        assert!(operator == "and" && matches!(*right, Expr::Binary(_, "<", ..)), "comparisons bind tighter: {right:?}");
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for wrong in [
            "",
            "rate(x[5m]",
            "rate(x)",
            "rate(x[5])",
            "rate(x[m])",
            "absent(x[5m])",
            "x{a}",
            "x{a=1}",
            "x{a=\"1}",
            "sum()",
            "x y",
            "frob(x)",
            "histogram_quantile(x)",
            "x >",
            "x @ 1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
