//! How a batch is cut into statements that the server takes.

use std::ops::Range;

use super::columns::Row;

/// Most bytes of one statement, unless a single event has more. A message to PostgreSQL ends at 1 GiB.
const MAX_STATEMENT: usize = 64 * 1024 * 1024;

/// The rows in parts that fit into a statement, the first one last.
pub(super) fn parts(rows: &[&Row]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (place, row) in rows.iter().enumerate() {
        let size: usize = row.iter().flatten().map(String::len).sum();
        if place > start && bytes + size > MAX_STATEMENT {
            parts.push(start..place);
            (start, bytes) = (place, 0);
        }
        bytes += size;
    }
    parts.push(start..rows.len());
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_holds_what_fits_and_at_least_one_row() {
        let row = |size: usize| vec![Some("x".repeat(size)), None];
        let half = MAX_STATEMENT / 2;
        let rows = [row(half), row(half), row(1), row(MAX_STATEMENT + 1), row(2)];
        let rows: Vec<&Row> = rows.iter().collect();
        assert_eq!(parts(&rows), [4..5, 3..4, 2..3, 0..2]);
        assert_eq!(parts(&rows[3..]), [1..2, 0..1]);
    }
}
