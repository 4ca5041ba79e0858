//! The conditions of a statement: those that were asked for, each with its value. An index serves only what the statement names.

use rusqlite::ToSql;

use crate::journal::Narrow;

/// Conditions that all have to hold.
#[derive(Default)]
pub(super) struct Conditions<'l> {
    texts: Vec<&'l str>,
    values: Vec<&'l dyn ToSql>,
}

impl<'l> Conditions<'l> {
    /// Where a value was given, only rows that fit it.
    pub(super) fn only<T: ToSql>(&mut self, condition: &'l str, value: Option<&'l T>) {
        if let Some(value) = value {
            self.texts.push(condition);
            self.values.push(value);
        }
    }

    /// A condition with two values.
    pub(super) fn pair(&mut self, condition: &'l str, first: &'l dyn ToSql, second: &'l dyn ToSql) {
        self.texts.push(condition);
        self.values.extend([first, second]);
    }

    /// A condition without a value.
    pub(super) fn always(&mut self, condition: &'l str) {
        self.texts.push(condition);
    }

    /// By what work tells of itself, in the words of its table.
    pub(super) fn narrow(&mut self, by: &'l NarrowBy, narrow: &'l Narrow) {
        self.only(by.source, narrow.source.as_ref());
        self.only(by.event_type, narrow.event_type.as_ref());
        self.only(by.code, narrow.code.as_ref());
        self.only(by.text, narrow.text.as_ref());
    }

    /// All of them as SQL.
    pub(super) fn sql(&self) -> String {
        self.texts.join(" AND ")
    }

    /// The values, in order.
    pub(super) fn values(&self) -> &[&'l dyn ToSql] {
        &self.values
    }
}

/// How a table says what [`Narrow`] asks for. Times are the listing's own business.
pub(super) struct NarrowBy {
    source: &'static str,
    event_type: &'static str,
    code: &'static str,
    text: &'static str,
}

/// Of `runs r`.
pub(super) const RUNS: NarrowBy = NarrowBy {
    source: "EXISTS (SELECT 1 FROM events n WHERE n.seq = r.event AND n.source = ?)",
    event_type: "EXISTS (SELECT 1 FROM events n WHERE n.seq = r.event AND n.type = ?)",
    code: "r.failure ->> 0 = ?",
    text: "instr(lower(r.failure ->> 1), lower(?)) > 0",
};

/// Of `events e`.
pub(super) const EVENTS: NarrowBy = NarrowBy {
    source: "e.source = ?",
    event_type: "e.type = ?",
    code: "e.failure ->> 0 = ?",
    text: "instr(lower(e.failure ->> 1), lower(?)) > 0",
};

/// Of `batches b`.
pub(super) const BATCHES: NarrowBy = NarrowBy {
    source: "EXISTS (SELECT 1 FROM batch_members m JOIN events n ON n.seq = m.event \
             WHERE m.workspace = b.workspace AND m.batch = b.seq AND n.source = ?)",
    event_type: "EXISTS (SELECT 1 FROM batch_members m JOIN events n ON n.seq = m.event \
                 WHERE m.workspace = b.workspace AND m.batch = b.seq AND n.type = ?)",
    code: "b.failure ->> 0 = ?",
    text: "instr(lower(b.failure ->> 1), lower(?)) > 0",
};

/// Of `deliveries d`.
pub(super) const DELIVERIES: NarrowBy = NarrowBy {
    source: "EXISTS (SELECT 1 FROM events n WHERE n.source = ? AND (n.seq = d.event OR n.seq IN \
             (SELECT m.event FROM batch_members m WHERE m.workspace = d.workspace AND m.batch = d.batch)))",
    event_type: "EXISTS (SELECT 1 FROM events n WHERE n.type = ? AND (n.seq = d.event OR n.seq IN \
                 (SELECT m.event FROM batch_members m WHERE m.workspace = d.workspace AND m.batch = d.batch)))",
    code: "? IN (d.failure ->> 0, d.last_code)",
    text: "instr(lower(d.failure ->> 1), lower(?)) > 0",
};
