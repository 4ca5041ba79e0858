//! Listings for people: one table, whatever is listed.

use std::io;

use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::Value;

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

/// A value for people; of a failure, its code.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => fields.get("code").map_or_else(|| "-".to_owned(), cell),
        other => other.to_string(),
    };
    shown(&text)
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
    fn numbers_stand_below_each_other_and_wide_letters_count_twice() {
        let items = [json!({"n": 7, "name": "日本"}), json!({"n": 1200, "name": "x"})];
        assert_eq!(drawn(&["n", "name"], &items, false), "   N  NAME\n   7  日本\n1200  x\n");
        assert_eq!(drawn(&["name", "n"], &items, false), "NAME     N\n日本     7\nx     1200\n");
    }
}
