//! Form-encoded bodies (`application/x-www-form-urlencoded`) and query strings.
//!
//! GitHub and Slack put JSON into the field `payload`; Slack's slash commands are plain fields.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::fields::Fields;

/// Whether a media type is that of a form.
pub(super) fn is_form(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The decoded names and values, in order. Bytes, because nothing promises that they are text.
pub(super) fn pairs(form: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
    form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        (decode(name), decode(value))
    })
}

/// The JSON that a form carries: its field `payload` if that is a JSON object, else an object of its fields.
/// `None` for a body that is no form.
pub(super) fn json(content_type: Option<&str>, body: &[u8]) -> Option<Bytes> {
    if !is_form(content_type) {
        return None;
    }
    let payload = value(body, "payload").filter(|payload| Fields::parse(payload).is_some());
    payload.or_else(|| fields(body)).map(Bytes::from)
}

/// The first value of a name.
fn value(form: &[u8], name: &str) -> Option<Vec<u8>> {
    pairs(form).find_map(|(key, value)| (key == name.as_bytes()).then_some(value))
}

/// An object of strings; a name that stands more than once becomes an array of its values.
/// `None` if a part is not UTF-8: such a body is better kept as it is.
fn fields(form: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Map::new();
    for (name, value) in pairs(form) {
        let name = String::from_utf8(name).ok()?;
        let value = Value::String(String::from_utf8(value).ok()?);
        match fields.get_mut(&name) {
            None => {
                fields.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(single) => *single = Value::Array(vec![single.take(), value]),
        }
    }
    serde_json::to_vec(&Value::Object(fields)).ok()
}

fn decode(text: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> =
        text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::from(percent_decode(&blanks)).into_owned()
}
