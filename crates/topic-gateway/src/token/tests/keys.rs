//! Keys that come, change and fail.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::certificates::Authority;
use testkit::{CaptureSink, Reply, Script, free_port, poll_until};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use event_bus_runtime::Clock;

use super::{KeyServer, Signer, clock, good, keys_of, source, subject};
use crate::token::{KeySource, Keys, KeysOptions, Refusal, Rules, Tokens, Trust};
use testkit::tokens::document;

const WITHIN: Duration = Duration::from_secs(20);

fn verifier(keys: &Arc<Keys>) -> Tokens {
    Tokens::new(Arc::clone(keys), Rules::default(), clock()).unwrap()
}

fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    event_bus_core::Chain(error).to_string()
}

#[tokio::test]
async fn a_key_is_found_at_once_when_its_first_token_comes() {
    let (a, b) = (Signer::a(), Signer::b());
    let server = KeyServer::start(a.document()).await;
    let tokens = verifier(&keys_of(&server).await);
    server.publish(&document(&[&b, &a]));
    assert_eq!(tokens.verify(&a.token(&good())).await, subject("bob"));
    assert_eq!(server.asked(), 1);
    assert_eq!(tokens.verify(&b.token(&good())).await, subject("bob"));
    assert_eq!(tokens.verify(&a.token(&good())).await, subject("bob"));
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_key_that_is_withdrawn_is_dead_from_the_next_fetch_on() {
    let (a, b) = (Signer::a(), Signer::b());
    let server = KeyServer::start(document(&[&b, &a])).await;
    let keys = keys_of(&server).await;
    let tokens = verifier(&keys);
    assert_eq!(tokens.verify(&a.token(&good())).await, subject("bob"));
    server.publish(&b.document());
    let status = keys.reload().await.unwrap();
    assert_eq!((status.keys, status.failing), (1, false));
    assert_eq!(tokens.verify(&a.token(&good())).await, Err(Refusal::UnknownKey));
    assert_eq!(tokens.verify(&b.token(&good())).await, subject("bob"));
}

#[tokio::test]
async fn a_token_that_was_good_is_judged_anew_each_time() {
    let a = Signer::a();
    let server = KeyServer::start(a.document()).await;
    let keys = keys_of(&server).await;
    let (clock, time) = Clock::manual();
    let tokens = Tokens::new(keys, Rules::default(), clock.clone()).unwrap();
    let now = clock.now().unix_timestamp();
    let (token, other) = (a.token_of("bob", now, 60), a.token_of("eve", now, 60));
    for _ in 0..2 {
        assert_eq!(tokens.verify(&token).await, subject("bob"));
    }
    // The same signature under other claims is another token.
    let parts: Vec<&str> = token.split('.').collect();
    let forged = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
    assert_eq!(tokens.verify(&forged).await, Err(Refusal::UnknownKey));
    time.advance(Duration::from_secs(60));
    assert_eq!(tokens.verify(&token).await, Err(Refusal::Expired));
}

#[tokio::test]
async fn made_up_tokens_do_not_hammer_the_key_server() {
    let (a, c) = (Signer::a(), Signer::c());
    let server = KeyServer::start(a.document()).await;
    let options = KeysOptions {
        unknown_key_interval: Duration::from_millis(400),
        ..KeysOptions::new(source(&server.url()))
    };
    let tokens = Arc::new(verifier(&Keys::fetch(options).await.unwrap()));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        for _ in 0..50 {
            let (tokens, token) = (Arc::clone(&tokens), c.token(&good()));
            tasks.spawn(async move { tokens.verify(&token).await });
        }
        while let Some(verified) = tasks.join_next().await {
            assert_eq!(verified.unwrap(), Err(Refusal::UnknownKey));
        }
    }
    // The first, five at once, and one for each interval.
    let most = 1 + 5 + started.elapsed().as_millis() as usize / 400;
    assert!(server.asked() <= most, "{} instead of {most}", server.asked());
    assert!(started.elapsed() < WITHIN, "{:?}", started.elapsed());
    // One that would be refused anyhow asks for nothing.
    let server = KeyServer::start(a.document()).await;
    let tokens = verifier(&keys_of(&server).await);
    let expired = c.token(&json!({"sub": "bob", "exp": 1}));
    assert_eq!(tokens.verify(&expired).await, Err(Refusal::Expired));
    assert_eq!(tokens.verify("garbage").await, Err(Refusal::Malformed));
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn many_tokens_of_a_new_key_cause_two_fetches_at_most() {
    let (a, b) = (Signer::a(), Signer::b());
    let server = KeyServer::start(a.document()).await;
    let tokens = Arc::new(verifier(&keys_of(&server).await));
    server.publish_slowly(&document(&[&b, &a]), Duration::from_millis(300));
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let (tokens, token) = (Arc::clone(&tokens), b.token(&good()));
        tasks.spawn(async move { tokens.verify(&token).await });
    }
    while let Some(verified) = tasks.join_next().await {
        assert_eq!(verified.unwrap(), subject("bob"));
    }
    assert!(server.asked() <= 3, "{}", server.asked());
}

