use std::time::Duration;

use event_bus_core::delivery::{DeliveryError, Disposition};
use event_bus_runtime::{Clock, ManualClock, Secret, SecretRef};
use futures_util::future::join_all;
use testkit::{CaptureSink, Reply, Script};

use super::{ClientAuth, Config, TokenError, Tokens};
use crate::address::AddressGuard;
use crate::sinks::http_client;

const CLIENT_SECRET: &str = "p:ss w\u{f6}rd";

fn config(url: &str) -> Config {
    Config {
        token_url: url.parse().unwrap(),
        client_id: "relay".to_owned(),
        client_secret: SecretRef::Env("CLIENT_SECRET".to_owned()),
        scope: Some("write read".to_owned()),
        audience: None,
        client_auth: ClientAuth::Basic,
    }
}

fn tokens(config: Config) -> (Tokens, ManualClock) {
    event_bus_runtime::install_crypto_provider();
    let (clock, hand) = Clock::manual();
    let http = http_client(&AddressGuard::default()).unwrap();
    (Tokens::new(config, Secret::new(CLIENT_SECRET), http, clock), hand)
}

/// A token endpoint that numbers its tokens.
async fn endpoint(expires_in: u32) -> CaptureSink {
    let answer = |number: u32| {
        format!(
            r#"{{"access_token": "t-{number}", "token_type": "Bearer", "expires_in": {expires_in}}}"#
        )
    };
    let replies = (1..5).map(|number| Reply::status(200).body(answer(number)));
    CaptureSink::scripted(Script::replies(replies.collect::<Vec<_>>())).await
}

async fn failure(reply: Reply) -> TokenError {
    let endpoint = CaptureSink::scripted(Script::reply(reply)).await;
    tokens(config(&endpoint.url())).0.token().await.unwrap_err()
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let endpoint = endpoint(600).await;
    let (tokens, hand) = tokens(config(&endpoint.url()));
    for (passed, expected) in [(0, "t-1"), (539, "t-1"), (1, "t-2"), (1, "t-2"), (600, "t-3")] {
        hand.advance(Duration::from_secs(passed));
        assert_eq!(tokens.token().await.unwrap().expose(), expected, "{passed}");
    }
    assert_eq!(endpoint.count(), 3);
}

#[tokio::test]
async fn a_life_that_is_written_as_a_text_counts_as_well() {
    for (life, kept) in [(r#""600""#, 539), (r#""soon""#, 239), ("null", 239), ("-5", 0)] {
        let body =
            format!(r#"{{"access_token": "t", "token_type": "Bearer", "expires_in": {life}}}"#);
        let endpoint = CaptureSink::scripted(Script::reply(Reply::status(200).body(body))).await;
        let (tokens, hand) = tokens(config(&endpoint.url()));
        tokens.token().await.unwrap();
        hand.advance(Duration::from_secs(kept));
        tokens.token().await.unwrap();
        assert_eq!(endpoint.count(), if kept == 0 { 2 } else { 1 }, "{life}");
        hand.advance(Duration::from_secs(1));
        tokens.token().await.unwrap();
        assert_eq!(endpoint.count(), if kept == 0 { 3 } else { 2 }, "{life}");
    }
}

#[tokio::test]
async fn many_that_need_a_token_at_once_fetch_one() {
    let endpoint = endpoint(600).await;
    let (tokens, _) = tokens(config(&endpoint.url()));
    let all = join_all((0..20).map(|_| tokens.token())).await;
    assert!(all.into_iter().all(|token| token.unwrap().expose() == "t-1"));
    assert_eq!(endpoint.count(), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let endpoint = endpoint(600).await;
    let (tokens, _) = tokens(config(&endpoint.url()));
    let first = tokens.token().await.unwrap();
    tokens.forget(&first).await;
    assert_eq!(tokens.token().await.unwrap().expose(), "t-2");
    tokens.forget(&first).await;
    assert_eq!(tokens.token().await.unwrap().expose(), "t-2");
}

#[tokio::test]
async fn the_client_proves_itself_as_it_is_told() {
    let endpoint = endpoint(600).await;
    let (by_header, _) = tokens(config(&endpoint.url()));
    by_header.token().await.unwrap();
    let audience = Some("https://api.example.com".to_owned());
    let body = Config { client_auth: ClientAuth::Body, audience, ..config(&endpoint.url()) };
    let (by_body, _) = tokens(body);
    by_body.token().await.unwrap();
    let requests = endpoint.requests();
    // `relay:p%3Ass+w%C3%B6rd`
    assert_eq!(requests[0].header("authorization"), Some("Basic cmVsYXk6cCUzQXNzK3clQzMlQjZyZA=="));
    assert_eq!(requests[0].body, "grant_type=client_credentials&scope=write+read");
    assert_eq!(requests[1].header("authorization"), None);
    assert_eq!(
        requests[1].body,
        "grant_type=client_credentials&scope=write+read&audience=https%3A%2F%2Fapi.example.com\
         &client_id=relay&client_secret=p%3Ass+w%C3%B6rd"
    );
    for request in requests {
        assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    }
}

#[tokio::test]
async fn an_endpoint_that_is_away_holds_and_one_that_refuses_does_not() {
    let gone = CaptureSink::start().await;
    gone.stop().await;
    let error = tokens(config(&gone.url())).0.token().await.unwrap_err();
    assert_eq!(DeliveryError::from(error).disposition(), Disposition::Hold);
    let retry = Disposition::Retry { after: None };
    let refusal = Reply::status(401).body(r#"{"error": "invalid_client"}"#);
    for (reply, expected, text) in [
        (Reply::status(503), Disposition::Hold, "status 503"),
        (Reply::status(429), Disposition::Hold, "status 429"),
        (refusal, retry, "refuses the client: status 401 (invalid_client)"),
        (Reply::status(400).body(r#"{"error": "<b>"}"#), retry, "status 400"),
        (Reply::status(302), retry, "status 302"),
        (Reply::status(200).body("<html>"), retry, "no bearer token"),
        (Reply::status(200).body(r#"{"access_token":"x","token_type":"mac"}"#), retry, "no bearer"),
        (
            Reply::status(200).body(r#"{"access_token":"a b","token_type":"bearer"}"#),
            retry,
            "no bearer",
        ),
    ] {
        let error = failure(reply).await;
        assert!(error.to_string().contains(text), "{error}");
        assert!(!error.to_string().contains('<'), "{error}");
        assert_eq!(DeliveryError::from(error).disposition(), expected, "{text}");
    }
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let endpoint = endpoint(600).await;
    let (tokens, _) = tokens(config(&endpoint.url()));
    let token = tokens.token().await.unwrap();
    let printed = format!("{tokens:?} {token:?}");
    assert!(!printed.contains(CLIENT_SECRET) && !printed.contains("t-1"), "{printed}");
}

#[test]
fn only_https_may_see_the_secret() {
    for (url, expected) in [
        ("https://login.example.com/token", 0),
        ("http://127.0.0.1:8080/token", 0),
        ("http://localhost/token", 0),
        ("http://login.example.com/token", 1),
        ("ftp://127.0.0.1/token", 1),
        ("https://user:pass@login.example.com/token", 1),
    ] {
        assert_eq!(config(url).validate().len(), expected, "{url}");
    }
}
