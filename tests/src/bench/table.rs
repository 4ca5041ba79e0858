//! A table for people, in the Markdown that it can be kept in.

/// Rows under a heading.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    /// No row yet.
    #[must_use]
    pub fn new(title: &str, columns: &[&str]) -> Self {
        Self { title: title.to_owned(), rows: vec![columns.iter().map(ToString::to_string).collect()], notes: Vec::new() }
    }

    /// Adds a row, as many cells as there are columns.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Adds what stands below.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Prints it.
    pub fn print(&self) {
        println!("\n## {}\n\n{}", self.title, self.rows());
        for note in &self.notes {
            println!("\n{note}");
        }
    }

    /// The rows alone.
    #[must_use]
    pub fn rows(&self) -> String {
        let columns = self.rows[0].len();
        let width = |column: usize| self.rows.iter().map(|row: &Vec<String>| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        let told = |row: &Vec<String>| line(row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect());
        let mut lines: Vec<String> = self.rows.iter().map(told).collect();
        lines.insert(1, line(widths.iter().map(|width| "-".repeat(*width)).collect()));
        lines.join("\n")
    }
}
