use proptest::prelude::*;

use super::*;
use crate::signature::{HmacScheme, TokenScheme};

const SIGNED: [(Scheme, &str); 5] = [
    (Scheme::Github, "x-hub-signature-256"),
    (Scheme::Slack, "x-slack-signature"),
    (Scheme::Stripe, "stripe-signature"),
    (Scheme::Linear, "linear-signature"),
    (Scheme::StandardWebhooks, "webhook-signature"),
];

/// Headers that any scheme looks at.
const HEADERS: [&str; 16] = [
    "authorization",
    "content-type",
    "linear-delivery",
    "linear-signature",
    "stripe-signature",
    "svix-id",
    "svix-signature",
    "svix-timestamp",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-github-delivery",
    "x-github-event",
    "x-hub-signature-256",
    "x-slack-request-timestamp",
    "x-slack-signature",
];

fn every_scheme() -> Vec<Verifier> {
    let header = HeaderName::from_static("x-hub-signature-256");
    let token = TokenScheme {
        header: Some(http::header::AUTHORIZATION),
        query_param: Some("t".to_owned()),
    };
    let mut verifiers: Vec<Verifier> =
        SIGNED.iter().map(|(scheme, _)| verifier(scheme.clone())).collect();
    verifiers.push(verifier(Scheme::Hmac(HmacScheme::new(header))));
    verifiers.push(verifier(Scheme::Token(token)));
    verifiers.push(Verifier::new(Scheme::Basic, vec![secret("user:password")], None).unwrap());
    verifiers.push(Verifier::new(Scheme::Unsigned, vec![], None).unwrap());
    verifiers
}

fn signed_sample(scheme: &Scheme, text: &str) -> Sample {
    let body =
        serde_json::json!({ "id": "e1", "text": text, "webhookTimestamp": NOW * 1000 }).to_string();
    let sample = Sample::json(&body);
    match scheme {
        Scheme::Github => sample.github("push"),
        Scheme::Slack => sample.slack(),
        Scheme::Stripe => sample.stripe(),
        Scheme::Linear => sample.linear(),
        Scheme::StandardWebhooks => sample.standard_webhooks(),
        Scheme::Hmac(_) | Scheme::Token(_) | Scheme::Basic | Scheme::Unsigned => {
            panic!("not in the table")
        }
    }
}

fn flip(bytes: &[u8], bit: prop::sample::Index) -> Vec<u8> {
    let bit = bit.index(bytes.len() * 8);
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

proptest! {
    #[test]
    fn one_flipped_bit_of_the_body_is_refused(text in ".{0,40}", bit in any::<prop::sample::Index>()) {
        for (scheme, _) in SIGNED {
            let sample = signed_sample(&scheme, &text);
            let verifier = verifier(scheme);
            prop_assert_eq!(sample.refusal(&verifier), None);
            let changed = Sample { body: flip(&sample.body, bit).into(), ..sample };
            prop_assert_eq!(changed.refusal(&verifier), Some(Rejection::SignatureMismatch));
        }
    }

    #[test]
    fn one_flipped_bit_of_the_signature_is_refused(text in ".{0,40}", bit in any::<prop::sample::Index>()) {
        for (scheme, header) in SIGNED {
            let sample = signed_sample(&scheme, &text);
            let verifier = verifier(scheme);
            let changed = flip(sample.headers[header].as_bytes(), bit);
            // A control character is no header value and never arrives.
            if HeaderValue::from_bytes(&changed).is_ok() {
                prop_assert!(sample.with(header, &changed).refusal(&verifier).is_some(), "{:?}", changed);
            }
        }
    }

    #[test]
    fn arbitrary_requests_are_answered_and_never_panic(
        headers in prop::collection::vec((prop::sample::select(&HEADERS[..]), "[ -~\t\u{80}-\u{ff}]{0,80}"), 0..12),
        query in "[ -~]{0,60}",
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut sample = Sample::new(body).at_url(&format!("https://h/?{query}"));
        for (name, value) in headers {
            sample.headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        for verifier in every_scheme() {
            if let Ok(Outcome::Verified(verified)) = sample.verify(&verifier) {
                prop_assert!(matches!(verifier.scheme(), Scheme::Unsigned), "{:?}", verifier);
                prop_assert!(verifier.describe(&verified, "source").is_ok());
            }
        }
    }

    #[test]
    fn a_signed_body_of_any_content_is_described_as_a_valid_event(
        members in prop::collection::vec((prop::sample::select(&MEMBERS[..]), prop::sample::select(&VALUES[..])), 0..10),
        event in prop::sample::select(&["push", "star", "issues", "installation", "status", "marketplace_purchase", "unheard_of"][..]),
    ) {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let body = format!("{{{}}}", members.join(","));
        for (scheme, sample) in [
            (Scheme::Github, Sample::json(&body).github(event)),
            (Scheme::Slack, Sample::json(&body).slack()),
            (Scheme::Stripe, Sample::json(&body).stripe()),
            (Scheme::StandardWebhooks, Sample::json(&body).standard_webhooks()),
        ] {
            let verifier = verifier(scheme);
            let Ok(Outcome::Verified(verified)) = sample.verify(&verifier) else { continue };
            let Ok(description) = verifier.describe(&verified, "source") else { continue };
            let mut event = crate::event::Event::builder(description.id, description.ce_source, description.kind);
            if let Some(subject) = description.subject {
                event = event.subject(subject);
            }
            if let Some(time) = description.time {
                event = event.time(time);
            }
            prop_assert!(event.build().is_ok(), "{}", body);
        }
    }
}

/// Members that some description reads.
const MEMBERS: [&str; 18] = [
    "id",
    "type",
    "event",
    "event_id",
    "event_time",
    "action",
    "created",
    "account",
    "livemode",
    "sender",
    "ref",
    "repository",
    "organization",
    "installation",
    "starred_at",
    "timestamp",
    "team_id",
    "channel",
];

/// Values that no honest sender sends.
const VALUES: [&str; 18] = [
    "null",
    "true",
    "1",
    "-1",
    "1e400",
    "9223372036854775807",
    "99999999999999999999",
    "\"\"",
    "\"\\u0000\"",
    "\"a b\"",
    "\"\\ufffe\"",
    "\"é\"",
    "\"9999-12-31T23:59:59-23:59\"",
    "\"0000-01-01T00:00:00+23:59\"",
    "{\"url\":\"http://[bad\",\"id\":\"\\u0001\",\"updated_at\":-999999999999}",
    "{\"url\":\"%zz %\",\"id\":[]}",
    "{\"url\":{},\"type\":\"..\",\"account\":{\"url\":\"://\"}}",
    "[[[]]]",
];
