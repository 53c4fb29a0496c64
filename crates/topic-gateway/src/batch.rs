//! Several messages in one request: an array, or one message in each line.
//!
//! Each message is answered as it would be alone, under `results`; the answer as a whole has their status, or 207 where
//! they have different ones.

use std::collections::HashSet;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::answer::{self, Answer, Problem, Refusal};
use crate::json::{self, Limits, Value};
use crate::publish::unreadable;
use crate::reason::Reason;
use crate::store::Ended;

/// Media types of one message in each line.
const LINES: [&str; 2] = ["application/x-ndjson", "application/jsonl"];

/// Longest text, in bytes, about one of several messages: so many of them may be kept until all are answered.
const LONGEST_TEXT: usize = 1000;

/// The messages of a request; one that is no JSON is refused alone.
pub(crate) type Messages = Vec<Result<Value, Refusal>>;

/// What became of each message.
pub(crate) type Results = Vec<Result<Ended, Refusal>>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    success: bool,
    status_code: u16,
    #[serde(skip_serializing_if = "<[&Problem]>::is_empty")]
    errors: &'a [&'a Problem],
    results: Vec<Item<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    index: usize,
    success: bool,
    status_code: u16,
    #[serde(skip_serializing_if = "<[Problem]>::is_empty")]
    errors: &'a [Problem],
}

/// Whether each line of the body is a message.
pub(crate) fn has_lines(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    LINES.iter().any(|known| media_type.eq_ignore_ascii_case(known))
}

/// The message of each line; empty lines are none.
pub(crate) fn lines(body: &[u8], limits: Limits, most: usize) -> Result<Messages, Refusal> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).take(most + 1).collect();
    check_count(lines.len(), most)?;
    if lines.is_empty() {
        return Err(Refusal::because(Reason::NotJson, "Request body holds no message."));
    }
    let parse = |line: &[u8]| json::parse(line, limits).map_err(|error| unreadable(&error));
    Ok(lines.into_iter().map(parse).collect())
}

pub(crate) fn check_count(messages: usize, most: usize) -> Result<(), Refusal> {
    if messages <= most {
        return Ok(());
    }
    let message = format!("Request body holds more than {most} messages.");
    Err(Refusal::because(Reason::BatchTooLarge, message))
}

/// Whether each message is refused as one that does not fit.
pub(crate) fn none_fits<T>(results: &[Result<T, Refusal>]) -> bool {
    results.iter().all(|result| {
        result.as_ref().is_err_and(|refusal| refusal.status == StatusCode::BAD_REQUEST)
    })
}

/// Cuts long texts, which quote what was sent. Gives how many bytes all of them take.
pub(crate) fn shorten(results: &mut Results) -> usize {
    let refusals = results.iter_mut().filter_map(|result| result.as_mut().err());
    let texts =
        refusals.flat_map(|refusal| &mut refusal.problems).map(|problem| &mut problem.message);
    texts
        .map(|text| {
            if text.len() > LONGEST_TEXT {
                text.truncate(text.floor_char_boundary(LONGEST_TEXT));
                text.push('…');
                text.shrink_to_fit();
            }
            text.len()
        })
        .sum()
}

