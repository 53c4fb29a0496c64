mod attacks;
mod claims;
mod documents;
mod extraction;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use event_bus_runtime::Clock;
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::Url;

use super::{Identity, KeySource, Keys, KeysOptions, Refusal, Rules, Tokens};
use testkit::{KeyServer, Signer};

/// The time in these tests, in seconds since the Unix epoch.
const NOW: i64 = 1_800_000_000;

fn clock() -> Clock {
    Clock::fixed(OffsetDateTime::from_unix_timestamp(NOW).unwrap())
}

fn source(url: &str) -> KeySource {
    KeySource::Document(Url::parse(url).unwrap())
}

async fn keys_of(server: &KeyServer) -> Arc<Keys> {
    Keys::fetch(KeysOptions::new(source(&server.url()))).await.unwrap()
}

/// Verifies by the key A, which a server publishes that is gone; no token waits for another key.
async fn tokens(rules: Rules) -> Tokens {
    let server = KeyServer::start(Signer::a().document()).await;
    let options = KeysOptions {
        unknown_key_interval: Duration::from_millis(1),
        ..KeysOptions::new(source(&server.url()))
    };
    let keys = Keys::fetch(options).await.unwrap();
    server.stop().await;
    Tokens::new(keys, rules, clock()).unwrap()
}

fn subject(name: &str) -> Result<Identity, Refusal> {
    Ok(Identity { subject: Some(name.to_owned()) })
}

/// What a good token claims.
fn good() -> Value {
    json!({"sub": "bob", "iat": NOW, "exp": NOW + 1800})
}
