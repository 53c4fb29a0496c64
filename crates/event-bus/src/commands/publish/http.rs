//! The way through an inbound: `POST /events`, repeated under the same id until it is stored or the time is over.

use std::path::Path;
use std::time::Duration;

use ::http::HeaderValue;
use ::http::header::{AUTHORIZATION, RETRY_AFTER};
use event_bus_core::event::{Event, http};
use event_bus_runtime::Secret;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::{Published, read_file};
use crate::commands::client;
use crate::failure::Failure;
use crate::output::printable;

/// The pause before the event is sent again, where the inbound asks for none.
const PAUSE: Duration = Duration::from_secs(1);

/// The token in a file, without the white space around it.
pub(super) fn read_token(path: &Path) -> Result<Secret, Failure> {
    let bytes = read_file(path)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    match text.is_empty() {
        true => Err(Failure::usage(format!("{} holds no token", path.display()))),
        false => Ok(Secret::new(text)),
    }
}

/// Sends the event until the inbound has stored it.
pub(super) async fn send(
    event: &Event,
    url: &Url,
    token: Option<&Secret>,
    within: Duration,
) -> Result<Published, Failure> {
    let deadline = Instant::now() + within;
    let client = client::new()?;
    let (mut headers, body) = http::encode_structured(event);
    if let Some(token) = token {
        headers.insert(AUTHORIZATION, bearer(token)?);
    }
    loop {
        let request = client.post(url.clone()).headers(headers.clone()).body(body.clone());
        let (pause, failure) = match timeout_at(deadline, request.send()).await {
            Err(_) => return Err(late(url)),
            Ok(Err(error)) => (PAUSE, client::unreachable(url, error)),
            Ok(Ok(response)) => {
                let pause = retry_after(response.headers());
                let read = timeout_at(deadline, client::read(response)).await;
                let (status, answer) = read.map_err(|_| late(url))??;
                match judge(status, answer)? {
                    Answer::Stored(published) => return Ok(published),
                    Answer::Later(failure) => (pause, failure),
                }
            }
        };
        if Instant::now() + pause >= deadline {
            return Err(failure);
        }
        sleep(pause).await;
    }
}

#[derive(Debug)]
enum Answer {
    Stored(Published),
    Later(Failure),
}

/// What an answer means. What sending it again cannot mend is misuse.
fn judge(status: u16, answer: Value) -> Result<Answer, Failure> {
    let text = printable(&describe(&answer));
    match status {
        200..=299 => serde_json::from_value(answer).map(Answer::Stored).map_err(|_| {
            Failure::failed(format!("the answer {status} is not that of an inbound: {text}"))
        }),
        408 | 425 | 429 | 500.. => {
            Ok(Answer::Later(Failure::failed(format!("the inbound answers {status}: {text}"))))
        }
        _ => Err(Failure::usage(format!("the inbound refuses the event with {status}: {text}"))),
    }
}

/// The words of a problem document, or the beginning of whatever else it is.
fn describe(answer: &Value) -> String {
    let word = |name: &str| answer.get(name).and_then(Value::as_str);
    match (word("title"), word("detail")) {
        (Some(title), Some(detail)) => format!("{title}: {detail}"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => answer.to_string().chars().take(200).collect(),
    }
}

fn retry_after(headers: &::http::HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map_or(PAUSE, Duration::from_secs).max(PAUSE)
}

fn bearer(token: &Secret) -> Result<HeaderValue, Failure> {
    let value = HeaderValue::from_bytes(&[b"Bearer ", token.expose()].concat());
    let mut value = value.map_err(|_| Failure::usage("the token cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn late(url: &Url) -> Failure {
    let at = &url[..url::Position::AfterPath];
    Failure::failed(format!("{at} did not answer in time"))
}
