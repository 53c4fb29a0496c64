use super::*;
use crate::signature::{
    HmacScheme, SecretEncoding, SecretProblem, Template, TemplateProblem, TokenScheme,
};

fn hmac(secret_encoding: SecretEncoding) -> Scheme {
    Scheme::Hmac(HmacScheme {
        secret_encoding,
        ..HmacScheme::new(HeaderName::from_static("x-signature"))
    })
}

#[test]
fn a_scheme_without_a_usable_secret_is_refused_at_the_start() {
    let public = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let weak = "whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (scheme, text, expected) in [
        (Scheme::Github, "", Some(SecretProblem::Empty)),
        (Scheme::Slack, " \t\n", Some(SecretProblem::Empty)),
        (Scheme::StandardWebhooks, "whsec_", Some(SecretProblem::Empty)),
        (Scheme::StandardWebhooks, "whsec_no base64", Some(SecretProblem::NotBase64)),
        (Scheme::StandardWebhooks, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", None),
        (Scheme::StandardWebhooks, public, None),
        (Scheme::StandardWebhooks, "whpk_AAAA", Some(SecretProblem::NotEd25519)),
        (Scheme::StandardWebhooks, weak, Some(SecretProblem::NotEd25519)),
        (Scheme::StandardWebhooks, "whsk_AAAA", Some(SecretProblem::PrivateKey)),
        (hmac(SecretEncoding::Utf8), "key", None),
        (hmac(SecretEncoding::Hex), "key", Some(SecretProblem::NotHex)),
        (hmac(SecretEncoding::Base64), "a key", Some(SecretProblem::NotBase64)),
        (hmac(SecretEncoding::Base64), "====", Some(SecretProblem::NotBase64)),
        (Scheme::Basic, "user:password", None),
        (Scheme::Basic, "user:", None),
        (Scheme::Basic, "user", Some(SecretProblem::NotUserPassword)),
        (Scheme::Basic, ":", Some(SecretProblem::NotUserPassword)),
        (Scheme::Unsigned, "key", Some(SecretProblem::Unused)),
        (
            Scheme::Token(TokenScheme { header: None, query_param: None }),
            "key",
            Some(SecretProblem::NoTokenPlace),
        ),
    ] {
        let problem = Verifier::new(scheme.clone(), vec![secret(text)], None).err();
        assert_eq!(problem, expected, "{scheme:?} {text}");
    }
    assert_eq!(Verifier::new(Scheme::Github, vec![], None).err(), Some(SecretProblem::Missing));
    assert_eq!(
        Verifier::new(Scheme::Github, vec![secret("good"), secret("")], None).err(),
        Some(SecretProblem::Empty),
        "one blank secret spoils all of them"
    );
    assert!(Verifier::new(Scheme::Unsigned, vec![], None).is_ok());
}

#[test]
fn each_of_several_secrets_verifies_and_is_told_apart() {
    let secrets = vec![secret("new"), secret("old")];
    let verifier = Verifier::new(Scheme::Linear, secrets, None).unwrap();
    let body = format!(r#"{{"webhookTimestamp":{NOW}000}}"#);
    for (key, expected) in [("new", Some(0)), ("old", Some(1)), ("older", None)] {
        let signature = sign::linear(&secret(key), body.as_bytes());
        let sample = Sample::json(&body).linear().with("linear-signature", signature);
        let index = match sample.verify(&verifier) {
            Ok(Outcome::Verified(verified)) => verified.secret_index(),
            Ok(Outcome::Handshake(_)) => panic!("linear has no handshake"),
            Err(rejection) => {
                assert_eq!(rejection, Rejection::SignatureMismatch);
                None
            }
        };
        assert_eq!(index, expected, "{key}");
    }
}

#[test]
fn a_template_that_leaves_something_open_is_refused() {
    for (text, expected) in [
        ("{timestamp}.{body}", None),
        ("{id}.{timestamp}.{body}", None),
        ("v0:{header:X-Request-Id}:{url}{body}", None),
        ("{timestamp}", Some(TemplateProblem::NoBody)),
        ("", Some(TemplateProblem::NoBody)),
        ("{body", Some(TemplateProblem::Unbalanced)),
        ("body}", Some(TemplateProblem::Unbalanced)),
        ("{Body}", Some(TemplateProblem::Unknown("Body".to_owned()))),
        ("{header:a b}{body}", Some(TemplateProblem::HeaderName("a b".to_owned()))),
        ("{header:}{body}", Some(TemplateProblem::HeaderName(String::new()))),
    ] {
        assert_eq!(Template::parse(text).err(), expected, "{text}");
    }
    for (signed, timestamp_header, id_header, expected) in [
        ("{timestamp}.{body}", None, None, Some(TemplateProblem::NoTimestampHeader)),
        ("{body}", Some("x-time"), None, Some(TemplateProblem::UnsignedTimestamp)),
        ("{id}{body}", None, None, Some(TemplateProblem::NoIdHeader)),
        ("{body}", None, Some("x-id"), None),
        ("{id}.{timestamp}.{body}", Some("x-time"), Some("x-id"), None),
    ] {
        let scheme = Scheme::Hmac(HmacScheme {
            signed: Template::parse(signed).unwrap(),
            timestamp_header: timestamp_header.map(HeaderName::from_static),
            id_header: id_header.map(HeaderName::from_static),
            ..HmacScheme::new(HeaderName::from_static("x-signature"))
        });
        let problem = Verifier::new(scheme, vec![secret("key")], None).err();
        assert_eq!(problem, expected.map(SecretProblem::Template), "{signed}");
    }
}

#[test]
fn no_debug_form_shows_a_secret() {
    let verifier = verifier(Scheme::Github);
    let signer = sign::StandardWebhooksSigner::new(&[secret(WHSEC)]).unwrap();
    let verified = Sample::json("{}").github("push").verify(&verifier).unwrap();
    let printed = format!("{:?} {verifier:?} {signer:?} {verified:?}", secret("s3cret"));
    assert!(printed.contains("***"), "{printed}");
    assert!(!printed.contains("s3cret") && !printed.contains("MfKQ9"), "{printed}");
}

#[test]
fn every_rejection_has_its_own_code_and_a_status() {
    let codes: std::collections::BTreeSet<&str> =
        Rejection::ALL.iter().map(Rejection::code).collect();
    assert_eq!(codes.len(), Rejection::ALL.len());
    for rejection in Rejection::ALL {
        assert!(matches!(rejection.status(), 400 | 401), "{rejection:?}");
    }
}
