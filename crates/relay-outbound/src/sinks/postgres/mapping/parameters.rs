//! Where the values of a statement come from: arrays of texts, one for each column.

use crate::sinks::postgres::table::{Layout, join};

/// Numbers the parameters of a statement, in the order in which they are bound.
#[derive(Debug)]
pub(super) struct Parameters {
    next: Option<usize>,
}

impl Parameters {
    pub(super) fn numbered() -> Self {
        Self { next: Some(1) }
    }

    /// No values at all, for a statement that is only planned.
    pub(super) fn empty() -> Self {
        Self { next: None }
    }

    /// Rows `r` with the columns `c0`, `c1` and so on and, if it has a name, their place from 1.
    pub(super) fn rows(&mut self, layout: &Layout, place: &str) -> String {
        let arrays = join(0..layout.columns.len(), |_| self.array("text"));
        let names = join(0..layout.columns.len(), |i| format!("c{i}"));
        match place {
            "" => format!("unnest({arrays}) AS r({names})"),
            place => format!("unnest({arrays}) WITH ORDINALITY AS r({names}, {place})"),
        }
    }

    /// The same behind `p`, the place of the row that each belongs to.
    pub(super) fn children(&mut self, layout: &Layout) -> String {
        let parents = self.array("bigint");
        let arrays = join(0..layout.columns.len(), |_| self.array("text"));
        let names = join(0..layout.columns.len(), |i| format!("c{i}"));
        format!("unnest({parents}, {arrays}) WITH ORDINALITY AS r(p, {names}, o)")
    }

    /// One more array.
    pub(super) fn array(&mut self, kind: &str) -> String {
        match &mut self.next {
            Some(next) => {
                let parameter = format!("${next}::{kind}[]");
                *next += 1;
                parameter
            }
            None => format!("'{{}}'::{kind}[]"),
        }
    }
}
