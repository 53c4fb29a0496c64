use proptest::prelude::*;
use serde_json::value::RawValue;

use super::scan::Scanned;
use super::*;

#[test]
fn only_what_every_consumer_can_read_is_strict() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    for (text, strict) in [
        (r#"{"a":[1,-2.5,true,null,"\ud83d\ude00"]}"#.to_owned(), true),
        (" 1 ".to_owned(), true),
        (nested(128), true),
        (nested(129), false),
        (nested(100_000), false),
        (r#""\ud800""#.to_owned(), false),
        (r#"{"\udc00":1}"#.to_owned(), false),
        ("1e400".to_owned(), false),
        ("NaN".to_owned(), false),
        ("{} {}".to_owned(), false),
        ("{\"a\":1,}".to_owned(), false),
        ("\u{feff}{}".to_owned(), false),
        (String::new(), false),
    ] {
        assert_eq!(check(text.as_bytes()).is_ok(), strict, "{text:.40}");
    }
    assert!(check(b"\"\xff\"").is_err());
}

/// The members of the outer object by the parser.
struct Members<'a>(Vec<(&'a str, &'a str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    members.push((name.get(), value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Holds a scan against the parser.
fn assert_scan_agrees(text: &str) {
    let mut members = Vec::new();
    let scanned = scan(text, |name, value| members.push((name, value)));
    let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
    let expected_members = serde_json::from_str::<Members<'_>>(text).ok();
    let expected = is_json
        .then(|| Scanned { is_object: expected_members.is_some(), is_strict: parse(text).is_ok() });
    assert_eq!(scanned, expected, "{text:.200}");
    if let Some(Members(expected_members)) = expected_members {
        assert_eq!(members, expected_members, "{text:.200}");
    }
}

#[test]
fn a_scan_agrees_with_the_parser_at_every_border() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "]",
        "}",
        "{}",
        "[]",
        " [ ] ",
        "{ }",
        "[,]",
        "[1,]",
        "[1 2]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{1:2}",
        "{\"a\":1]",
        "[1}",
        "[1:2]",
        "{} {}",
        "1 2",
        "null",
        "nul",
        "nulll",
        "true",
        "truth",
        "false",
        "0",
        "-0",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".1",
        "1.e1",
        "1e",
        "1e+",
        "1E-2",
        "0e999",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "1e308",
        "1e309",
        "-1e309",
        "1e-999",
        "1e99999999999",
        "0e99999999999",
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\uD83D\\uDE00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ud83d\\ud83d\\ude00\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\u\"",
        "\"\\ude00\"",
        "\"\\ud83d",
        "{\"\\ud83d\":1}",
        "{\"a\":1,\"a\":{\"a\":2},\"b\":[{\"c\":3}]}",
        "[{\"a\":1},{\"b\":2}]",
        "\u{feff}{}",
        "\u{a0}1",
        "\"\t\"",
        "\"12345678\u{1f}\"",
        "\"1234567\u{7f}\"",
        "\"\u{80}\u{ff}é€😀\"",
        "'a'",
        "NaN",
        "Infinity",
        "/**/1",
    ] {
        assert_scan_agrees(text);
    }
    for length in 290..330 {
        assert_scan_agrees(&"9".repeat(length));
        assert_scan_agrees(&format!("-0.{}", "9".repeat(length)));
    }
    for levels in [127, 128, 129, 130] {
        for (begin, end) in [("[", "]"), ("{\"a\":", "}")] {
            for inner in ["1", "[]", "{}"] {
                assert_scan_agrees(&format!(
                    "{}{inner}{}",
                    begin.repeat(levels),
                    end.repeat(levels)
                ));
            }
        }
    }
}

/// JSON with odd spaces, escapes and numbers.
fn document() -> impl Strategy<Value = String> {
    let string =
        r#""([ -!#-\[\]-~é€😀]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|\\u[dD][89abcdefABCDEF]00){0,20}""#;
    let number = r"-?(0|[1-9][0-9]{0,4})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?";
    let leaf = prop_oneof![string, number, "true|false|null"];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let space = "[ \n\t\r]{0,2}";
        let item = (space, inner.clone(), space)
            .prop_map(|(before, value, after)| before + &value + &after);
        let member = (space, string, space, inner)
            .prop_map(|(before, name, after, value)| format!("{before}{name}{after}:{value}"));
        prop_oneof![
            prop::collection::vec(item, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..6)
                .prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn a_scan_agrees_with_the_parser_on_any_json(text in document()) {
        assert_scan_agrees(&text);
    }

    #[test]
    fn a_scan_agrees_with_the_parser_on_json_with_slips(
        text in document(),
        slips in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}\",:\\\\0-9eE.+\\-udD\u{1} tn]?"), 1..3),
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        for (place, slip) in slips {
            let place = place.index(characters.len() + 1);
            match slip.chars().next() {
                Some(character) => characters.insert(place, character),
                None => drop(characters.drain(place..(place + 1).min(characters.len()))),
            }
        }
        assert_scan_agrees(&String::from_iter(characters));
    }

    #[test]
    fn a_scan_agrees_with_the_parser_on_any_text(text in "[{}\\[\\]\",:\\\\ux0-9a-f.eE+\\- \n\u{1}é]{0,24}") {
        assert_scan_agrees(&text);
    }
}
