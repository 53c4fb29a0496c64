//! What of an event goes into a column: an attribute, a field of the data, a piece of the payload, or a template.
//!
//! Every value is text, which PostgreSQL casts to the type of the column, or null.

use std::cell::OnceCell;
use std::error::Error;
use std::fmt;

use bytes::Bytes;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::{Event, Value, parse_time};
use serde_json::value::RawValue;
use time::UtcOffset;
use time::macros::format_description;

use super::fields::Fields;
use super::mapping::{Source, SourceConfig};
use super::payload::Payload;
use super::table;
use crate::template::{Escape, Template, View};

/// The table that this program makes.
pub(super) const DEFAULT_COLUMNS: [(&str, &str); 13] = [
    ("ce_source", "source"),
    ("ce_id", "id"),
    ("ce_type", "type"),
    ("ce_subject", "subject"),
    ("ce_time", "time_utc"),
    ("ce_time_text", "time"),
    ("datacontenttype", "datacontenttype"),
    ("dataschema", "dataschema"),
    ("extensions", "extensions"),
    ("data_form", "data_form"),
    ("data", "data"),
    ("data_text", "data_text"),
    ("data_bytes", "data_bytes"),
];

/// The unique columns of that table.
pub(super) const DEFAULT_CONFLICT: [&str; 2] = ["ce_source", "ce_id"];

/// A column and what it takes.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    source: Source,
}

/// Where a source may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Event,
    /// At an element of an array of the event as well.
    Item,
}

/// Something that an event has.
#[derive(Debug)]
pub(super) enum Content {
    Id,
    Source,
    Type,
    Subject,
    Time,
    /// The instant as PostgreSQL reads it; null before the year 1, which it does not know in this form.
    TimeUtc,
    DataContentType,
    DataSchema,
    /// All extension attributes, as a JSON object.
    Extensions,
    Extension(String),
    Data,
    DataForm,
    DataText,
    DataBytes,
    /// A field of JSON data; null if there is none.
    Field(Vec<String>),
    /// The element, or a field of it; null if there is none.
    Item(Vec<String>),
    /// Which element of the array, from 0.
    Index,
    /// The structured form of the whole event.
    Event,
    Template(Box<Template>),
}

/// The values of one event, in the order of the columns.
pub(super) type Row = Vec<Option<String>>;

/// A value that no text of PostgreSQL can hold.
#[derive(Debug)]
struct HoldsNul {
    column: String,
}

impl Column {
    /// Reads `<column> = <source>` of the settings.
    pub(super) fn parse(name: &str, source: &SourceConfig, scope: Scope) -> Result<Self, String> {
        table::check_identifier(name)?;
        Ok(Self { name: name.to_owned(), source: Source::parse(source, scope)? })
    }
}

/// The values for these columns, or why there are none.
pub(super) fn row(columns: &[Column], seen: &Seen<'_, '_>) -> Result<Row, DeliveryError> {
    let mut row = Vec::with_capacity(columns.len());
    for column in columns {
        let value = column.source.value(seen)?;
        if value.as_ref().is_some_and(|value| value.contains('\0')) {
            let error = HoldsNul { column: column.name.clone() };
            return Err(DeliveryError::Unencodable(error.into()));
        }
        row.push(value);
    }
    Ok(row)
}

impl Content {
    pub(super) fn parse(text: &str, scope: Scope) -> Result<Self, String> {
        if text.contains('{') {
            let template = Template::parse(text, Escape::None);
            return template
                .map(|template| Self::Template(template.into()))
                .map_err(|error| error.to_string());
        }
        Ok(match text {
            "id" => Self::Id,
            "source" => Self::Source,
            "type" => Self::Type,
            "subject" => Self::Subject,
            "time" => Self::Time,
            "time_utc" => Self::TimeUtc,
            "datacontenttype" => Self::DataContentType,
            "dataschema" => Self::DataSchema,
            "extensions" => Self::Extensions,
            "data" => Self::Data,
            "data_form" => Self::DataForm,
            "data_text" => Self::DataText,
            "data_bytes" => Self::DataBytes,
            "event" => Self::Event,
            "index" if scope == Scope::Item => Self::Index,
            other => return Self::parse_path(other, scope),
        })
    }