/// The answer to all messages. `as_one` is what an array hears that is taken for one message (section 6), if none of its
/// messages fits: those who send one by mistake hear the same as ever.
pub(crate) fn answer(results: &Results, as_one: Option<Refusal>) -> Answer {
    let mut statuses: Vec<_> = results.iter().map(status).collect();
    statuses.dedup();
    let status = match statuses.as_slice() {
        [status] => *status,
        _ => StatusCode::MULTI_STATUS,
    };
    let refusals: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    let whole = match status {
        StatusCode::BAD_REQUEST => as_one.map(|refusal| refusal.problems),
        StatusCode::MULTI_STATUS => Some(vec![Problem {
            kind: "batch",
            message: format!("{} of {} messages were not accepted.", refusals.len(), results.len()),
        }]),
        _ => None,
    };
    let mut seen = HashSet::new();
    let errors: Vec<_> = match &whole {
        Some(problems) => problems.iter().collect(),
        None => refusals
            .iter()
            .flat_map(|refusal| &refusal.problems)
            .filter(|problem| seen.insert(*problem))
            .collect(),
    };
    let items = results.iter().enumerate().map(|(index, result)| Item {
        index,
        success: result.is_ok(),
        status_code: self::status(result).as_u16(),
        errors: result.as_ref().err().map_or(&[], |refusal| &refusal.problems),
    });
    let body = Body {
        success: refusals.is_empty(),
        status_code: status.as_u16(),
        errors: &errors,
        results: items.collect(),
    };
    let mut answer = answer::json(status, &body);
    if let Some(seconds) = refusals.iter().filter_map(|refusal| refusal.retry_after).max() {
        answer.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

fn status(result: &Result<Ended, Refusal>) -> StatusCode {
    result.as_ref().err().map_or(StatusCode::ACCEPTED, |refusal| refusal.status)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::json;

    use super::*;

    fn refusal(status: u16, message: &str) -> Refusal {
        Refusal::new(StatusCode::from_u16(status).unwrap(), "validation", message)
    }

    async fn body(answer: Answer) -> (u16, serde_json::Value) {
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn messages_that_fare_alike_have_one_status_and_others_207() {
        let accepted = |index: u8| json!({ "index": index, "success": true, "statusCode": 202 });
        let refused = |index: u8, status: u16, message: &str| {
            let errors = [json!({ "type": "validation", "message": message })];
            json!({ "index": index, "success": false, "statusCode": status, "errors": errors })
        };
        assert_eq!(
            body(answer(&vec![Ok(Ended::Accepted), Ok(Ended::Accepted)], None)).await,
            (
                202,
                json!({ "success": true, "statusCode": 202, "results": [accepted(0), accepted(1)] })
            )
        );
        let mixed = vec![
            Ok(Ended::Accepted),
            Err(refusal(400, "a")),
            Err(refusal(503, "b").retry_after(5)),
        ];
        let answer = answer(&mixed, None);
        assert_eq!(answer.headers()["retry-after"], "5");
        let errors = [json!({ "type": "batch", "message": "2 of 3 messages were not accepted." })];
        assert_eq!(
            body(answer).await,
            (
                207,
                json!({ "success": false, "statusCode": 207, "errors": errors,
                    "results": [accepted(0), refused(1, 400, "a"), refused(2, 503, "b")] })
            )
        );
    }

    #[tokio::test]
    async fn an_array_that_is_refused_hears_what_one_message_would() {
        let refused =
            || vec![Err(refusal(400, "a")), Err(refusal(400, "a")), Err(refusal(400, "b"))];
        let errors = async |as_one: Option<Refusal>| {
            body(answer(&refused(), as_one)).await.1["errors"].take()
        };
        let problem = |message: &str| json!({ "type": "validation", "message": message });
        assert_eq!(errors(None).await, json!([problem("a"), problem("b")]));
        let as_one = refusal(400, "[{}] is not of type 'object'");
        assert_eq!(errors(Some(as_one)).await, json!([problem("[{}] is not of type 'object'")]));
    }

    #[test]
    fn lines_are_messages() {
        let lines = |text: &str, most| {
            let lines = lines(text.as_bytes(), Limits::default(), most);
            lines.map(|lines| lines.iter().map(Result::is_ok).collect::<Vec<_>>())
        };
        assert_eq!(lines("{}\r\n\n  \n[1]\n{\n", 3), Ok(vec![true, true, false]));
        assert_eq!(lines("1\n2\n3", 2).unwrap_err().status, 413);
        assert_eq!(lines(" \n", 2).unwrap_err().status, 400);
        for (value, expected) in [
            ("application/x-ndjson", true),
            ("Application/JSONL; charset=utf-8", true),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(has_lines(&headers), expected, "{value}");
        }
        assert!(!has_lines(&HeaderMap::new()));
    }
}
