//! Questions about subjects with wildcards, asked of texts. What is no pattern covers and overlaps nothing.

use event_bus_core::subject::Pattern;

/// Whether a stream or consumer may be given this subject.
pub fn is_valid_pattern(pattern: &str) -> bool {
    Pattern::parse(pattern).is_ok()
}

/// Whether every subject that `inner` matches is matched by `outer` too.
pub fn covers(outer: &str, inner: &str) -> bool {
    both(outer, inner).is_some_and(|(outer, inner)| outer.covers(&inner))
}

/// Whether some subject is matched by both.
pub fn overlap(left: &str, right: &str) -> bool {
    both(left, right).is_some_and(|(left, right)| left.overlaps(&right))
}

fn both(left: &str, right: &str) -> Option<(Pattern, Pattern)> {
    Some((Pattern::parse(left).ok()?, Pattern::parse(right).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_whole_tokens_and_its_tail_last() {
        for valid in ["fleet.>", "a", "a.*.b", "*", ">", "a-b_c.d1", "größe.x"] {
            assert!(is_valid_pattern(valid), "{valid}");
        }
        for invalid in ["", ".", "a.", ".a", "a..b", "a.>.b", "a b", "a.b*", "a\t", "a.>>", "a\n"] {
            assert!(!is_valid_pattern(invalid), "{invalid}");
        }
    }

    #[test]
    fn covering_and_overlapping_follow_the_wildcards() {
        for (outer, inner, covered, overlapping) in [
            ("fleet.>", "fleet.>", true, true),
            ("fleet.>", "fleet.repo.*", true, true),
            (">", "fleet.>", true, true),
            ("*.*", "fleet.repo", true, true),
            ("fleet.*", "fleet.>", false, true),
            ("fleet.>", "fleet", false, false),
            ("fleet.a", "fleet.*", false, true),
            ("fleet.*.x", "fleet.y.*", false, true),
            ("fleet.*", "fleet.a.b", false, false),
            ("a.>", "b.>", false, false),
        ] {
            assert_eq!(covers(outer, inner), covered, "{outer} covers {inner}");
            assert_eq!(overlap(outer, inner), overlapping, "{outer} overlaps {inner}");
            assert_eq!(overlap(inner, outer), overlapping, "{inner} overlaps {outer}");
        }
    }
}
