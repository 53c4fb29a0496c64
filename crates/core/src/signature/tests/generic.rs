use super::*;
use crate::signature::Rejection::{
    DuplicateHeader, MalformedId, MalformedSignature, MissingHeader, MissingId, MissingSignature,
    MissingToken, SignatureMismatch, TimestampMissing, TimestampTooOld, TokenMismatch,
    TooManySignatures, UnknownUrl,
};
use crate::signature::{Algorithm, Encoding, HmacScheme, SecretEncoding, Template, TokenScheme};

fn scheme(signed: &str) -> HmacScheme {
    HmacScheme {
        algorithm: Algorithm::Sha512,
        encoding: Encoding::Base64,
        prefix: Some("v1=".to_owned()),
        signed: Template::parse(signed).unwrap(),
        timestamp_header: signed.contains("{timestamp}").then(|| HeaderName::from_static("x-time")),
        id_header: signed.contains("{id}").then(|| HeaderName::from_static("x-id")),
        secret_encoding: SecretEncoding::Utf8,
        ..HmacScheme::new(HeaderName::from_static("x-signature"))
    }
}

fn signed(scheme: &HmacScheme, sample: Sample) -> Sample {
    let signature = sign::hmac(scheme, &secret("s3cret"), &sample.raw()).unwrap();
    sample.with("x-signature", signature)
}

#[test]
fn every_variable_of_a_template_is_covered_by_the_signature() {
    let scheme = scheme("{id}.{timestamp}.{header:X-Topic}.{url}.{body}");
    let verifier = verifier(Scheme::Hmac(scheme.clone()));
    let sample = Sample::json("{}")
        .with("x-id", "i1")
        .with("x-time", NOW.to_string())
        .with("x-topic", "orders/create")
        .at_url("https://hook.example/hooks/shop?a=b");
    let sound = signed(&scheme, sample);
    assert_eq!(sound.describe(&verifier).id, "i1");
    for (changed, expected) in [
        (sound.clone().with("x-id", "i2"), SignatureMismatch),
        (sound.clone().with("x-id", "i.1"), MalformedId),
        (sound.clone().without("x-id"), MissingId),
        (sound.clone().with("x-time", (NOW + 1).to_string()), SignatureMismatch),
        (sound.clone().with("x-time", (NOW - 301).to_string()), TimestampTooOld),
        (sound.clone().without("x-time"), TimestampMissing),
        (sound.clone().with("x-topic", "orders/delete"), SignatureMismatch),
        (sound.clone().without("x-topic"), MissingHeader),
        (sound.clone().and("x-topic", "other"), DuplicateHeader),
        (sound.clone().at_url("https://hook.example/hooks/shop"), SignatureMismatch),
        (Sample { url: None, ..sound.clone() }, UnknownUrl),
        (Sample { body: Bytes::from_static(b"{} "), ..sound.clone() }, SignatureMismatch),
    ] {
        assert_eq!(changed.refusal(&verifier), Some(expected), "{changed:?}");
    }
}

#[test]
fn a_generic_signature_may_stand_in_a_list() {
    let scheme = scheme("{body}");
    let verifier = verifier(Scheme::Hmac(scheme.clone()));
    let sound = signed(&scheme, Sample::json("{}"));
    let good = sound.headers["x-signature"].to_str().unwrap().to_owned();
    for (list, expected) in [
        (format!("v1=AAAA,{good}"), None),
        (format!("{good}, v2=x"), None),
        ("v1=AAAA".to_owned(), Some(SignatureMismatch)),
        (good.replace("v1=", ""), Some(MalformedSignature)),
        (good.replace("v1=", "v2="), Some(MalformedSignature)),
        (good.replace('=', ""), Some(MalformedSignature)),
        ("v1=".to_owned(), Some(SignatureMismatch)),
        (String::new(), Some(MissingSignature)),
        (format!("{}{good}", "v1=AAAA,".repeat(16)), Some(TooManySignatures)),
    ] {
        assert_eq!(sound.clone().with("x-signature", &list).refusal(&verifier), expected, "{list}");
    }
}

