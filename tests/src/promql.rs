//! PromQL, as far as it takes to know of a query what it asks for: selectors with their matchers and ranges, calls, aggregations and operators.
//! Values are not looked into, and no precedence is kept, since neither changes which series a query reads. What is not known here (`@`, at)
//! is an error: a query of ours is then written without it.

/// A query, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number or a text.
    Value,
    /// Series, over a range where it has one.
    Select {
        /// The metric.
        name: String,
        /// The labels that it is matched by.
        labels: Vec<String>,
        /// `[5m]`.
        ranged: bool,
    },
    /// A function of these.
    Call(String, Vec<Expr>),
    /// An aggregation, by or without these labels.
    Aggregate(Box<Expr>, Option<Grouping>),
    /// An operator between two, matched on these labels.
    Binary(Box<Expr>, Vec<String>, Box<Expr>),
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
const OPERATORS: [&str; 16] = ["==", "!=", ">=", "<=", ">", "<", "+", "-", "*", "/", "%", "^", "and", "or", "unless", "atan2"];
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
        let mut left = self.term()?;
        while let Some(()) = self.operator() {
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
            left = Expr::Binary(Box::new(left), matched, Box::new(self.term()?));
        }
        Ok(left)
    }

    fn operator(&mut self) -> Option<()> {
        let word = self.peek_word();
        let found = OPERATORS.into_iter().find(|operator| match operator.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => word == *operator,
            false => self.rest.starts_with(operator),
        })?;
        self.take(found).then_some(())
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
            return self.text().map(|()| Expr::Value);
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(self.rest.len());
            self.rest = &self.rest[end..];
            return Ok(Expr::Value);
        }
        let word = self.word()?;
        if AGGREGATIONS.contains(&word) {
            return self.aggregate();
        }
        if self.peek().starts_with('(') { self.call(word) } else { self.select(word) }
    }

    fn aggregate(&mut self) -> Result<Expr, String> {
        let before = self.grouping()?;
        let mut all = self.arguments()?;
        let after = self.grouping()?;
        let last = all.pop().ok_or("an aggregation of nothing")?;
        Ok(Expr::Aggregate(Box::new(last), before.or(after)))
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
        let ranged = all.iter().any(|one| matches!(one, Expr::Select { ranged: true, .. }));
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
        let mut labels = Vec::new();
        if self.take("{") {
            while !self.take("}") {
                labels.push(self.word()?.to_owned());
                if !["=~", "!~", "!=", "="].into_iter().any(|operator| self.take(operator)) {
                    return Err(format!("a matcher should stand here: {}", self.rest));
                }
                self.text()?;
                if !self.take(",") && !self.peek().starts_with('}') {
                    return Err(format!("`}}` should stand here: {}", self.rest));
                }
            }
        }
        let ranged = self.take("[");
        if ranged {
            let (range, rest) = self.rest.split_once(']').ok_or("a range without its end")?;
            let units = range.trim_start_matches(|c: char| c.is_ascii_digit());
            if units.len() == range.len() || !["ms", "s", "m", "h", "d", "w", "y"].contains(&units) {
                return Err(format!("`{range}` is no length of time"));
            }
            self.rest = rest;
        }
        Ok(Expr::Select { name: name.to_owned(), labels, ranged })
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

    fn text(&mut self) -> Result<(), String> {
        self.need("\"")?;
        let mut escaped = false;
        let end = self.rest.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        self.rest = &self.rest[end.ok_or("a text without its end")? + 1..];
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let parsed =
            parse("sum by (a) (rate(x_total{b=~\"1|2\", c!=\"\\\"}\"}[5m])) / 2 > bool 0 and on (a) y").expect("a query");
        let rate = Expr::Call(
            "rate".into(),
            vec![Expr::Select { name: "x_total".into(), labels: vec!["b".into(), "c".into()], ranged: true }],
        );
        let sum = Expr::Aggregate(Box::new(rate), Some(Grouping::By(vec!["a".into()])));
        let quotient = Expr::Binary(Box::new(sum), Vec::new(), Box::new(Expr::Value));
        let greater = Expr::Binary(Box::new(quotient), Vec::new(), Box::new(Expr::Value));
        let y = Expr::Select { name: "y".into(), labels: Vec::new(), ranged: false };
        assert_eq!(parsed, Expr::Binary(Box::new(greater), vec!["a".into()], Box::new(y)));
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