#[tokio::test]
async fn a_slow_key_server_holds_up_nobody_whose_key_is_known() {
    let (a, c) = (Signer::a(), Signer::c());
    let server = KeyServer::start(a.document()).await;
    let options =
        KeysOptions { timeout: Duration::from_secs(2), ..KeysOptions::new(source(&server.url())) };
    let tokens = Arc::new(verifier(&Keys::fetch(options).await.unwrap()));
    server.publish_slowly(&a.document(), Duration::from_secs(60));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..300 {
        let (tokens, token) = (Arc::clone(&tokens), c.token(&good()));
        tasks.spawn(async move { tokens.verify(&token).await });
    }
    poll_until(WITHIN, "somebody waits", async || (server.asked() > 1).then_some(())).await;
    let before = Instant::now();
    assert_eq!(tokens.verify(&a.token(&good())).await, subject("bob"));
    assert!(before.elapsed() < Duration::from_secs(1));
    while let Some(verified) = tasks.join_next().await {
        assert_eq!(verified.unwrap(), Err(Refusal::UnknownKey));
    }
    // All of them waited for one fetch.
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert!(server.asked() <= 3, "{}", server.asked());
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_lose_the_fetch_for_others() {
    let (a, b) = (Signer::a(), Signer::b());
    let server = KeyServer::start(a.document()).await;
    let tokens = Arc::new(verifier(&keys_of(&server).await));
    server.publish_slowly(&document(&[&a, &b]), Duration::from_millis(400));
    let token = b.token(&good());
    let (early, late) = (tokens.verify(&token), tokens.verify(&token));
    let early = tokio::time::timeout(Duration::from_millis(100), early);
    let (early, late) = tokio::join!(early, late);
    assert!(early.is_err());
    assert_eq!(late, subject("bob"));
}

#[tokio::test]
async fn keys_are_refreshed_in_the_background_and_an_outage_keeps_them() {
    let (a, b) = (Signer::a(), Signer::b());
    let server = KeyServer::start(a.document()).await;
    let options = KeysOptions {
        refresh: Duration::from_millis(100),
        ..KeysOptions::new(source(&server.url()))
    };
    let keys = Keys::fetch(options).await.unwrap();
    let tokens = verifier(&keys);
    let shutdown = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&keys).run(shutdown.clone()));
    server.fail();
    poll_until(WITHIN, "the outage is seen", async || keys.status().failing.then_some(())).await;
    assert_eq!(tokens.verify(&a.token(&good())).await, subject("bob"));
    server.publish(&b.document());
    poll_until(WITHIN, "the keys are new", async || (!keys.status().failing).then_some(())).await;
    assert_eq!(tokens.verify(&a.token(&good())).await, Err(Refusal::UnknownKey));
    assert_eq!(tokens.verify(&b.token(&good())).await, subject("bob"));
    server.stop().await;
    poll_until(WITHIN, "the server is missed", async || keys.status().failing.then_some(())).await;
    assert_eq!(tokens.verify(&b.token(&good())).await, subject("bob"));
    shutdown.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn keys_that_are_too_old_verify_nothing() {
    let a = Signer::a();
    let server = KeyServer::start(a.document()).await;
    let options = KeysOptions {
        oldest: Some(Duration::from_millis(50)),
        ..KeysOptions::new(source(&server.url()))
    };
    let keys = Keys::fetch(options).await.unwrap();
    let tokens = verifier(&keys);
    poll_until(WITHIN, "the keys are old", async || {
        (keys.status().age > Duration::from_millis(50)).then_some(())
    })
    .await;
    assert_eq!(tokens.verify(&a.token(&good())).await, Err(Refusal::StaleKeys));
}

