use std::time::Duration;

use super::*;
use crate::signature::Rejection::{
    DuplicateHeader, MalformedBody, MalformedEvent, MalformedId, MalformedSignature, MissingEvent,
    MissingId, MissingSignature, NoSupportedScheme, SignatureMismatch, TimestampInFuture,
    TimestampInvalid, TimestampMissing, TimestampTooOld, TooManySignatures,
};

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn github_refuses_what_it_must() {
    let verifier = verifier(Scheme::Github);
    let sound = Sample::json("{}").github("push");
    let upper = sign::github(&secret("s3cret"), b"{}").to_uppercase().replace("SHA256=", "sha256=");
    let long = "d".repeat(513);
    for (sample, expected) in [
        (sound.clone(), None),
        (sound.clone().without("x-hub-signature-256"), Some(MissingSignature)),
        (sound.clone().with("x-hub-signature-256", ""), Some(MissingSignature)),
        (
            sound.clone().with("x-hub-signature-256", format!("sha256={ZEROS}")),
            Some(SignatureMismatch),
        ),
        (sound.clone().with("x-hub-signature-256", ZEROS), Some(MalformedSignature)),
        (sound.clone().with("x-hub-signature-256", upper), Some(MalformedSignature)),
        (sound.clone().with("x-hub-signature-256", b"sha256=\xff"), Some(MalformedSignature)),
        (sound.clone().and("x-hub-signature-256", "sha256="), Some(DuplicateHeader)),
        (sound.clone().without("x-github-delivery"), Some(MissingId)),
        (sound.clone().and("x-github-delivery", "d2"), Some(DuplicateHeader)),
        (sound.clone().with("x-github-delivery", &long[..512]), None),
        (sound.clone().with("x-github-delivery", &long), Some(MalformedId)),
        (sound.clone().with("x-github-delivery", "a\tb"), Some(MalformedId)),
        (sound.clone().without("x-github-event"), Some(MissingEvent)),
        (sound.clone().with("x-github-event", "push.>"), Some(MalformedEvent)),
        (sound.clone().with("x-github-event", "e".repeat(65)), Some(MalformedEvent)),
    ] {
        assert_eq!(sample.refusal(&verifier), expected, "{:?}", sample.headers);
    }
}

#[test]
fn slack_refuses_stale_and_odd_timestamps() {
    let verifier = verifier(Scheme::Slack);
    for (stamp, expected) in [
        ((NOW - 300).to_string(), None),
        ((NOW - 301).to_string(), Some(TimestampTooOld)),
        ((NOW + 300).to_string(), None),
        ((NOW + 301).to_string(), Some(TimestampInFuture)),
        (format!("0{NOW}"), Some(SignatureMismatch)),
        (format!("+{NOW}"), Some(TimestampInvalid)),
        (format!("-{NOW}"), Some(TimestampInvalid)),
        (format!("{NOW}.5"), Some(TimestampInvalid)),
        (format!("{NOW} "), Some(TimestampInvalid)),
        (format!("{NOW}000"), Some(TimestampInFuture)),
        ("9".repeat(30), Some(TimestampInvalid)),
        ("0x69".to_owned(), Some(TimestampInvalid)),
        (String::new(), Some(TimestampMissing)),
    ] {
        let signature = match stamp.parse() {
            Ok(seconds) => sign::slack(&secret("s3cret"), seconds, b"{}"),
            Err(_) => format!("v0={ZEROS}"),
        };
        let sample = Sample::json("{}")
            .with("x-slack-signature", signature)
            .with("x-slack-request-timestamp", &stamp);
        assert_eq!(sample.refusal(&verifier), expected, "{stamp:?}");
    }
    let sample = Sample::json("{}").slack();
    assert_eq!(
        sample.clone().without("x-slack-request-timestamp").refusal(&verifier),
        Some(TimestampMissing)
    );
    assert_eq!(
        sample.and("x-slack-request-timestamp", "1").refusal(&verifier),
        Some(DuplicateHeader)
    );
}

