//! From the arguments of the command to the event.

use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use event_bus_core::event::{Data, Event, is_json_media_type, json};
use event_bus_runtime::Clock;
use uuid::Uuid;

use super::Arguments;
use crate::failure::Failure;

/// No event is larger.
const MAX_DATA: u64 = 64 * 1024 * 1024;

/// The event that the arguments describe, checked like one that comes in over HTTP.
pub(super) fn event(arguments: &Arguments) -> Result<Event, Failure> {
    let id = arguments.id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let mut event = Event::builder(id, arguments.source.as_str(), arguments.kind.as_str())
        .time(Clock::system().now());
    if let Some(subject) = &arguments.subject {
        event = event.subject(subject.as_str());
    }
    for (name, value) in &arguments.extension {
        event = event.extension(name.as_str(), value.as_str());
    }
    let (data, media_type) = typed(read_data(arguments)?, arguments.content_type.as_deref())?;
    if let Some(media_type) = media_type {
        event = event.datacontenttype(media_type);
    }
    if let Some(data) = data {
        event = event.data(data);
    }
    event.build().map_err(|invalid| Failure::usage(format!("not a valid CloudEvent: {invalid}")))
}

fn read_data(arguments: &Arguments) -> Result<Bytes, Failure> {
    match (&arguments.data, &arguments.data_file) {
        (Some(text), _) => Ok(Bytes::from(text.clone())),
        (None, Some(path)) => read_file(path),
        (None, None) => Ok(Bytes::new()),
    }
}

/// The content of a file, or of standard input for `-`.
pub(crate) fn read_file(path: &Path) -> Result<Bytes, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_DATA).read_to_end(&mut bytes)
    } else {
        let file = std::fs::File::open(path);
        file.and_then(|file| file.take(MAX_DATA).read_to_end(&mut bytes))
    };
    match read {
        Ok(_) => Ok(Bytes::from(bytes)),
        Err(error) => Err(Failure::usage(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// The data in the form that its media type asks for. A mistaken media type is an error, not a guess.
fn typed(body: Bytes, media_type: Option<&str>) -> Result<(Option<Data>, Option<String>), Failure> {
    match media_type {
        Some(media_type) if is_json_media_type(media_type) => {
            json::check(&body).map_err(|error| {
                Failure::usage(format!("the data is not {media_type}: {error}"))
            })?;
            Ok((Some(Data::Json(body)), Some(media_type.to_owned())))
        }
        Some(media_type) => {
            let data = Data::from_payload(Some(media_type), body);
            Ok((data, Some(media_type.to_owned())))
        }
        None if json::check(&body).is_ok() => {
            Ok((Some(Data::Json(body)), Some("application/json".to_owned())))
        }
        None => Ok(Data::from_body(Some("text/plain; charset=utf-8"), body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_of_data_is_found_out_or_checked() {
        for (body, given, expected) in [
            (r#"{"a":1}"#, None, Some(Some("application/json"))),
            ("hello", None, Some(Some("text/plain; charset=utf-8"))),
            ("", None, Some(None)),
            ("<a/>", Some("text/xml"), Some(Some("text/xml"))),
            ("{", Some("application/json"), None),
            ("", Some("application/json"), None),
            ("1e400", Some("application/vnd.x+json"), None),
        ] {
            let typed = typed(Bytes::from_static(body.as_bytes()), given);
            let media_type = typed.map(|(_, media_type)| media_type).ok();
            assert_eq!(
                media_type,
                expected.map(|text| text.map(str::to_owned)),
                "{body} {given:?}"
            );
        }
    }
}