#[tokio::test]
async fn a_rotation_under_load_refuses_no_good_token() {
    let signers = [Signer::a(), Signer::b(), Signer::c()];
    let server = KeyServer::start(signers[0].document()).await;
    let options = KeysOptions {
        unknown_key_interval: Duration::from_millis(500),
        unknown_key_burst: NonZeroU32::new(3).unwrap(),
        ..KeysOptions::new(source(&server.url()))
    };
    let keys = Keys::fetch(options).await.unwrap();
    let tokens = Arc::new(verifier(&keys));
    let made: Vec<String> = signers.iter().map(|signer| signer.token(&good())).collect();
    // Which keys are published: a bit for each. Tokens of the others are as good as made up.
    let in_use = Arc::new(AtomicUsize::new(0b001));
    let stop = Arc::new(AtomicBool::new(false));
    let verified = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for index in [0, 1, 2, 0, 1, 2] {
        let (tokens, token) = (Arc::clone(&tokens), made[index].clone());
        let (in_use, stop) = (Arc::clone(&in_use), Arc::clone(&stop));
        let verified = Arc::clone(&verified);
        tasks.spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let is_published = || (in_use.load(Ordering::SeqCst) >> index) & 1 == 1;
                let before = is_published();
                let found = tokens.verify(&token).await;
                if before && is_published() {
                    assert_eq!(found, subject("bob"), "key {index}");
                    verified.fetch_add(1, Ordering::SeqCst);
                }
                sleep(Duration::from_millis(2)).await;
            }
        });
    }
    for (new, old) in [(1, 0), (2, 1)] {
        sleep(Duration::from_millis(700)).await;
        server.publish(&document(&[&signers[new], &signers[old]]));
        in_use.fetch_or(1 << new, Ordering::SeqCst);
        sleep(Duration::from_millis(1200)).await;
        in_use.fetch_and(!(1 << old), Ordering::SeqCst);
        server.publish(&signers[new].document());
        keys.reload().await.unwrap();
        assert_eq!(tokens.verify(&made[old]).await, Err(Refusal::UnknownKey), "key {old} is dead");
    }
    stop.store(true, Ordering::SeqCst);
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert!(verified.load(Ordering::SeqCst) > 100);
    assert!(server.asked() < 40, "{}", server.asked());
}

#[tokio::test]
async fn without_keys_nothing_starts() {
    let server = KeyServer::start(json!({"keys": []})).await;
    let url = server.url();
    let failed = async |options| {
        let error = Keys::fetch(options).await.unwrap_err();
        let said = error.to_string();
        let begins = "Token public key initialization failed: topics.tokens.keys_url at 127.0.0.1:";
        assert!(said.starts_with(begins), "{said}");
        assert!(!said.contains("password") && !said.contains("secret"), "{said}");
        cause(&error)
    };
    let options =
        || KeysOptions { timeout: Duration::from_millis(300), ..KeysOptions::new(source(&url)) };
    let no_key = failed(options()).await;
    assert!(no_key.ends_with("the document names no key for RS256"), "{no_key}");
    server.fail();
    assert!(failed(options()).await.ends_with("answered with status 500"));
    server.reply(Reply::status(200).body("x".repeat(2 * 1024 * 1024)));
    assert!(failed(options()).await.ends_with("is longer than 1048576 bytes"));
    server.publish_slowly(&Signer::a().document(), Duration::from_secs(60));
    assert!(failed(options()).await.contains("gave no answer within 300ms"));
    let address = format!("http://me:password@127.0.0.1:{}/keys?secret=1", free_port());
    let unreachable = failed(KeysOptions::new(source(&address))).await;
    assert!(unreachable.contains("the key server is unreachable"), "{unreachable}");
    assert!(!unreachable.contains("secret"), "{unreachable}");
}

