//! What does not fit, and which of it is said: `jsonschema.exceptions.best_match`.

use std::cmp::Ordering;

use super::super::Violation;

/// One step from a value to a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// One reason why a value does not fit.
pub(super) struct Found<'a> {
    /// Steps from the whole value.
    pub(super) path: Vec<Step<'a>>,
    /// Found by `anyOf` or `oneOf`, about which others are preferred.
    pub(super) is_weak: bool,
    /// Whether the value is at least of the type that the schema at this place names.
    pub(super) matches_type: bool,
    /// Made only for the one that is said.
    pub(super) message: Box<dyn Fn() -> String + 'a>,
    /// What the branches of `anyOf` or `oneOf` found.
    pub(super) context: Context<'a>,
}

/// The least of several, which is all that is ever asked for: there may be one for every item of a long array.
#[derive(Default)]
pub(super) struct Context<'a> {
    least: Option<Box<Found<'a>>>,
    /// Whether another one is as good.
    is_tied: bool,
}

impl<'a> Context<'a> {
    pub(super) fn add(&mut self, found: Found<'a>) {
        let order = self.least.as_ref().map_or(Ordering::Less, |least| found.compare(least));
        self.is_tied = order.is_eq() || (self.is_tied && order.is_gt());
        if order.is_lt() {
            self.least = Some(Box::new(found));
        }
    }
}

impl<'a> Found<'a> {
    /// The order of `jsonschema.exceptions.relevance`; the greatest one is said.
    ///
    /// Shorter paths are greater, and of two with one length the one that sorts last.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let by_depth = other.path.len().cmp(&self.path.len());
        by_depth
            .then_with(|| self.path.cmp(&other.path))
            .then_with(|| other.is_weak.cmp(&self.is_weak))
            .then_with(|| other.matches_type.cmp(&self.matches_type))
    }

    /// The one to be said: below `anyOf` and `oneOf` the least one, unless two of the context are equally good.
    pub(super) fn most_telling(mut self) -> Self {
        while !self.context.is_tied
            && let Some(least) = self.context.least.take()
        {
            self = *least;
        }
        self
    }

    pub(super) fn into_violation(self) -> Violation {
        Violation { message: (self.message)(), path: pointer(&self.path) }
    }

    /// The same, said about a value that does not live as long, at a place that does.
    pub(super) fn outlive<'b>(self, path: &[Step<'b>]) -> Found<'b> {
        let message = (self.message)();
        Found {
            path: path.to_vec(),
            is_weak: self.is_weak,
            matches_type: self.matches_type,
            message: Box::new(move || message.clone()),
            context: Context {
                least: self.context.least.map(|found| Box::new(found.outlive(path))),
                is_tied: self.context.is_tied,
            },
        }
    }
}

/// Steps as a JSON pointer (RFC 6901).
pub(super) fn pointer(path: &[Step<'_>]) -> String {
    let mut pointer = String::new();
    for step in path {
        pointer.push('/');
        match step {
            Step::Name(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => pointer.push_str(&index.to_string()),
        }
    }
    pointer
}
