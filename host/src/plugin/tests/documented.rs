//! The table of limits in the guide says what the code does.

use crate::plugin::limits::{
    CHAIN_BYTES_MAX, CHAIN_MESSAGES_MAX, CHAIN_TIME_MAX, COMPONENT_BYTES_CEILING, COMPONENT_BYTES_MAX, CUSTOM_SERIES_MAX,
    HANDLES_MAX, KEY_BYTES_MAX, LINE_BYTES_MAX, LOG_LINES_MAX, Limits, RANDOM_BYTES_MAX, STATE_OPERATIONS_MAX,
    STATE_VALUE_BYTES_MAX, TABLE_ELEMENTS_MAX, WASM_STACK_BYTES,
};

const GUIDE: &str = include_str!("../../../../docs/plugins.md");

/// `4 MiB`, `64 KiB`, `1,000`: as people write a number of bytes, or of anything else.
fn bytes(bytes: usize) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => number(bytes as u64),
    }
}

fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[test]
fn each_limit_is_in_the_guide_with_its_numbers() {
    let (default, ceiling) = (Limits::DEFAULT, Limits::CEILING);
    let memory = |number: u64| bytes(usize::try_from(number).expect("a size"));
    let raised = [
        ("`serve --component-bytes-max`", "`P008`", bytes(COMPONENT_BYTES_MAX), bytes(COMPONENT_BYTES_CEILING)),
        ("`memory_bytes`", "`limit-memory`", bytes(default.memory_bytes), bytes(ceiling.memory_bytes)),
        ("`fuel`", "`limit-fuel`", number(default.fuel), number(ceiling.fuel)),
        ("`fuel_per_byte`", "`limit-fuel`", number(default.fuel_per_byte), number(ceiling.fuel_per_byte)),
        ("`time_ms`", "`limit-time`", number(default.time_ms), number(ceiling.time_ms)),
        ("`output_bytes`", "`limit-output`", bytes(default.output_bytes), bytes(ceiling.output_bytes)),
        ("`messages_max`", "`limit-messages`", number(default.messages_max as u64), number(ceiling.messages_max as u64)),
        ("`state_bytes`", "-", memory(default.state_bytes), memory(ceiling.state_bytes)),
        ("`metric_series_max`", "-", number(default.metric_series_max as u64), number(ceiling.metric_series_max as u64)),
    ];
    let fixed = [
        ("`limit-handles`", number(HANDLES_MAX as u64)),
        ("`limit-stack`", bytes(WASM_STACK_BYTES)),
        ("`limit-random`", bytes(RANDOM_BYTES_MAX as usize)),
        ("`limit-key`", bytes(KEY_BYTES_MAX)),
        ("`limit-messages`", number(CHAIN_MESSAGES_MAX as u64)),
        ("`limit-output`", bytes(CHAIN_BYTES_MAX)),
        ("`limit-time`", format!("{} s", CHAIN_TIME_MAX.as_secs())),
        ("`limit-memory`", number(TABLE_ELEMENTS_MAX as u64)),
        ("-", bytes(STATE_VALUE_BYTES_MAX)),
        ("-", number(STATE_OPERATIONS_MAX as u64)),
        ("-", number(LOG_LINES_MAX as u64)),
        ("-", bytes(LINE_BYTES_MAX)),
        ("-", number(CUSTOM_SERIES_MAX as u64)),
    ];
    let rows = raised.map(|(setting, code, default, ceiling)| (setting, code, default, ceiling));
    let rows = rows.into_iter().chain(fixed.into_iter().map(|(code, limit)| ("-", code, limit.clone(), limit)));
    for (setting, code, default, ceiling) in rows {
        let has = |row: &&str| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            matches!(cells.as_slice(), [_, d, c, s, co, _] if (*d, *c, *s, *co) == (&default, &ceiling, setting, code))
        };
        assert!(GUIDE.lines().any(|row| has(&row)), "no row says {default} | {ceiling} | {setting} | {code}");
    }
}

#[test]
fn numbers_are_written_as_people_write_them() {
    assert_eq!([number(7), number(1_000), number(1_000_000_000)], ["7", "1,000", "1,000,000,000"]);
    assert_eq!([bytes(64 << 20), bytes(512 << 10), bytes(1_000)], ["64 MiB", "512 KiB", "1,000"]);
}
