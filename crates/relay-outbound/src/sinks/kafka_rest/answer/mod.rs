//! What an answer means for each record. A 200 alone confirms nothing: each record has a report of its own inside.

use std::time::Duration;

use event_bus_core::delivery::{BoxError, DeliveryError, Refusal};
use serde::Deserialize;

use super::Api;
use crate::sinks::Delivery;

/// Most characters of Kafka's own words that are repeated.
const MAX_WORDS: usize = 200;

/// What Kafka's clients and brokers say when a record itself is at fault. The bridges pass these words on with a code that
/// also stands for faults of the brokers, so only the words tell that trying again is senseless.
const AT_FAULT: [&str; 8] = [
    "bytes when serialized which is larger than",
    "larger than the max message size",
    "larger than the configured segment size",
    "has failed the validation on",
    "is rejected by the record interceptor",
    "out of acceptable range",
    "Compacted topic cannot accept message without key",
    "on an invalid topic",
];

/// An answer as far as it matters.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

/// What an answer said. Of a whole request only the code is repeated: the words may hold a piece of what was sent.
#[derive(Debug, thiserror::Error)]
enum Said {
    #[error("the API answered {status}, error {code}")]
    Problem { status: u16, code: i64 },
    #[error("an answer that is not of this API, with status {0}")]
    Foreign(u16),
    #[error("error {code} of the record")]
    Code { code: i64 },
    #[error("error {code} of the record: {words}")]
    Words { code: i64, words: String },
    #[error("the answer says nothing about this record")]
    Nothing,
}

/// The error of a whole request.
#[derive(Deserialize)]
struct Problem {
    error_code: i64,
}

/// The answer of Strimzi's bridge and of v2, in the order of the records.
#[derive(Deserialize)]
struct Offsets {
    offsets: Vec<Report>,
}

/// What became of one record. The words are `message` at Strimzi and in v3, `error` in v2.
#[derive(Deserialize)]
struct Report {
    offset: Option<i64>,
    error_code: Option<i64>,
    message: Option<String>,
    error: Option<String>,
}

/// Judges the answer to a request with `count` records: one result for each, or an error for all of them.
pub(super) fn judge(
    api: Api,
    answer: &Answer,
    count: usize,
) -> Result<Vec<Delivery>, DeliveryError> {
    let Answer { status, retry_after, ref body } = *answer;
    if let Some(results) = reports(api, status, body, count) {
        return Ok(results);
    }
    let problem = serde_json::from_slice::<Problem>(body).ok();
    let is_own = problem.is_some();
    let said = match problem {
        Some(Problem { error_code: code }) => Said::Problem { status, code },
        None => Said::Foreign(status),
    };
    let (code, status, cause) = (status, Some(status), Some(said.into()));
    Err(match code {
        413 => DeliveryError::Refused(Refusal::Status(code)),
        400 | 422 if is_own => DeliveryError::Refused(Refusal::Status(code)),
        401 | 403 => DeliveryError::Unauthorized { status, cause },
        410 => DeliveryError::Gone { status, cause },
        // What is left says that the bridge is busy, or that the request went to a wrong place. No record is to blame.
        _ => DeliveryError::Unavailable { status, retry_after, cause },
    })
}

fn reports(api: Api, status: u16, body: &[u8], count: usize) -> Option<Vec<Delivery>> {
    match (api, status) {
        // V2 answers so if Kafka refused the credentials for some of the records, and has reports all the same.
        (Api::Strimzi | Api::ConfluentV2, 200 | 401 | 403) => {
            let Offsets { offsets } = serde_json::from_slice(body).ok()?;
            (offsets.len() == count).then(|| offsets.iter().map(v2_result).collect())
        }
        (Api::ConfluentV3, 200) => {
            let found = serde_json::Deserializer::from_slice(body).into_iter::<Report>();
            let mut results: Vec<_> = found.map_while(Result::ok).map(v3_result).collect();
            let is_of_this_api = (1..=count).contains(&results.len());
            results.resize_with(count, || Err(unavailable(Said::Nothing)));
            is_of_this_api.then_some(results)
        }
        (Api::Strimzi | Api::ConfluentV2 | Api::ConfluentV3, _) => None,
    }
}

fn v2_result(report: &Report) -> Delivery {
    match (report.error_code, report.offset) {
        (Some(code), _) => Err(verdict(code, report)),
        (None, Some(_)) => Ok(()),
        (None, None) => Err(unavailable(Said::Nothing)),
    }
}

fn v3_result(report: Report) -> Delivery {
    match report.error_code {
        Some(200) => Ok(()),
        Some(code) => Err(verdict(code, &report)),
        None => Err(unavailable(Said::Nothing)),
    }
}

/// The verdict on a record that was not taken. A code is a status of HTTP, or one with two digits of detail.
fn verdict(code: i64, report: &Report) -> DeliveryError {
    let words = report.message.as_deref().or(report.error.as_deref()).unwrap_or_default();
    let status = if code >= 10_000 { code / 100 } else { code };
    let is_refused = matches!(status, 400 | 413 | 422);
    let said = if is_refused || words.is_empty() {
        Said::Code { code }
    } else {
        Said::Words { code, words: one_line(words) }
    };
    match status {
        401 | 403 => DeliveryError::Unauthorized { status: None, cause: Some(said.into()) },
        _ if is_refused || AT_FAULT.iter().any(|fault| words.contains(fault)) => {
            DeliveryError::Refused(Refusal::Constraint(said.into()))
        }
        _ => unavailable(said),
    }
}

fn unavailable(said: Said) -> DeliveryError {
    let cause: BoxError = said.into();
    DeliveryError::Unavailable { status: None, retry_after: None, cause: Some(cause) }
}

fn one_line(words: &str) -> String {
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    words.chars().take(MAX_WORDS).map(printable).collect()
}

#[cfg(test)]
mod tests;
