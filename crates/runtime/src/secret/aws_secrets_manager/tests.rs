//! Against moto, which emulates the service but checks no credentials; what it cannot do is played by a server that
//! gives the documented answers.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::primitives::Blob;
use event_bus_core::Chain;
use testkit::{CaptureSink, MotoServer, Reply, Script};

use super::*;
use crate::EnvMap;
use crate::clock::Clock;
use crate::secret::vault::{Vault, Vaults};
use crate::secret::{SecretRef, SecretResolver, SecretsConfig};

/// A client of an emulator, with credentials that none checks.
async fn client(endpoint: String) -> Client {
    let region = Some("eu-west-1".to_owned());
    let config = AwsConfig { region, endpoint_url: Some(endpoint), ..AwsConfig::default() };
    let credentials = Credentials::new("key", "key", None, None, "test");
    let credentials = SharedCredentialsProvider::new(credentials);
    let config =
        sdk_config(&config).await.unwrap().into_builder().credentials_provider(credentials);
    Client::new(&config.build())
}

/// The vaults of a process that reaches AWS with this client.
fn vaults(client: Client) -> Vaults {
    let aws = AwsSecretsManager { config: AwsConfig::default(), client: OnceCell::from(client) };
    Vaults { aws, ..Vaults::new(&SecretsConfig::default()) }
}

fn reference(text: &str) -> SecretRef {
    SecretRef::AwsSecretsManager(AwsSecret::parse(text).unwrap())
}

async fn read(vaults: &Vaults, text: &str) -> Result<String, VaultError> {
    let fetched = vaults.read(&reference(text)).await?;
    Ok(fetched.secret.expose_str().unwrap().to_owned())
}

#[tokio::test]
async fn text_binary_and_fields_of_json_are_read_by_name_and_by_arn() {
    let moto = MotoServer::start().await;
    let client = client(moto.url()).await;
    let create = |name: &str| client.create_secret().name(name);
    let made = create("prod/slack").secret_string("hunter22").send().await.unwrap();
    create("binary").secret_binary(Blob::new("bytes")).send().await.unwrap();
    let json = r#"{"url": "hunter23", "a#b": "hunter24", "port": 5432, "on": true}"#;
    create("json").secret_string(json).send().await.unwrap();
    let vaults = vaults(client.clone());
    for (text, expected) in [
        ("prod/slack", "hunter22"),
        (made.arn().unwrap(), "hunter22"),
        ("binary", "bytes"),
        ("json", json),
        ("json#url", "hunter23"),
        ("json#a#b", "hunter24"),
        ("json#port", "5432"),
    ] {
        assert_eq!(read(&vaults, text).await.unwrap(), expected, "{text}");
    }
    for (text, expected) in [
        ("json#gone", "its JSON object has no such field"),
        ("json#on", "the field of its JSON object is neither text nor a number"),
        ("prod/slack#url", "it is no JSON object; leave out the \"#\" and the field"),
    ] {
        let error = read(&vaults, text).await.unwrap_err();
        assert!(matches!(error, VaultError::Unusable(_)), "{error:?}");
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}").contains("hunter"), "{error:?}");
    }
    let error = read(&vaults, "gone").await.unwrap_err();
    assert!(matches!(error, VaultError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("ResourceNotFoundException"), "{error}");
}

#[tokio::test]
async fn a_rotated_secret_is_seen_and_a_service_that_is_away_takes_no_value_away() {
    let moto = MotoServer::start().await;
    let client = client(moto.url()).await;
    client.create_secret().name("a").secret_string("first").send().await.unwrap();
    let (clock, hand) = Clock::manual();
    let config = SecretsConfig { allow_env: false, ..SecretsConfig::default() };
    let vaults = Box::new(vaults(client.clone()));
    let resolver = SecretResolver::with(EnvMap::default(), &config, vaults, clock);
    let a = reference("a");
    let value = || resolver.resolve(&a).unwrap().expose_str().unwrap().to_owned();
    resolver.fetch([&a]).await.unwrap();
    assert_eq!(value(), "first");
    client.put_secret_value().secret_id("a").secret_string("second").send().await.unwrap();
    hand.advance(Duration::from_secs(30));
    assert!(resolver.refresh([&a]).await);
    assert_eq!(value(), "second");
    moto.kill();
    hand.advance(Duration::from_secs(30));
    assert!(!resolver.refresh([&a]).await);
    assert_eq!(value(), "second");
    let gone = reference("gone");
    let error = resolver.fetch_within([&gone], Duration::from_secs(1)).await.unwrap_err();
    assert!(Chain(&error).to_string().contains("the vault does not answer"), "{}", Chain(&error));
}

#[tokio::test]
async fn refused_credentials_are_a_refusal_and_throttling_is_none() {
    let answer = |code: &str| {
        let body = format!(r#"{{"__type":"{code}","Message":"said by the stub"}}"#);
        Reply::status(400).header("content-type", "application/x-amz-json-1.1").body(body)
    };
    for (code, is_refused) in [
        ("UnrecognizedClientException", true),
        ("AccessDeniedException", true),
        ("ThrottlingException", false),
    ] {
        let stub = CaptureSink::scripted(Script::reply(answer(code))).await;
        let vaults = vaults(client(stub.url()).await);
        let error = read(&vaults, "a").await.unwrap_err();
        assert_eq!(matches!(error, VaultError::Refused(_)), is_refused, "{error:?}");
        assert!(error.to_string().ends_with(&format!("{code}: said by the stub")), "{error}");
    }
}