    fn parse_path(text: &str, scope: Scope) -> Result<Self, String> {
        let mut names = text.split('.').map(str::to_owned);
        let root = names.next().unwrap_or_default();
        let names: Vec<_> = names.collect();
        match (root.as_str(), names.as_slice()) {
            ("item" | "index", _) if scope == Scope::Event => Err(format!(
                "`{text}` is known only in `children`; take a field such as `data.user.name`"
            )),
            ("item", names) if names.iter().all(|name| !name.is_empty()) => {
                Ok(Self::Item(names.to_vec()))
            }
            ("extensions", [name]) if !name.is_empty() => Ok(Self::Extension(name.clone())),
            ("data", [_, ..]) if names.iter().all(|name| !name.is_empty()) => {
                Ok(Self::Field(names))
            }
            _ => Err(format!(
                "`{text}` is nothing that an event has; write an attribute such as `id` or `extensions.partitionkey`, \
                 a field such as `data.user.name`, or a template with braces"
            )),
        }
    }
}

/// An event, perhaps with an element of an array in it.
pub(super) struct Seen<'w, 'a> {
    whole: &'w Whole<'a>,
    item: Option<Item<'a>>,
}

/// An event, and what was made of it for its columns.
pub(super) struct Whole<'a> {
    event: &'a Event,
    payload: Payload<'a>,
    /// Of its data.
    fields: Fields<'a>,
    view: OnceCell<View>,
}

/// An element of an array.
struct Item<'a> {
    value: &'a RawValue,
    index: usize,
    fields: Fields<'a>,
    view: OnceCell<View>,
}

impl<'a> Whole<'a> {
    pub(super) fn of(event: &'a Event) -> Self {
        let (payload, fields) = (Payload::of(event), Fields::of(event));
        Self { event, payload, fields, view: OnceCell::new() }
    }

    /// A field of its data.
    pub(super) fn find(&self, names: &[String]) -> Option<&'a RawValue> {
        self.fields.find(names)
    }

    fn view(&self) -> &View {
        self.view.get_or_init(|| View::of(self.event))
    }
}

impl<'w, 'a> Seen<'w, 'a> {
    pub(super) fn of(whole: &'w Whole<'a>) -> Self {
        Self { whole, item: None }
    }

    /// The same with an element of one of its arrays.
    pub(super) fn at(whole: &'w Whole<'a>, value: &'a RawValue, index: usize) -> Self {
        let (fields, view) = (Fields::at(value), OnceCell::new());
        Self { whole, item: Some(Item { value, index, fields, view }) }
    }

    fn view(&self) -> &View {
        let around = self.whole.view();
        match &self.item {
            None => around,
            Some(item) => item.view.get_or_init(|| around.at(item.value, item.index)),
        }
    }

    pub(super) fn value(&self, content: &Content) -> Result<Option<String>, DeliveryError> {
        let Whole { event, payload, fields, .. } = self.whole;
        let text: Option<&str> = match content {
            Content::Id => Some(event.id()),
            Content::Source => Some(event.ce_source()),
            Content::Type => Some(event.kind()),
            Content::Subject => event.subject(),
            Content::Time => event.time(),
            Content::DataContentType => event.datacontenttype(),
            Content::DataSchema => event.dataschema(),
            Content::Data => payload.json(),
            Content::DataForm => payload.form(),
            Content::DataText => payload.text(),
            Content::TimeUtc => return Ok(event.time().and_then(time_utc)),
            Content::Extensions => return Ok(Some(extensions(event))),
            Content::Extension(name) => {
                return Ok(event.extension(name).map(|value| value.to_text().into_owned()));
            }
            Content::DataBytes => return Ok(payload.bytes()),
            Content::Field(names) => return Ok(fields.text(names)),
            Content::Event => return Ok(Some(structured(&event.to_structured()))),
            Content::Item(names) => {
                return Ok(self.item.as_ref().and_then(|item| item.fields.text(names)));
            }
            Content::Index => return Ok(self.item.as_ref().map(|item| item.index.to_string())),
            Content::Template(template) => return Ok(Some(template.fill(self.view())?)),
        };
        Ok(text.map(str::to_owned))
    }
}

/// An instant as PostgreSQL reads it, in UTC, cut off to its microseconds.
fn time_utc(text: &str) -> Option<String> {
    let time = parse_time(text)?.to_offset(UtcOffset::UTC);
    let format = format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]+00"
    );
    (time.year() > 0).then(|| time.format(format).ok()).flatten()
}