#[test]
fn slack_asks_about_the_endpoint_and_is_answered() {
    let verifier = verifier(Scheme::Slack);
    let question = Sample::json(r#"{"type":"url_verification","challenge":"a\"b","token":"t"}"#);
    let answer = question.clone().slack().handshake(&verifier).unwrap();
    assert_eq!((answer.name, answer.status), ("url_verification", 200));
    assert_eq!(answer.body, br#"{"challenge":"a\"b"}"#);
    assert_eq!(question.refusal(&verifier), Some(MissingSignature));

    let no_challenge = Sample::json(r#"{"type":"url_verification","challenge":1}"#).slack();
    assert_eq!(no_challenge.refusal(&verifier), Some(MalformedBody));

    let ssl_check = Sample::form("token=t&ssl_check=1").handshake(&verifier).unwrap();
    assert_eq!((ssl_check.name, ssl_check.status, ssl_check.body), ("ssl_check", 200, Vec::new()));
    for no_check in [
        Sample::form("text=ssl_check%3D1"),
        Sample::form("ssl_check=11"),
        Sample::json("&ssl_check=1&"),
    ] {
        assert_eq!(no_check.refusal(&verifier), Some(MissingSignature), "{no_check:?}");
    }
}

#[test]
fn stripe_reads_its_header_tolerantly_and_never_trusts_v0() {
    let verifier = verifier(Scheme::Stripe);
    let header = sign::stripe(&secret("s3cret"), NOW, b"{}");
    let (stamp, v1) = header.split_once(',').unwrap();
    let many = format!("v1={ZEROS},").repeat(16);
    for (header, expected) in [
        (header.clone(), None),
        (format!("{v1},{stamp}"), None),
        (format!("{stamp},v1={ZEROS},{v1},v1=bad"), None),
        (format!("{stamp},scheme=x,{v1},"), None),
        (header.replace("v1", "v0"), Some(NoSupportedScheme)),
        (header.replace("v1", " v1"), Some(NoSupportedScheme)),
        (format!("{stamp},{v1},{stamp}"), Some(MalformedSignature)),
        (v1.to_owned(), Some(MalformedSignature)),
        (header.replace("t=1", "t=+1"), Some(MalformedSignature)),
        (header.to_uppercase().replace("T=", "t=").replace("V1=", "v1="), Some(SignatureMismatch)),
        (format!("{stamp},{many}{v1}"), Some(TooManySignatures)),
        ("t=,v1=abc".to_owned(), Some(MalformedSignature)),
        ("t,v1=,v0=".to_owned(), Some(MalformedSignature)),
        ("t,,".to_owned(), Some(MalformedSignature)),
        (",,".to_owned(), Some(MalformedSignature)),
        ("t".to_owned(), Some(MalformedSignature)),
        ("=".to_owned(), Some(MalformedSignature)),
        (String::new(), Some(MissingSignature)),
    ] {
        let sample = Sample::json("{}").with("stripe-signature", &header);
        assert_eq!(sample.refusal(&verifier), expected, "{header}");
    }
    let text = Sample::new("no json").stripe();
    assert_eq!(text.refusal(&verifier), Some(MalformedBody));
}

#[test]
fn a_tolerance_can_be_set_and_switched_off() {
    let body = b"{}";
    for (tolerance, age, expected) in [
        (None, 301, Some(TimestampTooOld)),
        (Some(Duration::from_secs(600)), 600, None),
        (Some(Duration::from_secs(600)), 601, Some(TimestampTooOld)),
        (Some(Duration::ZERO), 1, Some(TimestampTooOld)),
        (Some(Duration::MAX), NOW - 12_345, None),
    ] {
        let verifier = Verifier::new(Scheme::Stripe, vec![secret("s3cret")], tolerance).unwrap();
        let header = sign::stripe(&secret("s3cret"), NOW - age, body);
        let sample = Sample::new(&body[..]).with("stripe-signature", header);
        assert_eq!(sample.refusal(&verifier), expected, "{tolerance:?} {age}");
    }
}

#[test]
fn linear_trusts_the_time_inside_the_signed_body_alone() {
    let verifier = verifier(Scheme::Linear);
    let now = NOW * 1000;
    for (body, expected) in [
        (format!(r#"{{"webhookTimestamp":{now}}}"#), None),
        (format!(r#"{{"webhookTimestamp":{}}}"#, now - 60_000), None),
        (format!(r#"{{"webhookTimestamp":{}}}"#, now - 60_001), Some(TimestampTooOld)),
        (format!(r#"{{"webhookTimestamp":{}}}"#, now + 60_001), Some(TimestampInFuture)),
        (format!(r#"{{"webhookTimestamp":"{now}"}}"#), Some(TimestampInvalid)),
        (format!(r#"{{"webhookTimestamp":[{now}]}}"#), Some(TimestampInvalid)),
        (format!(r#"{{"webhookTimestamp":{now}.5}}"#), None),
        (r#"{"webhookTimestamp":1e400}"#.to_owned(), Some(TimestampInFuture)),
        (r#"{"webhookTimestamp":-1e400}"#.to_owned(), Some(TimestampTooOld)),
        (r#"{"webhookTimestamp":true}"#.to_owned(), Some(TimestampInvalid)),
        (r#"{"webhookTimestamp":null}"#.to_owned(), Some(TimestampMissing)),
        (format!(r#"{{"data":{{"webhookTimestamp":{now}}}}}"#), Some(TimestampMissing)),
        ("{}".to_owned(), Some(TimestampMissing)),
        ("[]".to_owned(), Some(MalformedBody)),
        ("nope".to_owned(), Some(MalformedBody)),
    ] {
        let sample = Sample::json(&body).linear().with("linear-timestamp", now.to_string());
        assert_eq!(sample.refusal(&verifier), expected, "{body}");
    }
    let sound = Sample::json(&format!(r#"{{"webhookTimestamp":{now}}}"#)).linear();
    assert_eq!(sound.clone().without("linear-delivery").refusal(&verifier), Some(MissingId));
    let prefixed = format!("sha256={}", sign::linear(&secret("s3cret"), &sound.body));
    assert_eq!(
        sound.with("linear-signature", prefixed).refusal(&verifier),
        Some(MalformedSignature)
    );
}

#[test]
fn standard_webhooks_reads_lists_and_never_mixes_header_families() {
    let verifier = verifier(Scheme::StandardWebhooks);
    let sound = Sample::json("{}").standard_webhooks();
    let signature = sound.headers["webhook-signature"].to_str().unwrap().to_owned();
    let other = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    for (list, expected) in [
        (format!("{other} {signature}"), None),
        (format!("v2,x  nonsense , v1,? {signature} v1a,x"), None),
        (other.to_owned(), Some(SignatureMismatch)),
        (signature.replace("v1,", "v2,"), Some(NoSupportedScheme)),
        (signature.replace("v1,", ""), Some(NoSupportedScheme)),
        (signature.replace("v1,", "v1a,"), Some(NoSupportedScheme)),
        (signature.replace('=', ""), Some(MalformedSignature)),
        ("v1,".to_owned(), Some(SignatureMismatch)),
        (format!("{}{signature}", format!("{other} ").repeat(15)), None),
        (format!("{}{signature}", format!("{other} ").repeat(16)), Some(TooManySignatures)),
        (" ".repeat(5000), Some(TooManySignatures)),
    ] {
        let sample = sound.clone().with("webhook-signature", &list);
        assert_eq!(sample.refusal(&verifier), expected, "{list:.99}");
    }

    let svix = Sample::json("{}")
        .with("svix-id", "msg_1")
        .with("svix-timestamp", NOW.to_string())
        .with("svix-signature", &signature);
    assert_eq!(svix.refusal(&verifier), None);
    assert_eq!(svix.clone().with("webhook-signature", other).refusal(&verifier), None);
    assert_eq!(
        svix.clone().without("svix-id").with("webhook-id", "msg_1").refusal(&verifier),
        Some(MissingId)
    );
    assert_eq!(
        sound.clone().without("webhook-id").with("svix-id", "msg_1").refusal(&verifier),
        Some(MissingId)
    );
    assert_eq!(sound.with("webhook-id", "msg_1.5").refusal(&verifier), Some(MalformedId));
}
