//! When two names are the same subject.

use std::borrow::Cow;

use icu_casemap::CaseMapper;

/// The name without case, by Unicode's full case folding (as Python's `casefold`). Nothing is trimmed or normalised.
pub(super) fn fold(name: &str) -> Cow<'_, str> {
    CaseMapper::new().fold_string(name)
}
