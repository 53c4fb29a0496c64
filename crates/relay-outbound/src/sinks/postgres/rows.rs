//! Events as rows: those of the shipped table, and those of a table of the user's own.

use std::collections::BTreeMap;

use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::{Data, Event, parse_time};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;

use crate::template::{Escape, InvalidTemplate, Template, View};

/// One row of the shipped table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub ce_source: String,
    pub ce_id: String,
    pub ce_type: String,
    pub ce_subject: Option<String>,
    pub ce_time: Option<String>,
    pub attributes: String,
    pub data: Option<String>,
    pub data_bytes: Option<Vec<u8>>,
}

/// What a column of an own table gets.
#[derive(Clone, Debug)]
pub(super) enum Column {
    /// The JSON value at a path; null where the event has none.
    Path(Vec<String>),
    /// A text.
    Text(Template),
}

impl Row {
    /// The row of an event. What jsonb cannot hold is kept as bytes.
    pub(super) fn of(event: &Event) -> Self {
        let mut attributes = serde_json::Map::new();
        for (name, value) in event.text_attributes() {
            attributes.insert(name.to_owned(), value.into_owned().into());
        }
        if let Some(media_type) = event.datacontenttype() {
            attributes.insert("datacontenttype".to_owned(), media_type.into());
        }
        let (data, data_bytes) = match event.data() {
            None => (None, None),
            Some(Data::Json(json)) if !escapes_nul(json) => {
                (Some(String::from_utf8_lossy(json).into_owned()), None)
            }
            Some(Data::Text(text)) if !text.contains('\0') => {
                (Some(Value::from(text.as_str()).to_string()), None)
            }
            Some(data @ (Data::Json(_) | Data::Text(_) | Data::Binary(_))) => {
                (None, Some(data.to_bytes().to_vec()))
            }
        };
        Self {
            ce_source: event.ce_source().to_owned(),
            ce_id: event.id().to_owned(),
            ce_type: event.kind().to_owned(),
            ce_subject: event.subject().map(str::to_owned),
            ce_time: event.time().and_then(timestamp),
            attributes: Value::Object(attributes).to_string(),
            data,
            data_bytes,
        }
    }
}

impl Column {
    /// Reads the value of a column in the settings.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        if text.contains('{') {
            return Ok(Self::Text(Template::parse(text, Escape::None)?));
        }
        Ok(Self::Path(text.split('.').map(str::to_owned).collect()))
    }

    fn value(&self, event: &Event, view: &View, whole: &Value) -> Result<Value, DeliveryError> {
        match self {
            Self::Text(template) => Ok(template.fill(view)?.into()),
            Self::Path(path) if path == &["event"] => {
                Ok(serde_json::from_slice(&event.to_structured()).unwrap_or_default())
            }
            Self::Path(path) => {
                let step = |value: Option<Value>, name: &String| match value? {
                    Value::Object(mut members) => members.remove(name),
                    Value::Array(mut items) => {
                        let index = name.parse().ok().filter(|index| *index < items.len())?;
                        Some(items.swap_remove(index))
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
                };
                let first = path.first().and_then(|name| whole.get(name)).cloned();
                Ok(path.iter().skip(1).fold(first, step).unwrap_or_default())
            }
        }
    }
}

/// The row of an own table, as a JSON object of its columns.
pub(super) fn own_row(
    columns: &BTreeMap<String, Column>,
    event: &Event,
) -> Result<Value, DeliveryError> {
    let view = View::of(event);
    let mut whole: serde_json::Map<_, _> = event
        .text_attributes()
        .map(|(name, value)| (name.to_owned(), Value::from(value.into_owned())))
        .collect();
    if let Some(media_type) = event.datacontenttype() {
        whole.insert("datacontenttype".to_owned(), media_type.into());
    }
    whole.insert("data".to_owned(), event.data().and_then(Data::to_value).unwrap_or_default());
    let whole = Value::Object(whole);
    let mut row = serde_json::Map::new();
    for (name, column) in columns {
        row.insert(name.clone(), column.value(event, &view, &whole)?);
    }
    Ok(Value::Object(row))
}

