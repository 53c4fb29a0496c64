//! Keywords about texts and numbers.

use std::ops::ControlFlow;

use super::super::Violation;
use super::super::dialect::Dialect;
use super::found::pointer;
use super::{Asked, Judge, Place, Sink};
use crate::json::{Number, Value, repr_of_str};
use crate::pattern::Undecided;

impl<'a> Judge<'a> {
    pub(super) fn ask_string(
        &self,
        asked: Asked<'_, 'a>,
        text: &'a str,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        match asked.keyword {
            "minLength" | "maxLength" => self.ask_size(asked, || text.chars().count(), found),
            "pattern" => {
                let pattern = asked.value.as_str().unwrap_or_default();
                if self.search(asked.at, pattern, text) {
                    return ControlFlow::Continue(());
                }
                found(self.fail(asked, move || {
                    format!("{} does not match {}", repr_of_str(text), repr_of_str(pattern))
                }))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// `re.search`. The first one that is given up leaves the whole undecided, and nothing is searched any more.
    pub(super) fn search(&self, at: Place<'_, 'a>, pattern: &str, text: &str) -> bool {
        if self.undecided.get().is_some() {
            return false;
        }
        // One that is unknown stands where nobody took it for a pattern, and is none.
        let known = self.schema.patterns.get(pattern).ok_or(Undecided);
        known.and_then(|known| known.matches(text)).unwrap_or_else(|Undecided| {
            let length = text.chars().count();
            let message = format!(
                "matching a text of {length} characters with {} would take too long",
                repr_of_str(pattern)
            );
            self.undecided.set(Violation { message, path: pointer(&at.path()) }).ok();
            false
        })
    }

    /// `min…` and `max…` of texts, arrays and objects; the three say the same but for one phrase.
    pub(super) fn ask_size(
        &self,
        asked: Asked<'_, 'a>,
        size: impl FnOnce() -> usize,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let Some(limit) = asked.value.as_number() else { return ControlFlow::Continue(()) };
        let order = count(size()).compare(limit);
        let is_minimum = asked.keyword.starts_with("min");
        if if is_minimum { order.is_ge() } else { order.is_le() } {
            return ControlFlow::Continue(());
        }
        let phrase = match (asked.keyword, is_minimum) {
            (_, true) if limit.compare(&Number::Int(1)).is_eq() => "should be non-empty",
            (_, false) if limit.compare(&Number::Int(0)).is_eq() => "is expected to be empty",
            ("minProperties", _) => "does not have enough properties",
            ("maxProperties", _) => "has too many properties",
            (_, true) => "is too short",
            (_, false) => "is too long",
        };
        let instance = asked.at.instance;
        found(self.fail(asked, move || format!("{} {phrase}", instance.repr())))
    }

    pub(super) fn ask_number(
        &self,
        asked: Asked<'_, 'a>,
        number: &'a Number,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let Some(limit) = asked.value.as_number() else { return ControlFlow::Continue(()) };
        // Draft 4, sections 5.1.2 and 5.1.3: a boolean beside the limit excludes it.
        let is_draft4 = self.dialect() == Dialect::Draft4;
        let excludes = |keyword| is_draft4 && asked.sibling(keyword) == Some(&Value::Bool(true));
        let order = number.compare(limit);
        let (fits, says, end) = match asked.keyword {
            "minimum" if excludes("exclusiveMinimum") => {
                (order.is_gt(), "less than or equal to", "minimum")
            }
            "maximum" if excludes("exclusiveMaximum") => {
                (order.is_lt(), "greater than or equal to", "maximum")
            }
            "minimum" => (order.is_ge(), "less than", "minimum"),
            "maximum" => (order.is_le(), "greater than", "maximum"),
            "exclusiveMinimum" if !is_draft4 => (order.is_gt(), "less than or equal to", "minimum"),
            "exclusiveMaximum" if !is_draft4 => {
                (order.is_lt(), "greater than or equal to", "maximum")
            }
            "multipleOf" if !number.is_multiple_of(limit) => {
                return found(
                    self.fail(asked, move || format!("{number} is not a multiple of {limit}")),
                );
            }
            _ => return ControlFlow::Continue(()),
        };
        if fits {
            return ControlFlow::Continue(());
        }
        found(self.fail(asked, move || format!("{number} is {says} the {end} of {limit}")))
    }
}

/// A size as a number that limits can be held against.
pub(super) fn count(size: usize) -> Number {
    i64::try_from(size).map_or_else(|_| Number::from_big(size.into()), Number::Int)
}
