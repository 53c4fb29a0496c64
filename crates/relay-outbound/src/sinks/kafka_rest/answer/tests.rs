use event_bus_core::Chain;
use event_bus_core::delivery::Disposition::{self, DeadLetter, Disable, Retry};

use super::*;

const AGAIN: Disposition = Retry { after: None };

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, retry_after: None, body: body.as_bytes().to_vec() }
}

/// What follows for each record; `None` is success. An error of the whole request stands alone.
fn outcomes(
    api: Api,
    status: u16,
    body: &str,
    count: usize,
) -> Result<Vec<Option<Disposition>>, Disposition> {
    let of = |result: Delivery| result.err().map(|error| error.disposition());
    let results = judge(api, &answer(status, body), count);
    results.map(|each| each.into_iter().map(of).collect()).map_err(|error| error.disposition())
}

#[test]
fn a_report_stands_for_its_own_record_alone() {
    let too_large =
        "The request included a message larger than the max message size the server will accept.";
    let strimzi = format!(
        r#"{{"offsets":[{{"partition":0,"offset":7}},{{"error_code":500,"message":"{too_large}"}},
            {{"error_code":404,"message":"This server does not host this topic-partition."}}]}}"#
    );
    let v2 = format!(
        r#"{{"offsets":[{{"partition":0,"offset":7,"error_code":null,"error":null}},
            {{"partition":null,"offset":null,"error_code":50002,"error":"{too_large}"}},
            {{"partition":null,"offset":null,"error_code":50003,"error":"Topic t not present in metadata after 60000 ms."}}],
            "key_schema_id":null,"value_schema_id":null}}"#
    );
    let v3 = format!(
        r#"{{"error_code":200,"cluster_id":"c","topic_name":"t","partition_id":0,"offset":7}}
            {{"error_code":50002,"message":"Kafka error: {too_large}"}}
            {{"error_code":40403,"message":"This server does not host this topic-partition."}}"#
    );
    for (api, body) in [(Api::Strimzi, strimzi), (Api::ConfluentV2, v2), (Api::ConfluentV3, v3)] {
        let expected = Ok(vec![None, Some(DeadLetter), Some(AGAIN)]);
        assert_eq!(outcomes(api, 200, &body, 3), expected, "{api:?}");
    }
}

