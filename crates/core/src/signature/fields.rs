//! A look into a signed JSON body, without building a tree of it.
//!
//! One pass finds the members of the outer object, and whether the whole body is strict JSON; a nested member costs one more pass over its own text. Of a name that
//! stands twice the last one counts, as in JavaScript. A body that is not a JSON object has no fields.

use std::borrow::Cow;

use time::{OffsetDateTime, UtcOffset};

use crate::event::{json, parse_time};

/// The members of one JSON object.
pub(super) struct Fields<'a> {
    members: Vec<(Cow<'a, str>, &'a str)>,
    is_strict: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        Self::of(std::str::from_utf8(body).ok()?)
    }

    fn of(text: &'a str) -> Option<Self> {
        let mut members = Vec::with_capacity(16);
        let mut are_names_text = true;
        let scanned = json::scan(text, |quoted, value| match unquoted(quoted) {
            Some(name) => members.push((name, value)),
            None => are_names_text = false,
        })?;
        let is_strict = scanned.is_strict;
        (scanned.is_object && are_names_text).then_some(Self { members, is_strict })
    }

    /// Whether [`json::check`] accepts the body.
    pub(super) fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// The JSON text at a path such as `repository.owner.url`; `null` counts as absent.
    pub(super) fn raw(&self, path: &str) -> Option<&'a str> {
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let (_, value) = self.members.iter().rfind(|(member, _)| member == name)?;
        match rest {
            Some(rest) => Self::of(value)?.raw(rest),
            None => (*value != "null").then_some(*value),
        }
    }

    /// A string that is not empty.
    pub(super) fn string(&self, path: &str) -> Option<String> {
        let raw = self.raw(path)?;
        let text = if raw.starts_with('"') { unquoted(raw)? } else { return None };
        (!text.is_empty()).then(|| text.into_owned())
    }

    /// A string that is not empty, or a number as it is written.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let raw = self.raw(path)?;
        let is_number =
            raw.starts_with(|character: char| character.is_ascii_digit() || character == '-');
        if is_number { Some(raw.to_owned()) } else { self.string(path) }
    }

    /// The first of several strings.
    pub(super) fn first_string(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|path| self.string(path))
    }

    /// A time in UTC: RFC 3339 text or unix seconds.
    pub(super) fn time(&self, path: &str) -> Option<OffsetDateTime> {
        let raw = self.raw(path)?;
        let time = match raw.parse() {
            Ok(seconds) => OffsetDateTime::from_unix_timestamp(seconds).ok()?,
            Err(_) => parse_time(&self.string(path)?)?,
        };
        // Beyond these years there is no RFC 3339 form.
        time.checked_to_offset(UtcOffset::UTC).filter(|time| (0..=9999).contains(&time.year()))
    }
}

/// The text of a JSON string; `None` if an escape in it stands for no character.
fn unquoted(quoted: &str) -> Option<Cow<'_, str>> {
    if quoted.contains('\\') {
        return serde_json::from_str(quoted).ok().map(Cow::Owned);
    }
    quoted.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_as_javascript_would_find_it() {
        let body =
            r#" {"a":1,"a":{"b":"x","\u0062":"y\n"},"n":null,"e":"","l":"\ud800","t":-1.5e3} "#;
        let fields = Fields::parse(body.as_bytes()).unwrap();
        assert!(!fields.is_strict());
        for (path, raw, text) in [
            ("a.b", Some(r#""y\n""#), Some("y\n")),
            ("a", Some(r#"{"b":"x","\u0062":"y\n"}"#), None),
            ("a.b.c", None, None),
            ("n", None, None),
            ("e", Some("\"\""), None),
            ("l", Some(r#""\ud800""#), None),
            ("t", Some("-1.5e3"), Some("-1.5e3")),
            ("missing", None, None),
        ] {
            assert_eq!(fields.raw(path), raw, "{path}");
            assert_eq!(fields.text(path).as_deref(), text, "{path}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_of_named_members_has_no_fields() {
        for body in ["[]", "\"a\"", "{", "{} {}", r#"{"\ud800":1}"#, ""] {
            assert!(Fields::parse(body.as_bytes()).is_none(), "{body}");
        }
        assert!(Fields::parse(b"{\"a\":\"\xff\"}").is_none());
    }
}