/// The time in a form that PostgreSQL has; it knows no year 0 and nothing below a microsecond.
fn timestamp(text: &str) -> Option<String> {
    let time = parse_time(text)?;
    (time.to_offset(time::UtcOffset::UTC).year() > 0).then(|| time.format(&Rfc3339).ok()).flatten()
}

/// Whether JSON text holds the escape of NUL, the one character that jsonb has no room for.
fn escapes_nul(json: &[u8]) -> bool {
    let mut rest = json.iter();
    while let Some(byte) = rest.next() {
        if *byte == b'\\' && rest.next() == Some(&b'u') && rest.as_slice().starts_with(b"0000") {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn event(data: Data) -> Event {
        Event::builder("1", "/s", "t").data(data).build().unwrap()
    }

    fn json(text: &'static str) -> Event {
        event(Data::Json(Bytes::from_static(text.as_bytes())))
    }

    #[test]
    fn only_a_real_nul_escape_keeps_json_out_of_jsonb() {
        for (text, is_jsonb) in [
            (r#"{"a":1}"#, true),
            (r#""\u0000""#, false),
            (r#""\\u0000""#, true),
            (r#""\\\u0000""#, false),
            (r#""\u00001""#, false),
            (r#""\u0001""#, true),
        ] {
            let row = Row::of(&json(text));
            assert_eq!(
                (row.data.is_some(), row.data_bytes.is_some()),
                (is_jsonb, !is_jsonb),
                "{text}"
            );
            let kept = row.data.map(String::into_bytes).or(row.data_bytes);
            assert_eq!(kept.as_deref(), Some(text.as_bytes()));
        }
    }

    #[test]
    fn text_is_a_json_string_and_what_is_no_text_is_bytes() {
        assert_eq!(
            Row::of(&event(Data::Text("a \"b\"".to_owned()))).data.as_deref(),
            Some(r#""a \"b\"""#)
        );
        assert_eq!(Row::of(&event(Data::Text("\0".to_owned()))).data_bytes, Some(vec![0]));
        assert_eq!(
            Row::of(&event(Data::Binary(Bytes::from_static(&[255])))).data_bytes,
            Some(vec![255])
        );
    }

    #[test]
    fn a_time_that_the_database_does_not_have_stays_in_the_attributes() {
        for (time, expected) in [
            ("2026-11-21T10:00:00.123456789+02:00", true),
            ("0000-01-01T00:00:00Z", false),
            ("9999-12-31T23:59:59Z", true),
        ] {
            let event = Event::builder("1", "/s", "t").time_text(time).build().unwrap();
            let row = Row::of(&event);
            assert_eq!(row.ce_time.is_some(), expected, "{time}");
            assert!(row.attributes.contains(time), "{}", row.attributes);
        }
    }

    #[test]
    fn own_columns_get_values_by_path_and_texts_by_template() {
        let columns = [
            ("key", "id"),
            ("number", "data.pr.number"),
            ("first", "data.list.0"),
            ("gone", "data.gone.deeper"),
            ("title", "#{data.pr.number}: {data.pr.title}"),
            ("whole", "data"),
        ];
        let columns = columns
            .map(|(name, value)| (name.to_owned(), Column::parse(value).unwrap()))
            .into_iter()
            .collect();
        let event = json(r#"{"pr":{"number":7,"title":"T"},"list":["a"]}"#);
        let row = own_row(&columns, &event).unwrap();
        let expected = serde_json::json!({
            "key": "1", "number": 7, "first": "a", "gone": null, "title": "#7: T",
            "whole": {"pr": {"number": 7, "title": "T"}, "list": ["a"]},
        });
        assert_eq!(row, expected);
    }
}