fn extensions(event: &Event) -> String {
    let members = event.extensions().map(|(name, value)| {
        let value = match value {
            Value::Boolean(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::String(text) => text.as_str().into(),
        };
        (name.to_owned(), value)
    });
    serde_json::Value::Object(members.collect()).to_string()
}

/// JSON is UTF-8.
fn structured(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl fmt::Display for HoldsNul {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the value for column `{}` holds the character NUL", self.column)
    }
}

impl Error for HoldsNul {}

#[cfg(test)]
mod tests {
    use event_bus_core::event::Data;

    use super::*;

    fn event(data: &'static str) -> Event {
        Event::builder("1", "/source", "com.example.type")
            .time_text("2026-11-21T10:00:00.1234567+02:00")
            .extension("n", Value::Integer(7))
            .extension("partitionkey", "k")
            .datacontenttype("application/json")
            .data(Data::Json(Bytes::from_static(data.as_bytes())))
            .build()
            .unwrap()
    }

    fn value(source: &str, event: &Event) -> Result<Option<String>, DeliveryError> {
        let source = SourceConfig::of(source);
        let columns = [Column::parse("c", &source, Scope::Event).unwrap()];
        row(&columns, &Seen::of(&Whole::of(event))).map(|mut row| row.remove(0))
    }

    #[test]
    fn a_column_takes_what_its_source_names() {
        let event = event(
            r#"{"user":{"name":"Zoë","id":12345678901234567890123},"list":[{"x":true}],"none":null}"#,
        );
        for (source, expected) in [
            ("id", Some("1")),
            ("source", Some("/source")),
            ("type", Some("com.example.type")),
            ("subject", None),
            ("time", Some("2026-11-21T10:00:00.1234567+02:00")),
            ("time_utc", Some("2026-11-21 08:00:00.123456+00")),
            ("datacontenttype", Some("application/json")),
            ("dataschema", None),
            ("extensions", Some(r#"{"n":7,"partitionkey":"k"}"#)),
            ("extensions.n", Some("7")),
            ("extensions.gone", None),
            ("data_form", Some("json")),
            ("data_text", None),
            ("data_bytes", None),
            ("data.user.name", Some("Zoë")),
            ("data.user.id", Some("12345678901234567890123")),
            ("data.list.0", Some(r#"{"x":true}"#)),
            ("data.list.0.x", Some("true")),
            ("data.list.1", None),
            ("data.list.x", None),
            ("data.none", None),
            ("data.gone.deeper", None),
            ("{type}: {data.user.name}", Some("com.example.type: Zoë")),
        ] {
            assert_eq!(value(source, &event).unwrap().as_deref(), expected, "{source}");
        }
        let whole = value("event", &event).unwrap().unwrap();
        assert_eq!(Event::from_structured(whole.into()).unwrap(), event);
    }

    #[test]
    fn what_an_event_has_not_is_refused_with_an_example() {
        let parse =
            |name: &str, text: &str| Column::parse(name, &SourceConfig::of(text), Scope::Event);
        for source in [
            "",
            "Id",
            "data.",
            "data..x",
            "extensions.",
            "extensions.a.b",
            "user.name",
            "item.x",
            "index",
        ] {
            let problem = parse("c", source).unwrap_err();
            assert!(problem.contains("data.user.name"), "{problem}");
        }
        assert!(parse("c", "{data.x").is_err());
        assert!(parse("", "id").is_err());
    }

    #[test]
    fn a_text_with_nul_and_an_unfilled_template_are_unencodable() {
        let event = event(r#"{"a":"x\u0000y"}"#);
        for (source, words) in [
            ("data.a", "column `c` holds the character NUL"),
            ("{data.a}", "column `c` holds the character NUL"),
            ("{data.gone}", "`{data.gone}` cannot be filled"),
        ] {
            match value(source, &event) {
                Err(DeliveryError::Unencodable(cause)) => {
                    assert!(cause.to_string().contains(words), "{cause}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_time_that_postgres_cannot_read_is_null() {
        for (text, expected) in [
            ("0000-06-01T00:00:00Z", None),
            ("0001-01-01T00:00:00+01:00", None),
            ("9999-12-31T23:59:59.999999999Z", Some("9999-12-31 23:59:59.999999+00")),
            ("2016-12-31T23:59:60Z", Some("2016-12-31 23:59:59.999999+00")),
            ("2026-11-21t10:00:00z", Some("2026-11-21 10:00:00.000000+00")),
        ] {
            assert_eq!(time_utc(text).as_deref(), expected, "{text}");
        }
    }
}
