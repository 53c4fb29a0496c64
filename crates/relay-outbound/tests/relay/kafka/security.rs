//! Who may write: passwords, certificates, encryption.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event_bus_core::delivery::DeliveryError;
use event_bus_runtime::SecretRef;
use relay_outbound::sinks::kafka::{Config, Mechanism, Sasl, Tls};
use relay_outbound::sinks::oauth2;
use serde_json::{Value, json};
use testkit::certificates::Authority;
use testkit::kafka::{PASSWORD, USER};
use testkit::{CaptureSink, KafkaServer, NatsServer, Reply, Script};

use super::suite::config;
use crate::harness::try_build;
use crate::world::event;

fn sasl(mechanism: Mechanism) -> Sasl {
    Sasl {
        mechanism,
        user: Some(USER.to_owned()),
        password: Some(SecretRef::Env("PASSWORD".to_owned())),
        oauth2: None,
        service: None,
        principal: None,
        keytab: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_delivers_and_a_wrong_one_waits_for_a_new_secret() {
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    let kafka = KafkaServer::builder().sasl_ssl().start().await;
    for mechanism in [Mechanism::ScramSha512, Mechanism::Plain] {
        for (password, is_right) in [(PASSWORD, true), ("wrong", false)] {
            let config = Config {
                sasl: Some(sasl(mechanism)),
                tls: Some(Tls { ca: Some(kafka.ca()), ..Tls::default() }),
                ..config(&kafka.address(), "secured")
            };
            let sink = try_build(&config, &client, [("PASSWORD", password)]).unwrap();
            let result = sink.deliver(&[event("1")]).await.remove(0);
            match result {
                Ok(()) => assert!(is_right, "{mechanism:?}"),
                Err(DeliveryError::Unauthorized { .. }) => assert!(!is_right, "{mechanism:?}"),
                Err(other) => panic!("{mechanism:?} {password}: {other:?}"),
            }
            assert_eq!(sink.check().await.is_ok(), is_right);
            sink.close().await;
        }
    }
    assert_eq!(kafka.records("secured").len(), 2, "one by each mechanism");
}

/// A token that says who and until when, and that nobody signed.
fn token(expires: i64) -> String {
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "sub": "relay", "iat": 1_700_000_000, "exp": expires });
    format!("{}.{}.", encode(json!({ "alg": "none" })), encode(claims))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_delivers_until_the_broker_refuses_it() {
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    let kafka = KafkaServer::builder().sasl_ssl().start().await;
    let endpoint = CaptureSink::start().await;
    for (expires, is_right) in [(4_000_000_000, true), (1_700_000_001, false)] {
        let body = json!({
            "access_token": token(expires), "token_type": "Bearer", "expires_in": 600,
        });
        endpoint.set_script(Script::reply(Reply::status(200).body(body.to_string())));
        let config = Config {
            sasl: Some(Sasl {
                mechanism: Mechanism::OauthBearer,
                user: None,
                password: None,
                oauth2: Some(oauth2::Config {
                    token_url: format!("{}token", endpoint.url()).parse().unwrap(),
                    client_id: "relay".to_owned(),
                    client_secret: SecretRef::Env("CLIENT".to_owned()),
                    scope: None,
                    audience: None,
                    client_auth: oauth2::ClientAuth::Basic,
                }),
                ..sasl(Mechanism::OauthBearer)
            }),
            tls: Some(Tls { ca: Some(kafka.ca()), ..Tls::default() }),
            ..config(&kafka.address(), "secured")
        };
        let sink = try_build(&config, &client, [("CLIENT", "secret")]).unwrap();
        match sink.deliver(&[event("1")]).await.remove(0) {
            Ok(()) => assert!(is_right),
            Err(DeliveryError::Unauthorized { .. }) => assert!(!is_right),
            Err(other) => panic!("{expires}: {other:?}"),
        }
        sink.close().await;
    }
    assert_eq!(kafka.records("secured").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked_on_both_sides() {
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    let kafka = KafkaServer::builder().sasl_ssl().client_certificates().start().await;
    let folder = tempfile::tempdir().unwrap();
    let stranger = folder.path().join("ca.pem");
    fs::write(&stranger, Authority::new().pem()).unwrap();
    let (certificate, key) = kafka.client_certificate();
    let key = fs::read_to_string(key).unwrap();
    let full = Tls {
        ca: Some(kafka.ca()),
        certificate: Some(certificate),
        key: Some(SecretRef::Env("KEY".to_owned())),
    };
    for (tls, is_trusted) in [
        (full.clone(), true),
        (Tls { certificate: None, key: None, ..full.clone() }, false),
        (Tls { ca: Some(stranger), ..full }, false),
    ] {
        let config = Config {
            sasl: Some(sasl(Mechanism::ScramSha512)),
            tls: Some(tls.clone()),
            ..config(&kafka.address(), "secured")
        };
        let secrets = [("PASSWORD", PASSWORD), ("KEY", key.as_str())];
        let sink = try_build(&config, &client, secrets).unwrap();
        let result = sink.deliver(&[event("1")]).await.remove(0);
        match result {
            Ok(()) => assert!(is_trusted, "{tls:?}"),
            Err(DeliveryError::Unreachable(_)) => assert!(!is_trusted, "{tls:?}"),
            Err(other) => panic!("{tls:?}: {other:?}"),
        }
        sink.close().await;
    }
}
