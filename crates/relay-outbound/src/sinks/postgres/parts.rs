//! How a batch is cut into statements that the server takes.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::mapping::Record;

/// Most bytes of one statement, unless a single event has more. A message to PostgreSQL ends at 1 GiB.
const MAX_STATEMENT: usize = 64 * 1024 * 1024;

/// How many rows a statement has at most: fewer after one that took too long, and more again while they are quick.
#[derive(Debug)]
pub(super) struct PartSize(AtomicUsize);

impl PartSize {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(usize::MAX))
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// So many rows took too long.
    pub(super) fn was_slow(&self, rows: usize) {
        self.0.store((rows / 2).max(1), Ordering::Relaxed);
    }

    /// So many rows were inserted in time.
    pub(super) fn was_quick(&self, rows: usize) {
        if rows == self.get() {
            self.0.store(rows.saturating_mul(2), Ordering::Relaxed);
        }
    }
}

/// The records in parts that fit into a statement, the first one last.
pub(super) fn parts(records: &[&Record], most: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (place, record) in records.iter().enumerate() {
        let size = record.size();
        if place > start && (place - start == most || bytes + size > MAX_STATEMENT) {
            parts.push(start..place);
            (start, bytes) = (place, 0);
        }
        bytes += size;
    }
    parts.push(start..records.len());
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_holds_what_fits_and_at_least_one_row() {
        let row = |size: usize| Record::of(vec![Some("x".repeat(size)), None]);
        let half = MAX_STATEMENT / 2;
        let rows = [row(half), row(half), row(1), row(MAX_STATEMENT + 1), row(2)];
        let rows: Vec<&Record> = rows.iter().collect();
        assert_eq!(parts(&rows, usize::MAX), [4..5, 3..4, 2..3, 0..2]);
        assert_eq!(parts(&rows[3..], usize::MAX), [1..2, 0..1]);
        assert_eq!(parts(&rows, 1), [4..5, 3..4, 2..3, 1..2, 0..1]);
    }

    #[test]
    fn statements_shrink_while_they_are_slow_and_grow_again() {
        let size = PartSize::new();
        size.was_quick(500);
        assert_eq!(size.get(), usize::MAX);
        size.was_slow(500);
        assert_eq!(size.get(), 250);
        size.was_quick(100);
        assert_eq!(size.get(), 250);
        size.was_quick(250);
        assert_eq!(size.get(), 500);
        size.was_slow(1);
        assert_eq!(size.get(), 1);
    }
}