#[tokio::test]
async fn certificates_are_checked_by_the_authorities_given() {
    let authority = Authority::new();
    let server = CaptureSink::start_tls(&authority.issue("keys"), None).await;
    let a = Signer::a();
    server.set_script(Script::reply(Reply::status(200).body(a.document().to_string())));
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("authority.pem");
    std::fs::write(&pem, authority.pem()).unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let fetch = async |trust| {
        let options = KeysOptions { trust, ..KeysOptions::new(source(&server.url())) };
        Keys::fetch(options).await.map_err(|error| cause(&error))
    };
    assert!(fetch(Trust::System).await.unwrap_err().contains("the key server is unreachable"));
    assert!(fetch(Trust::File(empty)).await.unwrap_err().contains("holds no certificate"));
    assert!(fetch(Trust::File("/nowhere".into())).await.unwrap_err().contains("cannot be read"));
    for trust in [Trust::File(pem), Trust::Anybody] {
        let tokens = verifier(&fetch(trust).await.unwrap());
        assert_eq!(tokens.verify(&a.token(&good())).await, subject("bob"));
    }
}

#[tokio::test]
async fn an_issuer_says_where_its_keys_are() {
    let (a, b) = (Signer::a(), Signer::b());
    let server = CaptureSink::start().await;
    let issuer = format!("{}realm", server.url());
    let script = |name: String, jwks_uri: String| {
        let metadata = json!({"issuer": name, "jwks_uri": jwks_uri}).to_string();
        let jwks = json!({"keys": [Signer::b().jwk("b"), Signer::a().jwk("a")]}).to_string();
        Script::per_request(move |request| match request.path.as_str() {
            "/realm/.well-known/openid-configuration" => Reply::status(200).body(metadata.clone()),
            "/jwks" => Reply::status(200).body(jwks.clone()),
            "/moved" => Reply::status(302).header("location", "/jwks"),
            "/round" => Reply::status(302).header("location", "/round"),
            _ => Reply::status(404),
        })
    };
    let fetch = async || {
        let keys = Keys::fetch(KeysOptions::new(KeySource::Issuer(issuer.clone()))).await;
        keys.map_err(|error| cause(&error))
    };
    for address in ["jwks", "moved"] {
        server.set_script(script(issuer.clone(), format!("{}{address}", server.url())));
        let tokens = verifier(&fetch().await.unwrap());
        let mut claims = good();
        claims["iss"] = json!(issuer);
        for (signer, id) in [(&a, "a"), (&b, "b"), (&a, "b"), (&a, "c")] {
            let token = signer.with_header(&json!({"alg": "RS256", "kid": id}), &claims);
            assert_eq!(tokens.verify(&token).await, subject("bob"), "{id}");
        }
        assert_eq!(tokens.verify(&a.token(&good())).await, Err(Refusal::Issuer));
    }
    server.set_script(script(format!("{issuer}/"), format!("{}jwks", server.url())));
    assert!(fetch().await.unwrap_err().contains("is that of another issuer"));
    server.set_script(script(issuer.clone(), "ftp://127.0.0.1/jwks".to_owned()));
    assert!(fetch().await.unwrap_err().contains("not served over https"));
    server.set_script(script(issuer.clone(), format!("{}round", server.url())));
    assert!(fetch().await.unwrap_err().contains("answered with status 302"));
    for no_issuer in ["issuer", "ftp://issuer", "https://issuer/?a"] {
        let options = KeysOptions::new(KeySource::Issuer(no_issuer.to_owned()));
        let error = cause(&Keys::fetch(options).await.unwrap_err());
        assert!(error.contains("not an address"), "{no_issuer}: {error}");
    }
}

#[tokio::test]
async fn neither_keys_nor_passwords_appear_in_debug_output() {
    let server = KeyServer::start(Signer::a().document()).await;
    let tokens = verifier(&keys_of(&server).await);
    let shown = format!("{tokens:?}");
    assert!(shown.contains("bits: 2048"), "{shown}");
    assert!(!shown.contains("MII"), "{shown}");
    let options = KeysOptions::new(source("https://user:secret@keys.example/path?token=secret"));
    let shown = format!("{options:?}");
    assert!(shown.contains("keys.example") && !shown.contains("secret"), "{shown}");
}
