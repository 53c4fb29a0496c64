use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Value {
    parse(text.as_bytes(), Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What is said about a text that is refused.
fn refusal(text: impl AsRef<[u8]>) -> String {
    parse(text.as_ref(), Limits::default()).unwrap_err().to_string()
}

#[test]
fn texts_are_those_of_python() {
    let cases = include_str!("../../tests/python/texts.json");
    let cases: Vec<[String; 4]> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() > 200);
    for [text, dumps, repr, str] in cases {
        let value = read(&text);
        assert_eq!(value.to_python_json(), dumps, "json.dumps of {text}");
        assert_eq!(value.repr(), repr, "repr of {text}");
        assert_eq!(value.str(), str, "str of {text}");
    }
}

#[test]
fn the_last_of_equal_names_counts_in_the_place_of_the_first() {
    let value = read(r#"{"a": 1, "b": 2, "a": 3}"#);
    assert_eq!(value.repr(), "{'a': 3, 'b': 2}");
    assert_eq!(value.get("a"), Some(&3.into()));
    assert_eq!((value.get("c"), read("[1]").get("a")), (None, None));
}

#[test]
fn refused_texts_say_what_and_where() {
    for (text, expected) in [
        ("", "no JSON value at line 1 column 1"),
        (" \n ", "no JSON value at line 2 column 1"),
        ("\u{feff}{}", "byte order mark at line 1 column 1"),
        ("[1, NaN]", "NaN and Infinity are not JSON at line 1 column 5"),
        ("Infinity", "NaN and Infinity are not JSON at line 1 column 1"),
        ("[-Infinity]", "NaN and Infinity are not JSON at line 1 column 2"),
        ("[\n  1e400]", "number beyond the range of floats at line 2 column 3"),
        ("-1e999", "number beyond the range of floats at line 1 column 1"),
        (r#""\ud800""#, "half of a surrogate pair in a string at line 1 column 8"),
        (r#"{"\udc00": 1}"#, "half of a surrogate pair in a string at line 1 column 8"),
        (r#""\ud800\u0041""#, "half of a surrogate pair in a string at line 1 column 13"),
        ("{\"a\": 1,}", "trailing comma at line 1 column 9"),
        ("[1,]", "trailing comma at line 1 column 4"),
        ("{} {}", "more text after the value at line 1 column 4"),
        ("1 x", "more text after the value at line 1 column 3"),
        ("[01]", "invalid number at line 1 column 3"),
        ("[1.]", "invalid number at line 1 column 4"),
        ("+1", "expected value at line 1 column 1"),
        ("nul", "EOF while parsing a value at line 1 column 3"),
        ("{'a': 1}", "key must be a string at line 1 column 2"),
        (
            "\"a\nb\"",
            "control character (\\u0000-\\u001F) found while parsing a string at line 2 column 1",
        ),
        ("[1 2]", "expected `,` or `]` at line 1 column 4"),
    ] {
        assert_eq!(refusal(text), expected, "{text:?}");
    }
    for invalid in [&b"\"\xff\""[..], b"{\"\xc3\x28\": 1}", b"\"\xed\xa0\x80\""] {
        assert!(refusal(invalid).starts_with("not UTF-8"), "{}", refusal(invalid));
    }
    assert!(refusal("1".repeat(5000)).starts_with("number of more than 4300 digits"));
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    read(&nested(MAX_DEPTH));
    assert!(refusal(nested(MAX_DEPTH + 1)).starts_with("nested more than 128 deep"));
    assert!(refusal("{\"a\":".repeat(100_000)).starts_with("nested more than 128 deep"));
    let limits = Limits { depth: 1 };
    assert!(parse(b"[1]", limits).is_ok() && parse(b"[[]]", limits).is_err());
    assert!(parse(b"1", Limits { depth: 0 }).is_ok());
}

#[test]
fn numbers_are_exact() {
    for text in ["9223372036854775807", "9223372036854775808", "-9223372036854775809", "1.5"] {
        assert_eq!(read(text).to_python_json(), text);
    }
    assert_eq!(read("-0"), 0.into());
    assert_eq!(read("18446744073709551615").to_serde(), serde_json::json!(u64::MAX));
    assert_eq!(read("1e308").to_serde(), serde_json::json!(1e308));
}

#[test]
fn numbers_are_compared_by_their_exact_value() {
    // Each is below the next one.
    let ascending = [
        "-1e300",
        "-9223372036854775809",
        "-9223372036854775808",
        "-1.5",
        "-1",
        "-0.5",
        "0",
        "0.5",
        "1",
        "9007199254740992.0",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808.0",
        "9223372036854775809",
        "18446744073709551616",
        "1e300",
    ];
    let numbers: Vec<Number> =
        ascending.iter().map(|text| read(text).as_number().unwrap().clone()).collect();
    for (i, one) in numbers.iter().enumerate() {
        for (j, other) in numbers.iter().enumerate() {
            assert_eq!(one.compare(other), i.cmp(&j), "{one} and {other}");
        }
    }
}

#[test]
fn equality_follows_json_schema() {
    for (one, other, expected) in [
        ("1", "1.0", true),
        ("1", "true", false),
        ("0", "false", false),
        ("0", "-0.0", true),
        ("18446744073709551616", "18446744073709551616.0", true),
        ("9007199254740993", "9007199254740993.0", false),
        (r#"{"a": [1, null], "b": "x"}"#, r#"{"b": "x", "a": [1.0, null]}"#, true),
        (r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#, false),
        ("[1]", "[1, 1]", false),
        ("\"1\"", "1", false),
    ] {
        assert_eq!(read(one).equals(&read(other)), expected, "{one} {other}");
        assert_eq!(read(other).equals(&read(one)), expected, "{other} {one}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let float = any::<f64>().prop_filter("finite", |float| float.is_finite());
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<i128>().prop_map(|big| Value::Number(Number::from_big(big.into()))),
        float.prop_map(|float| Value::Number(Number::Float(float))),
        any::<String>().prop_map(|text| Value::String(text.into())),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..6).prop_map(|members| {
                let named = members.into_iter().map(|(name, member)| (Text::from(name), member));
                Value::Object(named.collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(value in any_value()) {
        let text = value.to_python_json();
        prop_assert!(text.is_ascii());
        let back = read(&text);
        prop_assert_eq!(&back, &value);
        // Order too, which equality of objects does not see.
        prop_assert_eq!(back.repr(), value.repr());
        prop_assert!(back.equals(&value));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Err(error) = parse(&bytes, Limits::default()) {
            prop_assert!(error.line >= 1);
        }
    }

    #[test]
    fn every_other_reader_agrees_on_what_is_json(text in r#"[\[\]{}:,"\\u0-9a-fA-FeE+.\- truefalsn]{0,24}"#) {
        let ours = parse(text.as_bytes(), Limits::default());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}: {:?} {:?}", text, ours, theirs);
    }
}
