//! How much a test does.

use crate::report;

/// `full` with `TESTKIT_FULL=1`, and `small` otherwise: large enough to find what is broken, quick enough for every change.
pub fn size<T>(small: T, full: T) -> T {
    if report::environment("TESTKIT_FULL").is_some_and(|value| value == "1") { full } else { small }
}
