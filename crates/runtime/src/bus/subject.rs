//! Rules of NATS subjects with wildcards: `*` is one token, a final `>` is one or more.

/// Whether a stream or consumer may be given this subject.
pub fn is_valid_pattern(pattern: &str) -> bool {
    let tokens: Vec<_> = pattern.split('.').collect();
    tokens.iter().enumerate().all(|(position, token)| match *token {
        ">" => position + 1 == tokens.len(),
        "*" => true,
        token => {
            !token.is_empty()
                && !token.contains(|letter: char| {
                    letter == '*' || letter == '>' || letter.is_whitespace() || letter.is_control()
                })
        }
    })
}

/// Whether every subject that `inner` matches is matched by `outer` too.
pub fn covers(outer: &str, inner: &str) -> bool {
    let (mut outer, mut inner) = (outer.split('.'), inner.split('.'));
    loop {
        match (outer.next(), inner.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(token)) if token != ">" => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

/// Whether some subject is matched by both.
pub fn overlap(left: &str, right: &str) -> bool {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        match (left.next(), right.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some("*"), Some(_)) | (Some(_), Some("*")) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
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
