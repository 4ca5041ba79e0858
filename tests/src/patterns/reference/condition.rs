//! Whether one condition holds for one leaf.

use std::{cmp::Ordering, net::IpAddr};

use serde_json::{Number, Value, json};

/// Whether the condition is `exists = false`, which no leaf satisfies.
pub(super) fn asks_for_absence(condition: &Value) -> bool {
    condition["exists"] == json!(false)
}

/// Does this condition of a pattern hold for this leaf of an event?
pub(super) fn holds(condition: &Value, leaf: &Value) -> bool {
    let Value::Object(operator) = condition else {
        return same(condition, leaf);
    };
    let (name, operand) = operator.iter().next().expect("an operator");
    match name.as_str() {
        "exists" => operand == true,
        "anything-but" => match operand {
            Value::Object(inner) => {
                let (name, operands) = inner.iter().next().expect("an operator");
                !several(operands).iter().any(|each| holds(&json!({ name: each }), leaf))
            }
            plain => !several(plain).iter().any(|each| same(each, leaf)),
        },
        "numeric" => match leaf {
            Value::Number(number) => operand.as_array().expect("bounds").chunks(2).all(|bound| within(number, bound)),
            _ => false,
        },
        _ => leaf.as_str().is_some_and(|text| holds_for_text(name, operand, text)),
    }
}

fn holds_for_text(operator: &str, operand: &Value, text: &str) -> bool {
    let any_case = operand["equals-ignore-case"].as_str();
    let plain = any_case.or(operand.as_str()).expect("a text");
    // Every way to cut the text in two.
    let cuts = || text.char_indices().map(|(at, _)| at).chain([text.len()]).map(|at| text.split_at(at));
    let equal = |part: &str| if any_case.is_some() { folded(part) == folded(plain) } else { part == plain };
    match operator {
        "prefix" => cuts().any(|(begin, _)| equal(begin)),
        "suffix" => cuts().any(|(_, end)| equal(end)),
        "equals-ignore-case" => folded(text) == folded(plain),
        "wildcard" => fits(&steps(plain), text),
        "cidr" => is_in_network(text, plain),
        other => panic!("no operator: {other}"),
    }
}

fn several(operand: &Value) -> &[Value] {
    match operand {
        Value::Array(several) => several,
        one => std::slice::from_ref(one),
    }
}

fn same(wanted: &Value, leaf: &Value) -> bool {
    match (wanted, leaf) {
        (Value::Number(wanted), Value::Number(number)) => compare(number, wanted).is_eq(),
        _ => wanted == leaf,
    }
}

fn within(number: &Number, bound: &[Value]) -> bool {
    let [Value::String(comparison), Value::Number(limit)] = bound else { panic!("no bound: {bound:?}") };
    let order = compare(number, limit);
    match comparison.as_str() {
        "=" => order.is_eq(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        other => panic!("no comparison: {other}"),
    }
}

/// By value: integers of 64 bits are what they are, all other numbers the double that is nearest to them.
fn compare(left: &Number, right: &Number) -> Ordering {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(left), None) => compare_mixed(left, double(right)),
        (None, Some(right)) => compare_mixed(right, double(left)).reverse(),
        (None, None) => double(left).partial_cmp(&double(right)).expect("JSON has no NaN"),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or(number.as_u64().map(i128::from))
}

fn double(number: &Number) -> f64 {
    number.as_f64().expect("every number is near a double")
}

/// Exactly: a conversion of the integer would round.
fn compare_mixed(integer: i128, double: f64) -> Ordering {
    // Saturates where no integer of 64 bits comes near.
    #[expect(clippy::cast_possible_truncation, reason = "what is cut off is looked at below")]
    let whole = double.trunc() as i128;
    integer.cmp(&whole).then(0.0_f64.partial_cmp(&double.fract()).expect("finite"))
}

/// What texts have in common that differ in case only: character by character the lower case of the upper case, of those cases that are
/// one character. So `ς` is `Σ` as `σ` is, and `ß` is not `SS`.
fn folded(text: &str) -> String {
    let one = |c: char, case: Vec<char>| if let [single] = case[..] { single } else { c };
    let upper = |c: char| one(c, c.to_uppercase().collect());
    text.chars().map(upper).map(|c| one(c, c.to_lowercase().collect())).collect()
}

enum Step {
    /// `*`
    Anything,
    Exactly(char),
}

fn steps(wildcard: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = wildcard.chars();
    while let Some(next) = rest.next() {
        steps.push(match next {
            '*' => Step::Anything,
            '\\' => Step::Exactly(rest.next().expect("an escaped character")),
            plain => Step::Exactly(plain),
        });
    }
    steps
}

fn fits(steps: &[Step], text: &str) -> bool {
    match steps {
        [] => text.is_empty(),
        [Step::Anything, rest @ ..] => {
            fits(rest, text) || text.chars().next().is_some_and(|c| fits(steps, &text[c.len_utf8()..]))
        }
        [Step::Exactly(wanted), rest @ ..] => text.strip_prefix(*wanted).is_some_and(|text| fits(rest, text)),
    }
}

fn is_in_network(text: &str, network: &str) -> bool {
    let (base, length) = network.split_once('/').expect("a network");
    let (base, length): (IpAddr, usize) = (base.parse().expect("an address"), length.parse().expect("a length"));
    text.parse().is_ok_and(|address: IpAddr| {
        address.is_ipv4() == base.is_ipv4()
            && bits(address).iter().zip(bits(base)).take(length).all(|(left, right)| *left == right)
    })
}

fn bits(address: IpAddr) -> Vec<bool> {
    let bytes = match address {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    };
    bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect()
}