#[test]
fn an_event_without_an_id_has_the_hash_of_what_was_signed() {
    let scheme = scheme("{timestamp}.{body}");
    let verifier = verifier(Scheme::Hmac(scheme.clone()));
    let at = |seconds: i64, body: &str| {
        signed(&scheme, Sample::json(body).with("x-time", seconds.to_string()))
            .describe(&verifier)
            .id
    };
    assert_eq!(at(NOW, "{}"), at(NOW, "{}"), "a replay is the same event");
    assert_ne!(at(NOW, "{}"), at(NOW - 1, "{}"), "an equal body at another time is another event");
    assert_ne!(at(NOW, "{}"), at(NOW, "{ }"));
    assert_eq!(at(NOW, "{}").len(), 32);
}

#[test]
fn a_token_may_stand_in_its_header_or_in_the_url() {
    let token = TokenScheme {
        header: Some(http::header::AUTHORIZATION),
        query_param: Some("access_token".to_owned()),
    };
    let verifier = verifier(Scheme::Token(token));
    let plain = Sample::json("{}");
    let bearer = plain.clone().with("authorization", "Bearer s3cret");
    for (sample, expected) in [
        (bearer.clone(), None),
        (plain.clone().with("authorization", "bearer  s3cret"), None),
        (plain.clone().with("authorization", "Bearer s3cre"), Some(TokenMismatch)),
        (plain.clone().with("authorization", "Bearer s3cret s3cret"), Some(TokenMismatch)),
        (plain.clone().with("authorization", "Bearer "), Some(MissingToken)),
        (plain.clone().with("authorization", "Basic s3cret"), Some(MissingToken)),
        (plain.clone().with("authorization", "s3cret"), Some(MissingToken)),
        (bearer.clone().and("authorization", "Bearer s3cret"), Some(DuplicateHeader)),
        (plain.clone().at_url("https://h/?access_token=s3cret"), None),
        (plain.clone().at_url("https://h/?a=b&access_token=s3%63ret"), None),
        (plain.clone().at_url("https://h/?access_token=S3cret"), Some(TokenMismatch)),
        (plain.clone().at_url("https://h/?access_token="), Some(MissingToken)),
        (
            plain.clone().at_url("https://h/?access_token=a&access_token=s3cret"),
            Some(DuplicateHeader),
        ),
        (bearer.clone().at_url("https://h/?access_token=s3cret"), None),
        (bearer.clone().at_url("https://h/?access_token=evil"), Some(DuplicateHeader)),
        (plain.clone(), Some(MissingToken)),
    ] {
        assert_eq!(sample.refusal(&verifier), expected, "{sample:?}");
    }
    let in_query = |sample: &Sample| match sample.verify(&verifier) {
        Ok(Outcome::Verified(verified)) => verified.token_in_query(),
        other => panic!("not an event: {other:?}"),
    };
    assert!(in_query(&plain.at_url("https://h/?access_token=s3cret")));
    assert!(!in_query(&bearer));
}

#[test]
fn basic_credentials_are_compared_whole() {
    let verifier =
        Verifier::new(Scheme::Basic, vec![secret("u:a:b"), secret("test:123£")], None).unwrap();
    for (header, expected) in [
        ("Basic dTphOmI=", None),
        ("basic dGVzdDoxMjPCow==", None),
        ("Basic dTph", Some(TokenMismatch)),
        ("Basic Og==", Some(TokenMismatch)),
        ("Basic dTphOmI", Some(MalformedSignature)),
        ("Basic dQ==", Some(MalformedSignature)),
        ("Basic %", Some(MalformedSignature)),
        ("Basic", Some(MissingToken)),
        ("Bearer dTphOmI=", Some(MissingToken)),
    ] {
        assert_eq!(
            Sample::json("{}").with("authorization", header).refusal(&verifier),
            expected,
            "{header}"
        );
    }
    assert_eq!(verifier.scheme().challenge(), Some("Basic realm=\"event-bus\", charset=\"UTF-8\""));
}

#[test]
fn an_unsigned_source_accepts_everything_and_names_the_body() {
    let verifier = Verifier::new(Scheme::Unsigned, vec![], None).unwrap();
    let description = Sample::json("{}").describe(&verifier);
    assert_eq!(description.ce_source, "/hooks/my-source");
    assert_eq!(description.kind, "com.my-source.event");
    assert_eq!(description.id, "44136fa355b3678a1146ad16f7e8649e", "SHA-256 of the body");
}
