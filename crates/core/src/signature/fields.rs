//! A look into a signed JSON body, without building a tree of it.
//!
//! One pass finds the members of the outer object; a nested member costs one more pass over its own text. Of a name that
//! stands twice the last one counts, as in JavaScript. A body that is not a JSON object has no fields.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use time::{OffsetDateTime, UtcOffset};

use crate::event::parse_time;

/// The members of one JSON object.
pub(super) struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        Self::of(std::str::from_utf8(body).ok()?)
    }

    fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The JSON text at a path such as `repository.owner.url`; `null` counts as absent.
    pub(super) fn raw(&self, path: &str) -> Option<&'a str> {
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let (_, value) = self.0.iter().rfind(|(member, _)| member == name)?;
        match rest {
            Some(rest) => Self::of(value.get())?.raw(rest),
            None => (value.get() != "null").then(|| value.get()),
        }
    }

    /// A string that is not empty.
    pub(super) fn string(&self, path: &str) -> Option<String> {
        let text: String = serde_json::from_str(self.raw(path)?).ok()?;
        (!text.is_empty()).then_some(text)
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

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Fields(members))
    }
}
