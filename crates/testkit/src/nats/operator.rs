//! Who admits by signed claims (JWT), as `nsc` would set it up: an operator, an account and a user.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use nkeys::KeyPair;
use serde_json::{Value, json};

/// What a server and its one user need.
#[derive(Debug)]
pub struct Operator {
    /// Lines for the server's configuration.
    pub config: String,
    /// Content of the user's credentials file.
    pub credentials: String,
}

impl Operator {
    /// A new one; its user may do everything in an account with JetStream.
    pub fn new() -> Self {
        let (operator, system) = (KeyPair::new_operator(), KeyPair::new_account());
        let (account, user) = (KeyPair::new_account(), KeyPair::new_user());
        let limits = json!({
            "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1, "payload": -1,
            "wildcards": true, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        });
        let account_claims = json!({ "type": "account", "limits": limits });
        // The account of the system may not have JetStream.
        let system_limits = json!({ "subs": -1, "conn": -1, "data": -1, "payload": -1 });
        let system_claims = json!({ "type": "account", "limits": system_limits });
        let config = format!(
            "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}",
            token(&operator, &operator, json!({ "type": "operator" })),
            system.public_key(),
            system.public_key(),
            token(&operator, &system, system_claims),
            account.public_key(),
            token(&operator, &account, account_claims),
        );
        let claims = json!({ "type": "user", "subs": -1, "data": -1, "payload": -1 });
        let credentials = format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            token(&account, &user, claims),
            user.seed().expect("a seed"),
        );
        Self { config, credentials }
    }
}

impl Default for Operator {
    fn default() -> Self {
        Self::new()
    }
}

/// A signed claim in the form of NATS (JWT with an nkey).
fn token(issuer: &KeyPair, subject: &KeyPair, mut claims: Value) -> String {
    claims["version"] = 2.into();
    let payload = json!({
        "jti": "test", "iat": 1_700_000_000, "name": "test",
        "iss": issuer.public_key(), "sub": subject.public_key(), "nats": claims,
    });
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let header = encode(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let signed = format!("{header}.{}", encode(payload.to_string().as_bytes()));
    let signature = issuer.sign(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", encode(&signature))
}
