//! The values of a field: `"opened"`, `5`, `{ prefix = "re" }`, one function an operator.

use std::sync::Arc;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{
    compare::{Bound, Folded, Leaf, Number, Range, Test, TextTest, Values},
    parse::nearest,
    pattern::{TEXT_BYTES_MAX, VALUES_MAX, WILDCARDS_MAX},
    wildcard::Wildcard,
};
use crate::event::Invalid;

/// All operators.
const OPERATORS: [&str; 8] = ["prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "cidr", "exists"];

/// Those that compare texts, which are also those that `anything-but` takes.
const TEXT_OPERATORS: [&str; 4] = ["prefix", "suffix", "equals-ignore-case", "wildcard"];

/// What a pattern has used of its limits so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    values: usize,
    wildcards: usize,
}

/// Reads the list of a field, found at `pointer`.
pub(super) fn values(list: &[Value], pointer: &str, budget: &mut Budget) -> Result<Values, Invalid> {
    if list.is_empty() {
        return Err(Invalid::at(pointer, "an empty list matches nothing; add a value, or remove the field"));
    }
    let mut values = Values::default();
    for (index, value) in list.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        budget.spend_value(&pointer)?;
        match value {
            Value::Object(table) => add_operator(&mut values, table, &pointer, budget)?,
            value => add_exact(&mut values, value, &pointer)?,
        }
    }
    values.texts.sort_unstable();
    values.texts.dedup();
    Ok(values)
}

fn add_exact(values: &mut Values, value: &Value, pointer: &str) -> Result<(), Invalid> {
    match value {
        Value::String(text) => values.texts.push(checked(text, pointer)?.into()),
        Value::Null => values.tests.push(Test::Exact(Leaf::Null)),
        Value::Bool(value) => values.tests.push(Test::Exact(Leaf::Bool(*value))),
        Value::Number(number) => values.tests.push(Test::Exact(Leaf::Number(Number::of(number)))),
        Value::Array(_) => return Err(Invalid::at(pointer, "a list within a list; write its values beside the others")),
        Value::Object(_) => return Err(Invalid::at(pointer, "a value is text, a number, true, false or null here")),
    }
    Ok(())
}

fn add_operator(values: &mut Values, table: &Map<String, Value>, pointer: &str, budget: &mut Budget) -> Result<(), Invalid> {
    let (operator, operand) = only_entry(table, pointer)?;
    let pointer = &format!("{pointer}/{operator}");
    let test = match operator {
        "exists" => match operand {
            Value::Bool(true) => Test::Exists,
            Value::Bool(false) => {
                values.or_absent = true;
                return Ok(());
            }
            _ => return Err(Invalid::at(pointer, "`exists` is true or false")),
        },
        "numeric" => Test::Numeric(range(operand, pointer)?),
        "cidr" => Test::Cidr(cidr(operand, pointer)?),
        "anything-but" => Test::AnythingBut(Arc::new(anything_but(operand, pointer, budget)?)),
        _ => Test::Text(text_test(operator, operand, pointer, budget)?),
    };
    values.tests.push(test);
    Ok(())
}

/// The one operator that a table in a list of values holds.
fn only_entry<'a>(table: &'a Map<String, Value>, pointer: &str) -> Result<(&'a str, &'a Value), Invalid> {
    let mut entries = table.iter();
    let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
        return Err(Invalid::at(pointer, "a table among values holds one operator, as in `{ prefix = \"re\" }`"));
    };
    if OPERATORS.contains(&operator.as_str()) {
        return Ok((operator, operand));
    }
    let (near, all) = (nearest(operator, &OPERATORS), OPERATORS.join(", "));
    Err(Invalid::at(pointer, format!("`{operator}` is not an operator; the nearest is `{near}`, of {all}")))
}

fn text_test(operator: &str, operand: &Value, pointer: &str, budget: &mut Budget) -> Result<TextTest, Invalid> {
    match (operator, operand) {
        ("prefix", Value::Object(table)) => Ok(TextTest::PrefixAnyCase(any_case(table, pointer)?)),
        ("suffix", Value::Object(table)) => Ok(TextTest::SuffixAnyCase(any_case(table, pointer)?)),
        ("prefix", operand) => Ok(TextTest::Prefix(text(operand, pointer)?.into())),
        ("suffix", operand) => Ok(TextTest::Suffix(text(operand, pointer)?.into())),
        ("equals-ignore-case", operand) => Ok(TextTest::EqualsAnyCase(Folded::new(text(operand, pointer)?))),
        (_, operand) => {
            budget.spend_wildcard(pointer)?;
            let wildcard = Wildcard::parse(text(operand, pointer)?).map_err(|message| Invalid::at(pointer, message))?;
            Ok(TextTest::Wildcard(wildcard))
        }
    }
}

/// `{ equals-ignore-case = "..." }` as the operand of `prefix` and `suffix`.
fn any_case(table: &Map<String, Value>, pointer: &str) -> Result<Folded, Invalid> {
    match table.get("equals-ignore-case") {
        Some(operand) if table.len() == 1 => Ok(Folded::new(text(operand, &format!("{pointer}/equals-ignore-case"))?)),
        _ => Err(Invalid::at(pointer, "text, or `{ equals-ignore-case = \"...\" }`")),
    }
}

