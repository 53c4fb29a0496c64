//! Tokens that somebody made up.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{NOW, Signer, good, subject, tokens};
use crate::token::{Refusal, Rules};
use testkit::tokens::{decode, encode, hs256, message};

fn header(extra: Value) -> Value {
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    header
}

#[tokio::test]
async fn made_up_tokens_are_refused() {
    use Refusal::{Algorithm, Extension, Malformed, TooLong, UnknownKey};
    let (tokens, a, b) = (tokens(Rules::default()).await, Signer::a(), Signer::b());
    let claims = good();
    let token = a.token(&claims);
    let parts: Vec<&str> = token.split('.').collect();
    let [head, payload, signature] = parts[..] else { panic!("three parts") };
    let public_pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", a.spki_base64());
    let tampered = {
        let mut claims: Value = serde_json::from_slice(&decode(payload)).unwrap();
        claims["sub"] = json!("admin");
        encode(claims.to_string().as_bytes())
    };
    let jwk = b.jwk("a");
    let none = |alg: &str| {
        message(format!(r#"{{"alg":"{alg}"}}"#).as_bytes(), claims.to_string().as_bytes())
    };
    for (what, token, expected) in [
        ("none without signature", format!("{}.", none("none")), Malformed),
        ("none with a signature", format!("{}.{signature}", none("none")), Malformed),
        ("nOnE", format!("{}.{signature}", none("nOnE")), Malformed),
        ("no alg", a.raw(br#"{"typ":"JWT"}"#, br#"{"sub":"bob"}"#), Malformed),
        ("rs256 in lower case", a.raw(br#"{"alg":"rs256"}"#, br#"{"sub":"bob"}"#), Malformed),
        ("alg is a list", a.raw(br#"{"alg":["RS256"]}"#, br#"{"sub":"bob"}"#), Malformed),
        ("two algs", a.raw(br#"{"alg":"RS256","alg":"RS256"}"#, br#"{"sub":"bob"}"#), Malformed),
        ("HS256 with the PEM", hs256(public_pem.as_bytes(), &claims), Algorithm),
        ("HS256 with the DER", hs256(&a.spki(), &claims), Algorithm),
        ("HS256 with the base64", hs256(a.spki_base64().as_bytes(), &claims), Algorithm),
        ("RS384", a.algorithm("RS384", &claims), Algorithm),
        ("RS512", a.algorithm("RS512", &claims), Algorithm),
        ("PS256", a.algorithm("PS256", &claims), Algorithm),
        ("ES256", a.algorithm("ES256", &claims), Algorithm),
        ("EdDSA", a.algorithm("EdDSA", &claims), Algorithm),
        ("another key", b.token(&claims), UnknownKey),
        ("jwk", b.with_header(&header(json!({"jwk": jwk})), &claims), UnknownKey),
        ("jku", b.with_header(&header(json!({"jku": "http://127.0.0.1:1/"})), &claims), UnknownKey),
        ("x5u", b.with_header(&header(json!({"x5u": "http://127.0.0.1:1/"})), &claims), UnknownKey),
        ("x5c", b.with_header(&header(json!({"x5c": ["MIIB"]})), &claims), UnknownKey),
        ("kid", b.with_header(&header(json!({"kid": "../../dev/null"})), &claims), UnknownKey),
        ("kid is a number", a.with_header(&header(json!({"kid": 1})), &claims), Malformed),
        ("crit", a.with_header(&header(json!({"crit": ["exp"], "exp": 1})), &claims), Extension),
        ("crit is empty", a.with_header(&header(json!({"crit": []})), &claims), Extension),
        ("b64", a.with_header(&header(json!({"b64": false, "crit": ["b64"]})), &claims), Extension),
        ("b64 without crit", a.with_header(&header(json!({"b64": false})), &claims), Extension),
        ("tampered payload", format!("{head}.{tampered}.{signature}"), UnknownKey),
        (
            "tampered header",
            format!("{}.{payload}.{signature}", encode(br#"{"alg":"RS256"}"#)),
            UnknownKey,
        ),
        (
            "signature of another token",
            {
                let other = a.token(&json!({"sub": "eve"}));
                format!("{head}.{payload}.{}", other.rsplit('.').next().unwrap())
            },
            UnknownKey,
        ),
        ("short signature", format!("{head}.{payload}.{}", encode(&[1; 16])), UnknownKey),
        ("long signature", format!("{head}.{payload}.{}", encode(&[0; 2048])), UnknownKey),
        ("zero signature", format!("{head}.{payload}.{}", encode(&[0; 256])), UnknownKey),
        (
            "one as signature",
            {
                let mut one = [0; 256];
                one[255] = 1;
                format!("{head}.{payload}.{}", encode(&one))
            },
            UnknownKey,
        ),
        ("no signature", format!("{head}.{payload}."), Malformed),
        ("no payload", format!("{head}..{signature}"), Malformed),
        ("no header", format!(".{payload}.{signature}"), Malformed),
        ("dots", "..".to_owned(), Malformed),
        ("nothing", String::new(), Malformed),
        ("two parts", format!("{head}.{payload}"), Malformed),
        ("four parts", format!("{token}.{signature}"), Malformed),
        ("five parts, as JWE has", format!("{token}.{signature}.{signature}"), Malformed),
        (
            "JSON serialisation",
            format!(r#"{{"protected":"{head}","payload":"{payload}","signature":"{signature}"}}"#),
            Malformed,
        ),
        ("white space before", format!(" {token}"), Malformed),
        ("white space after", format!("{token}\n"), Malformed),
        ("white space within", format!("{head}. {payload}.{signature}"), Malformed),
        ("padding", format!("{head}=.{payload}.{signature}"), Malformed),
        ("padded signature", format!("{token}=="), Malformed),
        ("base64 instead of base64url", format!("{head}.{payload}.+/{signature}"), Malformed),
        (
            "bits after the end",
            {
                // The last character of 256 bytes carries four bits that mean nothing.
                let last = signature.as_bytes()[signature.len() - 1];
                let end = if last == b'A' { 'B' } else { char::from(last + 1) };
                format!("{head}.{payload}.{}{end}", &signature[..signature.len() - 1])
            },
            Malformed,
        ),
        ("not ASCII", format!("{head}.{payload}.é{signature}"), Malformed),
        ("NUL", format!("{head}.{payload}.{signature}\0"), Malformed),
        ("scheme", format!("Bearer {token}"), Malformed),
        ("too long", a.token(&json!({"sub": "bob", "x": "x".repeat(16 * 1024)})), TooLong),
        (
            "two subjects",
            a.raw(br#"{"alg":"RS256"}"#, br#"{"sub":"bob","sub":"admin"}"#),
            Malformed,
        ),
        (
            "two ends",
            a.raw(br#"{"alg":"RS256"}"#, br#"{"sub":"bob","exp":1,"exp":9999999999}"#),
            Malformed,
        ),
        ("claims are a list", a.raw(br#"{"alg":"RS256"}"#, br#"["bob"]"#), Malformed),
        ("claims are no JSON", a.raw(br#"{"alg":"RS256"}"#, b"bob"), Malformed),
        ("claims are not UTF-8", a.raw(br#"{"alg":"RS256"}"#, b"{\"sub\":\"\xff\"}"), Malformed),
        (
            "two documents",
            a.raw(br#"{"alg":"RS256"}"#, br#"{"sub":"bob"}{"sub":"admin"}"#),
            Malformed,
        ),
        (
            "nested claims",
            a.raw(br#"{"alg":"RS256"}"#, format!("{{\"x\":{}", "[".repeat(5000)).as_bytes()),
            Malformed,
        ),
        (
            "nested header",
            a.raw(format!("{{\"alg\":\"RS256\",\"x\":{}", "[".repeat(5000)).as_bytes(), b"{}"),
            Malformed,
        ),
        ("header is a list", a.raw(br#"["RS256"]"#, br#"{"sub":"bob"}"#), Malformed),
    ] {
        assert_eq!(tokens.verify(&token).await, Err(expected), "{what}");
    }
    assert_eq!(tokens.verify(&token).await, subject("bob"));
}

#[tokio::test]
async fn what_a_header_says_besides_does_not_matter() {
    let (tokens, a) = (tokens(Rules::default()).await, Signer::a());
    for extra in [
        json!({"typ": "at+jwt"}),
        json!({"kid": "nobody"}),
        json!({"b64": true}),
        json!({"jku": "http://127.0.0.1:1/", "x": 1}),
        json!({"jwk": Signer::b().jwk("b")}),
    ] {
        let token = a.with_header(&header(extra.clone()), &good());
        assert_eq!(tokens.verify(&token).await, subject("bob"), "{extra}");
    }
    let untyped = a.with_header(&json!({"alg": "RS256"}), &good());
    assert_eq!(tokens.verify(&untyped).await, subject("bob"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_token_with_one_character_changed_is_refused(places in proptest::collection::vec((any::<prop::sample::Index>(), "[A-Za-z0-9_.-]"), 24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let tokens = tokens(Rules::default()).await;
            let token = Signer::a().token(&json!({"sub": "bob", "exp": NOW + 1800}));
            for (place, c) in places {
                let place = place.index(token.len());
                let changed = format!("{}{c}{}", &token[..place], &token[place + 1..]);
                let refused = tokens.verify(&changed).await.is_err();
                assert_eq!(refused, changed != token, "{place} {c}");
            }
        });
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}", parts in "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,4}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let tokens = tokens(Rules::default()).await;
            assert!(tokens.verify(&text).await.is_err());
            assert!(tokens.verify(&parts).await.is_err());
        });
    }
}
