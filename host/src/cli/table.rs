//! Listings for people: one table, whatever is listed.

use std::io;

use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::{Map, Value};

use super::terminal;

/// Columns as wide as their widest cell, two spaces apart. What is on a terminal has its names in bold.
pub(super) fn table(columns: &[&str], items: &[Value]) -> String {
    drawn(columns, items, terminal::has_colours(&io::stdout()))
}

fn drawn(columns: &[&str], items: &[Value], colours: bool) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| column.to_uppercase()));
    table.add_rows(items.iter().map(|item| columns.iter().map(|column| cell(&item[*column])).collect::<Vec<_>>()));
    for (index, column) in columns.iter().enumerate() {
        let Some(shown) = table.column_mut(index) else { continue };
        shown.set_padding((0, 2));
        if !items.is_empty() && items.iter().all(|item| item[*column].is_number()) {
            shown.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut lines = table.lines();
    let names = lines.next().unwrap_or_default();
    let first = terminal::heading(names.trim_end(), colours);
    [first].into_iter().chain(lines.map(|line| line.trim_end().to_owned())).map(|line| line + "\n").collect()
}

/// So much of a failure is told; all of it stands in what `--json` prints.
const FAILURE_CHARS_MAX: usize = 100;

/// A value for people; of a failure, its code and what it says.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => failure(fields),
        other => other.to_string(),
    };
    shown(&text)
}

fn failure(fields: &Map<String, Value>) -> String {
    let text = match (fields.get("code"), fields.get("message")) {
        (Some(code), Some(Value::String(message))) if !message.is_empty() => format!("{}: {message}", cell(code)),
        (Some(code), _) => cell(code),
        (None, _) => return "-".to_owned(),
    };
    if text.chars().count() <= FAILURE_CHARS_MAX {
        return text;
    }
    let begin: String = text.chars().take(FAILURE_CHARS_MAX - 1).collect();
    begin + "…"
}

/// What came from outside cannot move the cursor of a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_aligned_and_has_no_control_characters() {
        let items = [json!({"a": "long \u{1b}[31mtext", "b": 1}), json!({"a": "", "b": {"code": "dead"}})];
        let columns = ["a", "b"];
        assert_eq!(drawn(&columns, &items, false), "A              B\nlong [31mtext  1\n-              dead\n");
        assert!(drawn(&columns, &items, true).starts_with("\u{1b}[1mA              B\u{1b}[0m\n"));
        assert_eq!(drawn(&columns, &[], false), "A  B\n");
    }

    #[test]
    fn a_failure_says_why() {
        let failure = |message: &str| json!({"why": {"code": "panic", "message": message}});
        let items = [failure("index out of\nbounds"), failure(""), failure(&"x".repeat(200))];
        let told = drawn(&["why"], &items, false);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[..3], ["WHY", "panic: index out ofbounds", "panic"]);
        assert!(lines[3].ends_with("xx…") && lines[3].chars().count() == FAILURE_CHARS_MAX, "{told}");
    }

    #[test]
    fn numbers_stand_below_each_other_and_wide_letters_count_twice() {
        let items = [json!({"n": 7, "name": "日本"}), json!({"n": 1200, "name": "x"})];
        assert_eq!(drawn(&["n", "name"], &items, false), "   N  NAME\n   7  日本\n1200  x\n");
        assert_eq!(drawn(&["name", "n"], &items, false), "NAME     N\n日本     7\nx     1200\n");
    }
}