/// One text or number, a list of either, or one text operator with one operand or a list of them.
fn anything_but(operand: &Value, pointer: &str, budget: &mut Budget) -> Result<Values, Invalid> {
    let mut values = Values::default();
    if let Value::Object(table) = operand {
        let (operator, operand) = only_entry(table, pointer)?;
        if !TEXT_OPERATORS.contains(&operator) {
            let all = TEXT_OPERATORS.join(", ");
            return Err(Invalid::at(pointer, format!("`anything-but` does not take `{operator}`; it takes values, {all}")));
        }
        for (operand, pointer) in each(operand, &format!("{pointer}/{operator}"))? {
            budget.spend_value(&pointer)?;
            values.tests.push(Test::Text(text_test(operator, operand, &pointer, budget)?));
        }
        return Ok(values);
    }
    let operands = each(operand, pointer)?;
    if !(operands.iter().all(|(value, _)| value.is_string()) || operands.iter().all(|(value, _)| value.is_number())) {
        return Err(Invalid::at(pointer, "`anything-but` takes texts or numbers, not both and nothing else"));
    }
    for (operand, pointer) in operands {
        budget.spend_value(&pointer)?;
        add_exact(&mut values, operand, &pointer)?;
    }
    values.texts.sort_unstable();
    Ok(values)
}

/// The operand, or each of a list of them, with its pointer.
fn each<'a>(operand: &'a Value, pointer: &str) -> Result<Vec<(&'a Value, String)>, Invalid> {
    match operand {
        Value::Array(list) if list.is_empty() => {
            Err(Invalid::at(pointer, "the list is empty; `{ exists = true }` matches anything"))
        }
        Value::Array(list) => Ok(list.iter().enumerate().map(|(index, value)| (value, format!("{pointer}/{index}"))).collect()),
        value => Ok(vec![(value, pointer.to_owned())]),
    }
}

/// `[">", 0, "<=", 5]`: one or two bounds, each a comparison and a number.
fn range(operand: &Value, pointer: &str) -> Result<Range, Invalid> {
    let bounds = operand.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut range = Range::default();
    match bounds {
        [comparison, number] => bound(&mut range, comparison, number, pointer, 0)?,
        [first, lower, second, upper] => {
            bound(&mut range, first, lower, pointer, 0)?;
            bound(&mut range, second, upper, pointer, 2)?;
        }
        _ => return Err(Invalid::at(pointer, "one or two comparisons, as in `[\">\", 0, \"<=\", 5]`")),
    }
    if range.is_empty() { Err(Invalid::at(pointer, "no number lies between these bounds")) } else { Ok(range) }
}

/// Adds the bound whose comparison is the `index`-th item of the list at `pointer`.
fn bound(range: &mut Range, comparison: &Value, number: &Value, pointer: &str, index: usize) -> Result<(), Invalid> {
    let Value::Number(number) = number else {
        return Err(Invalid::at(format!("{pointer}/{}", index + 1), "a number is missing here; texts are no numbers"));
    };
    let at = Number::of(number);
    let (lower, upper) = match comparison.as_str() {
        Some("=") => (Some(true), Some(true)),
        Some(">") => (Some(false), None),
        Some(">=") => (Some(true), None),
        Some("<") => (None, Some(false)),
        Some("<=") => (None, Some(true)),
        _ => return Err(Invalid::at(format!("{pointer}/{index}"), "a comparison is one of `=`, `<`, `<=`, `>`, `>=`")),
    };
    for (side, inclusive) in [(&mut range.lower, lower), (&mut range.upper, upper)] {
        let Some(inclusive) = inclusive else { continue };
        if side.replace(Bound { at, inclusive }).is_some() {
            return Err(Invalid::at(
                format!("{pointer}/{index}"),
                "this side has a bound already; one lower and one upper at most",
            ));
        }
    }
    Ok(())
}

fn cidr(operand: &Value, pointer: &str) -> Result<IpNet, Invalid> {
    let text = text(operand, pointer)?;
    text.parse().map_err(|_| {
        Invalid::at(
            pointer,
            "not a block of addresses; write it as in `10.0.0.0/24` or `2001:db8::/32`, one address as `10.0.0.1/32`",
        )
    })
}

fn text<'a>(operand: &'a Value, pointer: &str) -> Result<&'a str, Invalid> {
    checked(operand.as_str().ok_or_else(|| Invalid::at(pointer, "this operator takes text"))?, pointer)
}

fn checked<'a>(text: &'a str, pointer: &str) -> Result<&'a str, Invalid> {
    if text.len() <= TEXT_BYTES_MAX { Ok(text) } else { Err(Invalid::at(pointer, format!("longer than {TEXT_BYTES_MAX} bytes"))) }
}

impl Budget {
    fn spend_value(&mut self, pointer: &str) -> Result<(), Invalid> {
        self.values += 1;
        if self.values <= VALUES_MAX {
            return Ok(());
        }
        Err(Invalid::at(pointer, format!("more than {VALUES_MAX} values in a pattern; split the rule, or use a filter plugin")))
    }

    fn spend_wildcard(&mut self, pointer: &str) -> Result<(), Invalid> {
        self.wildcards += 1;
        if self.wildcards <= WILDCARDS_MAX {
            return Ok(());
        }
        Err(Invalid::at(
            pointer,
            format!("more than {WILDCARDS_MAX} wildcards in a pattern; split the rule, or use a filter plugin"),
        ))
    }
}
