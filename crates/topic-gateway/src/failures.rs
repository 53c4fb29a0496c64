//! What a producer is told of the destinations that do not have its event.

use std::time::Duration;

use event_bus_core::wire::receipt::{Outcome, Receipt};

use crate::answer::Problem;
use crate::outcomes::Known;
use crate::profile::Profile;
use crate::topic::Destination;

/// What becomes of an event of which nothing was heard: the destination may have it.
const UNKNOWN: &str = "the event is kept; whether the destination has it is not known yet";

/// `waited` is how long it was waited for, if it was. One entry for each destination that does not have the event, in their order.
pub(crate) fn problems(
    destinations: &[Destination],
    known: &[Known],
    waited: Option<Duration>,
    profile: Profile,
) -> Vec<Problem> {
    let failed = destinations.iter().zip(known).filter_map(|(destination, known)| {
        let (detail, fate) = match known {
            Known::Receipt(receipt) if receipt.is_good() => return None,
            Known::Receipt(receipt) => (detail(receipt), fate(receipt.outcome)),
            Known::Held(reason) => (reason.clone(), fate(Outcome::Waiting)),
            Known::Nothing => {
                let detail = match waited {
                    Some(waited) => format!("no confirmation within {} s", waited.as_secs()),
                    None => "too many requests wait for a confirmation".to_owned(),
                };
                (detail, UNKNOWN)
            }
        };
        let message = format!("{}; {fate}", worded(destination.kind, &detail, profile));
        Some(Problem { kind: destination.kind, message })
    });
    failed.collect()
}

fn detail(receipt: &Receipt) -> String {
    match (receipt.detail.as_str(), receipt.status) {
        ("", Some(status)) => format!("answered {status}"),
        ("", None) => "not delivered".to_owned(),
        (detail, _) => detail.to_owned(),
    }
}

/// What becomes of the event: it is never lost.
fn fate(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered | Outcome::Filtered => "nothing follows",
        Outcome::Waiting => "the event is kept and delivered once the destination is back",
        Outcome::Retrying => "the event is kept and tried again",
        Outcome::DeadLettered => "the event is kept as a dead letter",
    }
}

/// In the words of the contract (sections 7 to 9).
fn worded(kind: &str, detail: &str, profile: Profile) -> String {
    match (kind, profile) {
        ("kafka", _) => format!("Kafka writer failed: {detail}"),
        ("postgres", Profile::Head) => {
            format!("The Postgres writer failed with unknown error: {detail}")
        }
        ("postgres", Profile::Seed) => {
            format!("The Postgres writer with failed unknown error: {detail}")
        }
        ("eventbridge", _) => eventbridge(detail),
        _ => detail.to_owned(),
    }
}

/// An answer of AWS stands at the end of the detail as `<code>: <message>`.
fn eventbridge(detail: &str) -> String {
    let answer = detail.rsplit_once("now: ").map_or(detail, |(_, answer)| answer);
    match answer.split_once(": ") {
        Some((code, message)) if code.ends_with("Exception") => {
            format!("An error occurred ({code}) when calling the PutEvents operation: {message}")
        }
        Some((code, message)) if !code.contains(' ') => {
            let entry = serde_json::json!({ "ErrorCode": code, "ErrorMessage": message });
            format!("1 EventBridge entries failed: [{entry}]")
        }
        Some(_) | None => detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_aws_are_worded_as_its_client_words_them() {
        for (detail, expected) in [
            (
                "destination cannot take the event now: InternalFailure: no",
                r#"1 EventBridge entries failed: [{"ErrorCode":"InternalFailure","ErrorMessage":"no"}]"#,
            ),
            (
                "destination cannot take the event now: ResourceNotFoundException: Event bus x does not exist.",
                "An error occurred (ResourceNotFoundException) when calling the PutEvents operation: Event bus x does not exist.",
            ),
            ("no connection", "no connection"),
        ] {
            assert_eq!(eventbridge(detail), expected);
        }
    }

    #[test]
    fn each_failed_destination_is_named_in_order_with_what_follows() {
        let destinations: Vec<_> = ["kafka", "eventbridge", "postgres"]
            .into_iter()
            .map(|kind| Destination { kind, route: kind.to_owned() })
            .collect();
        let known = [
            Known::Receipt(Receipt::failed(Outcome::Retrying, Some(503), "queue full")),
            Known::Receipt(Receipt::done(Outcome::Delivered)),
            Known::Nothing,
        ];
        let found = problems(&destinations, &known, Some(Duration::from_secs(7)), Profile::Head);
        let text: Vec<_> = found.iter().map(|each| (each.kind, each.message.as_str())).collect();
        assert_eq!(
            text,
            [
                ("kafka", "Kafka writer failed: queue full; the event is kept and tried again"),
                (
                    "postgres",
                    "The Postgres writer failed with unknown error: no confirmation within 7 s; the event is kept; whether the destination has it is not known yet"
                ),
            ]
        );
    }
}
