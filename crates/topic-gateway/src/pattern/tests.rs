use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// What Python 3.13 says: an error, or which texts match as a whole, and which of the others in a part.
#[derive(Deserialize)]
struct Recorded {
    pattern: String,
    error: Option<String>,
    #[serde(default)]
    texts: BTreeMap<String, bool>,
    #[serde(default)]
    parts: Vec<String>,
}

#[test]
fn patterns_mean_what_they_mean_in_python() {
    let recorded: Vec<Recorded> = serde_json::from_str(include_str!("recorded.json")).unwrap();
    assert!(recorded.len() >= 500);
    for Recorded { pattern, error, texts, parts } in recorded {
        match (Pattern::new(&pattern), error) {
            (Err(found), Some(expected)) => assert_eq!(found.to_string(), expected, "{pattern:?}"),
            (Ok(compiled), None) => {
                let searched = Pattern::anywhere(&pattern).unwrap();
                for (text, expected) in texts {
                    assert_eq!(compiled.matches(&text), Ok(expected), "{pattern:?} on {text:?}");
                    let expected = expected || parts.contains(&text);
                    assert_eq!(searched.matches(&text), Ok(expected), "{pattern:?} in {text:?}");
                }
            }
            (found, expected) => panic!("{pattern:?}: {found:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn what_is_not_supported_is_refused() {
    for (pattern, message) in [
        (r"a\N{EM DASH}", "character name 'EM DASH' is not supported at position 1"),
        ("((?(1)a))", "a condition on an open group is not supported at position 4"),
        (r"(\w{1,2000})*x", "pattern is too large or not supported"),
        ("a{1000001}", "the repetition number is too large"),
        (&"(".repeat(60), "groups are nested too deeply at position 51"),
        (
            &format!("{}a{}", "(".repeat(60), ")".repeat(60)),
            "groups are nested too deeply at position 51",
        ),
    ] {
        assert_eq!(Pattern::new(pattern).unwrap_err().to_string(), message, "{pattern}");
    }
}

#[test]
fn a_hostile_text_is_given_up_soon() {
    let text = "a".repeat(8000);
    let started = Instant::now();
    for pattern in
        [r"(a|aa)+$(?!x)b", r"(.*)(.*)(.*)(.*)\1x", r"(?:.*(?=.*(?=.*z)))*", r"(a|a)+\1?\Bb"]
    {
        assert_eq!(Pattern::new(pattern).unwrap().matches(&text), Err(Undecided), "{pattern}");
    }
    // Without looking around there is nothing to give up.
    assert_eq!(Pattern::new("(a|aa)+$").unwrap().matches(&format!("{text}!")), Ok(false));
    assert_eq!(Pattern::new("(a*)*b").unwrap().matches(&text), Ok(false));
    // Seconds in a debug build on a busy machine; Python needs years.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn a_property_is_known_where_a_part_is_looked_for() {
    let refused = Pattern::new(r"\p{L}").unwrap_err().to_string();
    assert_eq!(refused, r"bad escape \p at position 0");
    for (pattern, text, expected) in [
        (r"^\p{Script=Greek}+$", "αβ", true),
        (r"^\P{L}$", "1", true),
        (r"^[^\p{Lu}-]$", "-", false),
        (r"\p{Lu}", "äÖü", true),
    ] {
        assert_eq!(Pattern::anywhere(pattern).unwrap().matches(text), Ok(expected), "{pattern}");
    }
    for pattern in [r"\p", r"\p{", r"\p{}", r"\p{Nothing}", r"\p{L]|[a}", r"[a-\p{L}]"] {
        assert!(Pattern::anywhere(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn a_text_without_end_is_not_matched() {
    let long = "a".repeat(LONGEST + 1);
    assert_eq!(Pattern::new(".*").unwrap().matches(&long), Err(Undecided));
    assert_eq!(Pattern::new(".*").unwrap().matches(&long[1..]), Ok(true));
    assert_eq!(Pattern::new("(?!b).*").unwrap().matches(&long[1..]), Err(Undecided));
    assert_eq!(Pattern::new("(?!b).*").unwrap().matches(&long[..LONGEST_TO_BACKTRACK]), Ok(true));
}

fn pattern_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[abAİß0 ._-]{1,3}",
        r"\\[abdDwWsSBZAnxuU0-9q.]",
        "[*+?|()\\[\\]{}^$]",
        Just("(?:".to_owned()),
        Just("(?i:".to_owned()),
        Just("(?=".to_owned()),
        Just("(?<!".to_owned()),
        Just("(?>".to_owned()),
        Just("(?P<n>".to_owned()),
        Just("(?(1)".to_owned()),
        Just("{1,3}".to_owned()),
        Just("[^a-c]".to_owned()),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_pattern_and_no_text_panics(pattern in pattern_like(), text in "[abAİß0\\n._-]{0,12}") {
        if let Ok(compiled) = Pattern::new(&pattern) {
            compiled.matches(&text).ok();
        }
    }

    #[test]
    fn plain_text_matches_itself_alone(text in "[a-zA-Z0-9 é_,:/-]{1,12}", other in "[a-z]{1,3}") {
        let compiled = Pattern::new(&text).unwrap();
        prop_assert_eq!(compiled.matches(&text), Ok(true));
        prop_assert_eq!(compiled.matches(&format!("{text}{other}")), Ok(false));
        prop_assert_eq!(compiled.matches(&format!("{other}{text}")), Ok(false));
        prop_assert_eq!(compiled.matches(&format!("{text}\n")), Ok(false));
    }
}
