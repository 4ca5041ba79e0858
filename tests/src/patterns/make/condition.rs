//! Conditions for a value: most hold for it, the others nearly.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Number, Value, json};

use super::scalar;
use crate::soak::chance::Chance;

/// A condition that holds for this value, or nearly does.
pub(super) fn condition(chance: &mut Chance, leaf: &Value) -> Value {
    match chance.below(12) {
        0 => json!({ "exists": chance.below(2) == 0 }),
        1 => json!({ "anything-but": anything_but(chance, leaf) }),
        2 => match chance.below(6) {
            0 => json!(true),
            1 => json!(false),
            2 => Value::Null,
            3 => for_number(chance, &Number::from(1)),
            _ => for_text(chance, "a"),
        },
        _ => match leaf {
            Value::String(text) => for_text(chance, text),
            Value::Number(number) => for_number(chance, number),
            other => other.clone(),
        },
    }
}

fn anything_but(chance: &mut Chance, leaf: &Value) -> Value {
    let text = leaf.as_str().unwrap_or("a").to_owned();
    match chance.below(8) {
        0 => json!(near(chance, &text)),
        1 => json!((0..1 + chance.below(3)).map(|_| near(chance, &text)).collect::<Vec<_>>()),
        2 => json!(near_number(chance, leaf)),
        3 => json!((0..1 + chance.below(3)).map(|_| near_number(chance, leaf)).collect::<Vec<_>>()),
        _ => {
            let operator = *chance.pick(&["prefix", "suffix", "equals-ignore-case", "wildcard"]);
            if chance.below(2) == 0 {
                json!({ operator: operand(chance, operator, &text) })
            } else {
                let several: Vec<String> = (0..1 + chance.below(3)).map(|_| operand(chance, operator, &text)).collect();
                json!({ operator: several })
            }
        }
    }
}

fn for_text(chance: &mut Chance, text: &str) -> Value {
    let text = near(chance, text);
    match chance.below(10) {
        0 | 1 => json!(text),
        2 => json!({ "cidr": network(chance, &text) }),
        // Few texts are addresses, so those that are have to serve.
        4..=7 if text.parse::<IpAddr>().is_ok() => json!({ "cidr": network(chance, &text) }),
        3 => {
            let operator = *chance.pick(&["prefix", "suffix"]);
            let part = operand(chance, operator, &text);
            json!({ operator: { "equals-ignore-case": other_case(chance, &part) } })
        }
        _ => {
            let operator = *chance.pick(&["prefix", "suffix", "equals-ignore-case", "wildcard", "wildcard"]);
            json!({ operator: operand(chance, operator, &text) })
        }
    }
}

/// What the operator is given so that it holds for the text.
fn operand(chance: &mut Chance, operator: &str, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let cut = chance.below(chars.len() + 1);
    let not_empty = |part: &[char]| if part.is_empty() { "a".to_owned() } else { part.iter().collect() };
    match operator {
        "prefix" => not_empty(&chars[..cut]),
        "suffix" => not_empty(&chars[cut..]),
        "equals-ignore-case" => other_case(chance, &not_empty(&chars)),
        _ => wildcard(chance, &chars),
    }
}

fn wildcard(chance: &mut Chance, text: &[char]) -> String {
    let mut wildcard = String::new();
    let mut rest = text;
    loop {
        if chance.below(3) == 0 {
            wildcard.push('*');
            rest = &rest[chance.below(rest.len() + 1)..];
        }
        let Some((next, after)) = rest.split_first() else { break };
        if matches!(next, '*' | '\\') {
            wildcard.push('\\');
        }
        wildcard.push(*next);
        rest = after;
    }
    if wildcard.is_empty() { "*".to_owned() } else { wildcard }
}

/// Mostly the same text.
fn near(chance: &mut Chance, text: &str) -> String {
    match chance.below(12) {
        0 => scalar::text(chance),
        1 => other_case(chance, text),
        2 => text.chars().skip(1).collect(),
        3 => format!("{text}a"),
        _ => text.to_owned(),
    }
}

fn other_case(chance: &mut Chance, text: &str) -> String {
    match chance.below(4) {
        0 => text.to_uppercase(),
        1 => text.to_lowercase(),
        _ => text
            .chars()
            .map(|c| if c.is_lowercase() { c.to_uppercase().next() } else { c.to_lowercase().next() }.unwrap_or(c))
            .collect(),
    }
}

fn near_number(chance: &mut Chance, leaf: &Value) -> Value {
    match leaf {
        Value::Number(_) if chance.below(2) == 0 => leaf.clone(),
        _ => serde_json::from_str(scalar::number(chance)).expect("a number"),
    }
}

fn for_number(chance: &mut Chance, number: &Number) -> Value {
    let leaf = Value::Number(number.clone());
    if chance.below(3) == 0 {
        return near_number(chance, &leaf);
    }
    let limit = |chance: &mut Chance| near_number(chance, &leaf);
    let bound = |chance: &mut Chance, comparisons: &[&str]| [json!(chance.pick(comparisons)), limit(chance)];
    let bounds = match chance.below(3) {
        0 => {
            let [lower, upper] = [bound(chance, &[">", ">="]), bound(chance, &["<", "<="])];
            let ordered = lower[1].as_f64() < upper[1].as_f64();
            if ordered { [lower, upper].concat() } else { lower.to_vec() }
        }
        _ => bound(chance, &["=", "<", "<=", ">", ">="]).to_vec(),
    };
    json!({ "numeric": bounds })
}

fn network(chance: &mut Chance, text: &str) -> String {
    const NETWORKS: &[&str] = &[
        "10.0.0.0/24",
        "10.0.0.0/16",
        "10.0.0.5/32",
        "10.0.0.4/31",
        "0.0.0.0/0",
        "10.0.0.128/25",
        "2001:db8::/32",
        "2001:db8::/128",
        "2001:db8::1/128",
        "::/0",
        "fe80::/10",
        "::ffff:0:0/96",
    ];
    match text.parse::<IpAddr>() {
        Ok(address) if chance.below(4) > 0 => network_around(chance, address),
        _ => (*chance.pick(NETWORKS)).to_owned(),
    }
}

/// A network, mostly a small one, at whose edge the address lies: the last within or the first beyond. Its own address may have bits beyond
/// its length.
fn network_around(chance: &mut Chance, address: IpAddr) -> String {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = if chance.below(4) == 0 { chance.below(bits + 1) } else { bits - chance.below(3) };
    // Of the network's address this bit is another than the address has. The one behind the last is none.
    let differs = if chance.below(2) == 0 { length } else { length.saturating_sub(1) };
    let flipped = if differs < bits { 1_u128 << (bits - 1 - differs) } else { 0 };
    match address {
        IpAddr::V4(four) => {
            format!("{}/{length}", Ipv4Addr::from_bits(four.to_bits() ^ u32::try_from(flipped).expect("a bit of 32")))
        }
        IpAddr::V6(six) => format!("{}/{length}", Ipv6Addr::from_bits(six.to_bits() ^ flipped)),
    }
}
