//! What Slack's answer means: a 200 with the body `ok` is success, errors are words in plain text.

use std::time::Duration;

use event_bus_core::delivery::{DeliveryError, Refusal};

use crate::sinks::Delivery;

/// Longest answer that is looked at.
pub(super) const MAX_ANSWER: usize = 4 * 1024;

/// Longest word that can be an error of Slack.
const MAX_WORD: usize = 64;

/// What the answer said. Only words of Slack's own are repeated: the page of a proxy may hold the URL.
#[derive(Debug, thiserror::Error)]
enum Said {
    #[error("slack answered {status}: {word}")]
    Word { status: u16, word: String },
    #[error("an answer that is not Slack's, with status {0}")]
    Foreign(u16),
}

/// Judges an answer. `body` is its beginning.
pub(super) fn judge(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Delivery {
    let word = word(body);
    if status == 200 && word == Some("ok") {
        return Ok(());
    }
    let is_slack = word.is_some();
    let said = match word {
        Some(word) => Said::Word { status, word: word.to_owned() },
        None => Said::Foreign(status),
    };
    if is_slack && is_refusal(status) {
        return Err(DeliveryError::Refused(Refusal::Constraint(said.into())));
    }
    let (code, status, cause) = (status, Some(status), Some(said.into()));
    Err(match code {
        401 => DeliveryError::Unauthorized { status, cause },
        // The hook, its channel or its workspace is gone or must not be posted to: that is so for every event.
        410 => DeliveryError::Gone { status, cause },
        403 | 404 if is_slack => DeliveryError::Gone { status, cause },
        403 => DeliveryError::Unauthorized { status, cause },
        _ => DeliveryError::Unavailable { status, retry_after, cause },
    })
}

/// Whether Slack means this very message by a status.
fn is_refusal(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 401 | 403 | 404 | 408 | 410 | 425 | 429)
}

/// The body as one word, if it is one.
fn word(body: &[u8]) -> Option<&str> {
    let word = std::str::from_utf8(body).ok()?.trim();
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (!word.is_empty() && word.len() <= MAX_WORD && word.bytes().all(is_word)).then_some(word)
}

#[cfg(test)]
mod tests {
    use event_bus_core::Chain;
    use event_bus_core::delivery::Disposition::{self, DeadLetter, Disable, Retry};

    use super::*;

    fn outcome(status: u16, body: &str) -> Option<Disposition> {
        let wait = (status == 429).then_some(Duration::from_secs(30));
        judge(status, wait, body.as_bytes()).err().map(|error| error.disposition())
    }

    #[test]
    fn every_documented_answer_has_its_fate() {
        let retry = Retry { after: None };
        for (status, body, expected) in [
            (200, "ok", None),
            (200, "ok\n", None),
            (200, "", Some(retry)),
            (200, "<html>ok</html>", Some(retry)),
            (200, "okay", Some(retry)),
            (201, "ok", Some(retry)),
            (400, "invalid_payload", Some(DeadLetter)),
            (400, "invalid_blocks", Some(DeadLetter)),
            (400, "no_text", Some(DeadLetter)),
            (400, "user_not_found", Some(DeadLetter)),
            (400, "too_many_attachments", Some(DeadLetter)),
            (413, "payload_too_large", Some(DeadLetter)),
            (403, "action_prohibited", Some(Disable)),
            (403, "invalid_token", Some(Disable)),
            (404, "channel_not_found", Some(Disable)),
            (404, "no_service", Some(Disable)),
            (404, "no_active_hooks", Some(Disable)),
            (404, "no_team", Some(Disable)),
            (410, "channel_is_archived", Some(Disable)),
            (429, "rate_limited", Some(Retry { after: Some(Duration::from_secs(30)) })),
            (429, "", Some(Retry { after: Some(Duration::from_secs(30)) })),
            (500, "rollup_error", Some(retry)),
            (503, "<html>", Some(retry)),
        ] {
            assert_eq!(outcome(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_answer_of_somebody_else_neither_disables_nor_condemns() {
        for status in [302, 400, 403, 404, 405, 407, 413, 451] {
            for body in ["", "<html>Not Found</html>", "Not Found", "{\"ok\": false}"] {
                assert_eq!(outcome(status, body), Some(Retry { after: None }), "{status} {body}");
            }
        }
    }

    #[test]
    fn only_a_word_of_slack_is_repeated() {
        let said = |body: &str| Chain(&judge(400, None, body.as_bytes()).unwrap_err()).to_string();
        assert!(said("invalid_blocks").ends_with("slack answered 400: invalid_blocks"));
        for body in ["no route to /services/T0/B0/secret", &"x".repeat(65)] {
            let said = said(body);
            assert!(said.ends_with("an answer that is not Slack's, with status 400"), "{said}");
        }
    }
}
