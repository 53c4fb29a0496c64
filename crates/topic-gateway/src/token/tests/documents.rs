//! Documents with keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Signer;
use crate::token::document::{DocumentError, parse};

/// 1024 bits of RSA.
const SHORT: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+KGKlQ13COMbCmUh/bs27bxztUFglpX1X11kBcHTceT6H7/otJDvgHVNCD6Y+DqIuD+yTMNldzOoAkewQ0Mv7TZzr+GHBUHGV2KOXjh/GQRvfRHO/kEMbWrneAZyPRtAV6Bx2JSvJgCFHK7bkz+Qrwemtfg/GkrsmuYbYkwvxVQIDAQAB";

/// A key of an elliptic curve.
const CURVE: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENAEhNwJucq2C81t4JdmcKoio3JQOvtiwqqxntyrEc0dQhq97kvijmDQcBKf6TyHlJnpYJvkT2beoUBfDfvskZw==";

fn count(document: &Value) -> Result<usize, String> {
    let parsed = parse(document.to_string().as_bytes());
    parsed.map(|keys| keys.len()).map_err(|error| error.to_string())
}

#[test]
fn keys_come_in_three_forms() {
    let (a, b) = (Signer::a(), Signer::b());
    let (key_a, key_b) = (a.spki_base64(), b.spki_base64());
    let spaced = format!("  {}\n{}\n", &key_a[..64], &key_a[64..]);
    for (document, expected) in [
        (json!({"keys": [{"key": key_a}, {"key": key_b}]}), 2),
        (json!({"keys": [{"key": spaced}]}), 1),
        (json!({"keys": [{"other": 1}, {"key": key_a}]}), 1),
        (json!({"key": key_a}), 1),
        (json!({"keys": "none", "key": key_a}), 1),
        (json!({"keys": [a.jwk("a"), b.jwk("b")]}), 2),
        (json!({"keys": [a.jwk("a"), {"key": key_b}]}), 2),
    ] {
        assert_eq!(count(&document), Ok(expected), "{document}");
    }
}

#[test]
fn a_jwk_that_is_for_something_else_is_skipped() {
    let good = Signer::a().jwk("a");
    for (member, value) in [
        ("kty", json!("EC")),
        ("use", json!("enc")),
        ("alg", json!("RS512")),
        ("alg", json!("PS256")),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!("verify")),
        ("n", json!("AQAB")),
        ("n", json!("!")),
        ("n", Value::Null),
        ("e", json!("AA")),
        ("e", json!("Ag")),
        ("e", json!("AQ")),
    ] {
        let mut jwk = good.clone();
        jwk[member] = value;
        assert_eq!(count(&json!({"keys": [jwk.clone(), good]})), Ok(1), "{jwk}");
        assert_eq!(
            count(&json!({"keys": [jwk]})),
            Err("the document names no key for RS256".to_owned())
        );
    }
    let mut minimal = good.clone();
    for member in ["use", "alg", "kid"] {
        minimal.as_object_mut().unwrap().remove(member);
    }
    minimal["e"] = json!("AAEAAQ==");
    assert_eq!(count(&json!({"keys": [minimal]})), Ok(1), "zeros and padding do no harm");
}

#[test]
fn a_bad_key_spoils_a_document_of_the_reference() {
    let good = Signer::a().spki_base64();
    let mut der = Signer::a().spki();
    der.push(0);
    let trailing = STANDARD.encode(&der);
    let pkcs1 = STANDARD.encode(&Signer::a().spki()[24..]);
    let not_der = "key 1 is not the DER of an RSA SubjectPublicKeyInfo";
    for (key, expected) in [
        (json!("!"), "key 1 is not base64"),
        (json!(5), "key 1 is not base64"),
        (json!(""), not_der),
        (json!("AAAA"), not_der),
        (json!(trailing), not_der),
        (json!(pkcs1), not_der),
        (json!(CURVE), not_der),
        (json!(SHORT), "key 1 has an RSA modulus or exponent of unsupported size"),
    ] {
        let document = json!({"keys": [{"key": good}, {"key": key}]});
        assert_eq!(count(&document), Err(expected.to_owned()), "{key}");
    }
}

#[test]
fn a_document_without_keys_is_refused() {
    for document in [
        json!({}),
        json!({"keys": []}),
        json!({"keys": [{}]}),
        json!([]),
        json!(5),
        json!({"keys": {"key": 1}}),
    ] {
        assert!(
            matches!(parse(document.to_string().as_bytes()), Err(DocumentError::NoKey)),
            "{document}"
        );
    }
    assert!(matches!(parse(b"<html>"), Err(DocumentError::Json(_))));
    let many = json!({"keys": vec![json!({"key": Signer::a().spki_base64()}); 65]});
    assert!(matches!(parse(many.to_string().as_bytes()), Err(DocumentError::TooManyKeys)));
}

#[test]
fn a_key_is_not_printed() {
    let keys = parse(Signer::a().document().to_string().as_bytes()).unwrap();
    assert_eq!(format!("{keys:?}"), "[PublicKey { id: None, bits: 2048 }]");
}
