//! Who may write: passwords, certificates, encryption.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event_bus_core::delivery::{DeliveryError, Disposition};
use event_bus_runtime::SecretRef;
use relay_outbound::sinks::kafka::{Config, Mechanism, Sasl, Tls};
use relay_outbound::sinks::{Settings as _, oauth2};
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

fn tokens(endpoint: &str) -> Sasl {
    Sasl {
        user: None,
        password: None,
        oauth2: Some(oauth2::Config {
            token_url: format!("{endpoint}token").parse().unwrap(),
            client_id: "relay".to_owned(),
            client_secret: SecretRef::Env("CLIENT".to_owned()),
            scope: None,
            audience: None,
            client_auth: oauth2::ClientAuth::Basic,
        }),
        ..sasl(Mechanism::OauthBearer)
    }
}

fn with_tokens(kafka: &KafkaServer, endpoint: &CaptureSink) -> Config {
    Config {
        sasl: Some(tokens(&endpoint.url())),
        tls: Some(Tls { ca: Some(kafka.ca()), ..Tls::default() }),
        ..config(&kafka.address(), "secured")
    }
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
        let config = with_tokens(&kafka, &endpoint);
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
async fn a_token_endpoint_that_is_away_is_an_outage_and_no_refusal() {
    let nats = NatsServer::start().await;
    let kafka = KafkaServer::builder().sasl_ssl().start().await;
    let endpoint = CaptureSink::start().await;
    endpoint.set_script(Script::reply(Reply::status(503)));
    let config = with_tokens(&kafka, &endpoint);
    let sink = try_build(&config, &nats.connect().await, [("CLIENT", "secret")]).unwrap();
    let error = sink.deliver(&[event("1")]).await.remove(0).unwrap_err();
    assert_eq!(error.disposition(), Disposition::Hold, "{error:?}");
    sink.close().await;
}

#[test]
fn settings_that_could_never_work_are_refused_at_once() {
    let with = |key: &str, value: &str| Config {
        librdkafka: [(key.to_owned(), value.to_owned())].into(),
        ..config("localhost:9092", "events")
    };
    let plain = || config("localhost:9092", "events");
    for (config, key) in [
        (Config { topic: "fleet events".to_owned(), ..plain() }, "topic"),
        (Config { topic: String::new(), ..plain() }, "topic"),
        (Config { key: "{subject}".to_owned(), ..plain() }, "key"),
        (Config { key: "data.repository".to_owned(), ..plain() }, "key"),
        (with("transactional.id", "x"), "librdkafka"),
        (with("retries", "0"), "librdkafka"),
        (Config { sasl: Some(tokens("http://127.0.0.1/")), ..plain() }, "sasl"),
    ] {
        let problems = config.validate();
        assert!(problems.iter().any(|(at, _)| at == key), "{key}: {problems:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_hold_no_certificate_are_told_before_anything_runs() {
    let nats = NatsServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, "nothing").unwrap();
    for ca in [file, folder.path().join("missing.pem")] {
        let tls = Some(Tls { ca: Some(ca), ..Tls::default() });
        let long = Duration::from_secs(600);
        let config = Config { tls, timeout: long, ..config("localhost:9092", "events") };
        let error = try_build(&config, &nats.connect().await, []).unwrap_err();
        assert!(error.to_string().contains("tls.ca"), "{error}");
    }
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
