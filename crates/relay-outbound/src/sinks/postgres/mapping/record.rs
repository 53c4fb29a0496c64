//! What one event writes.

use super::merge::Stamp;
use crate::sinks::postgres::columns::Row;

/// The row of an event, and those that belong to it.
#[derive(Debug)]
pub(in super::super) struct Record {
    pub(super) row: Row,
    /// For each of the `children` its rows.
    pub(super) children: Vec<Vec<Row>>,
    /// How new it is, if rows are merged.
    pub(super) stamp: Option<Stamp>,
}

#[cfg(test)]
impl Record {
    /// A row alone.
    pub(in super::super) fn of(row: Row) -> Self {
        Self { row, children: Vec::new(), stamp: None }
    }
}

impl Record {
    /// Bytes of all its values.
    pub(in super::super) fn size(&self) -> usize {
        let rows = self.children.iter().flatten().chain([&self.row]);
        rows.map(|row| row.iter().flatten().map(String::len).sum::<usize>()).sum()
    }
}
