//! Finds the line of a path in the text of a file.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::path::{KeyPath, Step};

/// Where a path was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Line, from 1.
    pub(super) line: usize,
    /// Whether the whole path is there, and not only something above it.
    pub(super) exact: bool,
}

/// The line of the key at `path`, or of the nearest thing above it that the text holds.
pub(super) fn place(text: &str, path: &KeyPath) -> Option<Place> {
    let root = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut depth = 0;
    let mut table = Some(root.get_ref());
    let mut array = None;
    for step in &path.0 {
        let (span, value) = match (step, table, array) {
            (Step::Key(key), Some(entries), _) => {
                let Some((key, value)) = find(entries, key) else { break };
                (key, value)
            }
            (Step::Index(index), _, Some(items)) => {
                let items: &toml::de::DeArray<'_> = items;
                let Some(item) = items.get(*index) else { break };
                (item.span(), item.get_ref())
            }
            _ => break,
        };
        (table, array) = (value.as_table(), value.as_array());
        found = Some(span);
        depth += 1;
    }
    let line = line_at(text, found?.start);
    Some(Place { line, exact: depth == path.0.len() })
}

/// The line, from 1, on which a byte stands.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn find<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<(Range<usize>, &'a DeValue<'i>)> {
    table
        .iter()
        .find(|(name, _)| name.get_ref().as_ref() == key)
        .map(|(name, value)| (name.span(), value.get_ref()))
}