#[test]
fn a_code_or_kafka_s_own_words_decide_about_a_record() {
    for (code, words, expected) in [
        (400, "Bad Request", DeadLetter),
        (40002, "Invalid", DeadLetter),
        (413, "", DeadLetter),
        (42206, "", DeadLetter),
        (401, "", AGAIN),
        (40101, "", AGAIN),
        (40301, "", AGAIN),
        (40401, "", AGAIN),
        (40403, "", AGAIN),
        (408, "", AGAIN),
        (429, "", AGAIN),
        (42901, "", AGAIN),
        (500, "", AGAIN),
        (50002, "", AGAIN),
        (50003, "", AGAIN),
        (50302, "", AGAIN),
        (0, "", AGAIN),
        (-1, "", AGAIN),
        (i64::MAX, "", AGAIN),
        (
            500,
            "The message is 1048716 bytes when serialized which is larger than 1048576, which is the value of the \
             max.request.size configuration.",
            DeadLetter,
        ),
        (
            50002,
            "This record has failed the validation on broker and hence will be rejected.",
            DeadLetter,
        ),
        (
            500,
            "Compacted topic cannot accept message without key in topic partition t-0.",
            DeadLetter,
        ),
        (500, "The timestamp of the message is out of acceptable range.", DeadLetter),
        // The record that shares a batch with a bad one is not bad, and a producer that gave up says nothing about records.
        (
            500,
            "Failed to append record because it was part of a batch which had one more more invalid records",
            AGAIN,
        ),
        (
            50002,
            "Cannot perform send because at least one previous transactional or idempotent request has failed with errors.",
            AGAIN,
        ),
    ] {
        let body = format!(r#"{{"offsets":[{{"error_code":{code},"message":"{words}"}}]}}"#);
        let expected = Ok(vec![Some(expected)]);
        assert_eq!(outcomes(Api::Strimzi, 200, &body, 1), expected, "{code} {words}");
        // A code that is not that of success never counts as one in v3 either.
        let body = format!(r#"{{"error_code":{code},"message":"{words}"}}"#);
        assert_eq!(outcomes(Api::ConfluentV3, 200, &body, 1), expected, "{code} {words}");
    }
}

#[test]
fn a_200_without_a_report_for_each_record_confirms_nothing() {
    let offset = r#"{"partition":0,"offset":1}"#;
    for api in [Api::Strimzi, Api::ConfluentV2] {
        for body in [
            String::new(),
            "ok".to_owned(),
            "<html>".to_owned(),
            r#"{"offsets":[]}"#.to_owned(),
            format!(r#"{{"offsets":[{offset}]}}"#),
            format!(r#"{{"offsets":[{offset},{offset},{offset}]}}"#),
            format!(r#"{{"offsets":[{offset},{offset}"#),
        ] {
            assert_eq!(outcomes(api, 200, &body, 2), Err(AGAIN), "{api:?} {body}");
        }
        let body = format!(r#"{{"offsets":[{offset},{{}}]}}"#);
        assert_eq!(outcomes(api, 200, &body, 2), Ok(vec![None, Some(AGAIN)]), "{api:?}");
        assert_eq!(outcomes(api, 204, "", 2), Err(AGAIN));
    }
    let fine = r#"{"error_code":200,"offset":1}"#;
    for body in ["", "ok", "<html>", "[]", &[fine; 3].join("\n")] {
        assert_eq!(outcomes(Api::ConfluentV3, 200, body, 2), Err(AGAIN), "{body}");
    }
    for rest in ["", "{\"error_", "{}", "<html>"] {
        let body = format!("{fine}\n{rest}");
        assert_eq!(
            outcomes(Api::ConfluentV3, 200, &body, 2),
            Ok(vec![None, Some(AGAIN)]),
            "{rest}"
        );
    }
}

#[test]
fn v2_says_401_or_403_and_still_reports_on_each_record() {
    let body =
        r#"{"offsets":[{"partition":0,"offset":1},{"error_code":40301,"error":"Not authorized"}]}"#;
    assert_eq!(outcomes(Api::ConfluentV2, 403, body, 2), Ok(vec![None, Some(AGAIN)]));
}

#[test]
fn a_refused_request_blames_a_record_only_in_the_api_s_own_words() {
    let own = r#"{"error_code":422,"message":"Validation error"}"#;
    for api in [Api::Strimzi, Api::ConfluentV2, Api::ConfluentV3] {
        for (status, body, expected) in [
            (400, own, DeadLetter),
            (400, "<html>", AGAIN),
            (422, own, DeadLetter),
            (422, "", AGAIN),
            (413, own, DeadLetter),
            (413, "<html>", DeadLetter),
            (401, own, AGAIN),
            (403, "", AGAIN),
            (410, "", Disable),
            (301, "", AGAIN),
            (404, own, AGAIN),
            (405, own, AGAIN),
            (415, own, AGAIN),
            (429, own, AGAIN),
            (500, own, AGAIN),
            (503, "", AGAIN),
        ] {
            assert_eq!(outcomes(api, status, body, 3), Err(expected), "{api:?} {status} {body}");
        }
    }
}

#[test]
fn what_was_sent_is_never_repeated() {
    let said = |status, body: &str| match judge(Api::Strimzi, &answer(status, body), 1) {
        Ok(mut results) => Chain(&results.remove(0).unwrap_err()).to_string(),
        Err(error) => Chain(&error).to_string(),
    };
    for (status, body) in [
        (503, r#"{"error_code":503,"message":"hush"}"#),
        (503, "hush"),
        (200, r#"{"offsets":[{"error_code":400,"message":"hush"}]}"#),
    ] {
        assert!(!said(status, body).contains("hush"), "{}", said(status, body));
    }
    let long =
        format!(r#"{{"offsets":[{{"error_code":500,"message":"\n{}"}}]}}"#, "x".repeat(5000));
    let said = said(200, &long);
    assert!(said.len() < 300 && !said.contains('\n'), "{said}");
}
