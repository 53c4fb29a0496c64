//! What a token claims.

use std::time::Duration;

use serde_json::{Value, json};

use super::{NOW, Signer, good, subject, tokens};
use crate::token::{Identity, Refusal, Rules};

/// The good claims with some replaced.
fn with(changes: Value) -> Value {
    let mut claims = good();
    let members = claims.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    claims
}

#[tokio::test]
async fn claims_are_judged_as_pyjwt_does() {
    use Refusal::{Audience, Claims, Expired, NotYetValid};
    let (tokens, signer) = (tokens(Rules::default()).await, Signer::a());
    for (claims, expected) in [
        (good(), Ok(())),
        (json!({"sub": "bob"}), Ok(())),
        (with(json!({"exp": NOW + 1})), Ok(())),
        (with(json!({"exp": NOW})), Err(Expired)),
        (with(json!({"exp": NOW - 5})), Err(Expired)),
        (with(json!({"exp": (NOW + 1) as f64 + 0.9})), Ok(())),
        (with(json!({"exp": NOW as f64 + 0.9})), Err(Expired)),
        (with(json!({"exp": (NOW + 1).to_string()})), Ok(())),
        (with(json!({"exp": format!(" +{} ", NOW + 1)})), Ok(())),
        (with(json!({"exp": NOW.to_string()})), Err(Expired)),
        (with(json!({"exp": "soon"})), Err(Claims)),
        (with(json!({"exp": "1e10"})), Err(Claims)),
        (with(json!({"exp": ""})), Err(Claims)),
        (with(json!({"exp": null})), Err(Claims)),
        (with(json!({"exp": true})), Err(Claims)),
        (with(json!({"exp": [NOW + 9]})), Err(Refusal::Malformed)),
        (with(json!({"exp": 1e30})), Ok(())),
        (with(json!({"exp": -1})), Err(Expired)),
        (with(json!({"exp": u64::MAX})), Ok(())),
        (with(json!({"nbf": NOW})), Ok(())),
        (with(json!({"nbf": NOW as f64 + 0.9})), Ok(())),
        (with(json!({"nbf": NOW + 1})), Err(NotYetValid)),
        (with(json!({"nbf": "x"})), Err(Claims)),
        (with(json!({"iat": NOW + 300})), Err(NotYetValid)),
        (with(json!({"iat": (NOW + 1).to_string()})), Err(NotYetValid)),
        (with(json!({"iat": null})), Err(Claims)),
        (with(json!({"aud": "someone"})), Err(Audience)),
        (with(json!({"aud": ["someone"]})), Err(Audience)),
        (with(json!({"aud": []})), Err(Audience)),
        (with(json!({"aud": ""})), Err(Audience)),
        (with(json!({"aud": null})), Err(Audience)),
        (with(json!({"iss": "whoever"})), Ok(())),
        (with(json!({"iss": 7})), Ok(())),
        (with(json!({"groups": ["a"], "x": {"sub": 1}})), Ok(())),
        (with(json!({"jti": "id"})), Ok(())),
        (with(json!({"jti": 1})), Err(Claims)),
        (with(json!({"sub": 7})), Err(Claims)),
        (with(json!({"sub": null})), Err(Claims)),
    ] {
        let found = tokens.verify(&signer.token(&claims)).await;
        assert_eq!(found, expected.and_then(|()| subject("bob")), "{claims}");
    }
}

#[tokio::test]
async fn a_token_without_a_subject_is_genuine_and_nobodys() {
    let tokens = tokens(Rules::default()).await;
    let found = tokens.verify(&Signer::a().token(&json!({"exp": NOW + 9}))).await;
    assert_eq!(found, Ok(Identity { subject: None }));
    let found = tokens.verify(&Signer::a().token(&json!({"sub": ""}))).await;
    assert_eq!(found, subject(""));
}

#[tokio::test]
async fn clocks_may_differ_by_the_leeway() {
    let rules = Rules { leeway: Duration::from_secs(30), ..Rules::default() };
    let tokens = tokens(rules).await;
    for (claims, expected) in [
        (with(json!({"exp": NOW - 29})), None),
        (with(json!({"exp": NOW - 30})), Some(Refusal::Expired)),
        (with(json!({"iat": NOW + 30, "nbf": NOW + 30})), None),
        (with(json!({"iat": NOW + 31})), Some(Refusal::NotYetValid)),
        (with(json!({"nbf": NOW + 31})), Some(Refusal::NotYetValid)),
    ] {
        assert_eq!(tokens.verify(&Signer::a().token(&claims)).await.err(), expected, "{claims}");
    }
}

#[tokio::test]
async fn configured_audiences_and_issuers_are_required() {
    let rules = Rules {
        audiences: vec!["us".to_owned(), "you".to_owned()],
        issuers: vec!["https://issuer".to_owned()],
        ..Rules::default()
    };
    let tokens = tokens(rules).await;
    let iss = "https://issuer";
    for (changes, expected) in [
        (json!({"iss": iss, "aud": "us"}), None),
        (json!({"iss": iss, "aud": ["them", "you"]}), None),
        (json!({"iss": iss, "aud": ["them"]}), Some(Refusal::Audience)),
        (json!({"iss": iss, "aud": "u"}), Some(Refusal::Audience)),
        (json!({"iss": iss, "aud": ["us", 1]}), Some(Refusal::Audience)),
        (json!({"iss": iss, "aud": {"us": 1}}), Some(Refusal::Audience)),
        (json!({"iss": iss}), Some(Refusal::Audience)),
        (json!({"aud": "us"}), Some(Refusal::Issuer)),
        (json!({"iss": "https://issuer/", "aud": "us"}), Some(Refusal::Issuer)),
        (json!({"iss": [iss], "aud": "us"}), Some(Refusal::Issuer)),
    ] {
        let found = tokens.verify(&Signer::a().token(&with(changes.clone()))).await;
        assert_eq!(found.err(), expected, "{changes}");
    }
}

#[tokio::test]
async fn a_token_made_by_pyjwt_is_good() {
    let token = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJTdHJhXHUwMGRmZSJ9.RzZLPZjayyorobsYbQA0hgc05uLPKLsZATwFWpNLKsq4CLunEOiP9JXz9qniifbJclpwSluIDofRzFMF2iMe_SH-B4-kjGGThMOYwFnkdQwsnHgzFdGNQJAEFHP8ELioONiCKRmY-WDTF-dX4aj41QLZqCulYwUwkZO-OXXBmm-rNpwtvE39xf9mb_GJ_rxnE4oaP_8BBQq78TSndCesDZuSgcrWdTYsjHC2Auh8YpQV1oWNN8x_YHA8IoYxRTEsrEoax1RaQ3BopF04ULaHBD_w7mgTIUf4woowCYB7RUYiNiCS7lH4h_7euaR3krdXtKc08XwvGP5tNibnEzDZdg";
    assert_eq!(tokens(Rules::default()).await.verify(token).await, subject("Straße"));
}
