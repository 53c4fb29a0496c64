//! Every way to prove who one is, and TLS in both directions.

#![expect(clippy::unwrap_used, reason = "a test ends by a panic, helpers of tests included")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use event_bus_runtime::bus::{Bus, BusConfig, BusError, TlsConfig};
use event_bus_runtime::{EnvMap, SecretRef, SecretResolver, SecretsConfig};
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer};
use testkit::NatsServer;
use testkit::nats::Operator;
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(30);

async fn connect(config: &BusConfig) -> Result<Bus, BusError> {
    let secrets = SecretResolver::new(EnvMap::default(), &SecretsConfig::default());
    Bus::connect(config, &secrets, "test").await
}

async fn connects(config: &BusConfig) -> bool {
    connect(config).await.unwrap().wait_connected(Instant::now() + SOON).await
}

fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test]
async fn an_nkey_admits_and_another_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (known, unknown) = (KeyPair::new_user(), KeyPair::new_user());
    let users = format!("authorization {{ users: [{{ nkey: {} }}] }}", known.public_key());
    let server = NatsServer::builder().config(&users).start().await;
    let with = |name: &str, key: &KeyPair| {
        let seed = format!("{}\n", key.seed().unwrap());
        let nkey = Some(SecretRef::File(write(folder.path(), name, &seed)));
        BusConfig { nkey, ..BusConfig::for_url(&server.url()).unwrap() }
    };
    assert!(connects(&with("known", &known)).await);
    let refused = connect(&with("unknown", &unknown)).await;
    assert!(matches!(refused, Err(BusError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_credentials_file_admits() {
    let folder = tempfile::tempdir().unwrap();
    let operator = Operator::new();
    let server = NatsServer::builder().config(&operator.config).start().await;
    let file = write(folder.path(), "user.creds", &operator.credentials);
    let plain = BusConfig::for_url(&server.url()).unwrap();
    let config = BusConfig { credentials: Some(SecretRef::File(file)), ..plain.clone() };
    assert!(connects(&config).await);
    let refused = connect(&plain).await;
    assert!(matches!(refused, Err(BusError::Refused(_))), "{refused:?}");
}

/// An authority and a pair of certificates of it, as files.
struct Files {
    ca: PathBuf,
    server: (PathBuf, PathBuf),
    client: (PathBuf, PathBuf),
}

impl Files {
    fn make(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let ca = write(folder, "ca.pem", &params.self_signed(&key).unwrap().pem());
        let issuer = Issuer::new(params, key);
        let leaf = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            let file = |kind: &str, text: &str| write(folder, &format!("{name}-{kind}.pem"), text);
            (file("cert", &certificate.pem()), file("key", &key.serialize_pem()))
        };
        let (server, client) = (leaf("server"), leaf("client"));
        Self { ca, server, client }
    }

    fn server_config(&self, more: &str) -> String {
        let (cert, key) = &self.server;
        let ca = &self.ca;
        format!("tls {{ cert_file: {cert:?}, key_file: {key:?}, ca_file: {ca:?}, {more} }}")
    }
}

#[tokio::test]
async fn tls_trusts_the_configured_authority_and_shows_the_own_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::make(folder.path());
    let trusting = TlsConfig { ca: Some(files.ca.clone()), required: true, ..Default::default() };
    let (cert, key) = files.client.clone();
    let mutual = TlsConfig { cert: Some(cert), key: Some(key), ..trusting.clone() };
    let first = TlsConfig { first: true, ..trusting.clone() };
    for (server, tls) in
        [("timeout: 5", trusting), ("verify: true", mutual), ("handshake_first: auto", first)]
    {
        let server = NatsServer::builder().config(&files.server_config(server)).start().await;
        let config = BusConfig { tls, ..BusConfig::for_url(&server.url()).unwrap() };
        assert!(connects(&config).await, "{config:?}");
    }
}

#[tokio::test]
async fn a_server_of_another_authority_is_never_talked_to() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::make(folder.path());
    let other = tempfile::tempdir().unwrap();
    let strange = Files::make(other.path());
    let server = NatsServer::builder().config(&files.server_config("timeout: 5")).start().await;
    let tls = TlsConfig { ca: Some(strange.ca), ..Default::default() };
    let config = BusConfig { tls, ..BusConfig::for_url(&server.url()).unwrap() };
    let bus = connect(&config).await.unwrap();
    assert!(!bus.connected());
    let problem = bus.last_problem().unwrap();
    assert!(problem.contains("certificate"), "{problem}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let server = NatsServer::start().await;
    let tls = TlsConfig { required: true, ..Default::default() };
    let config = BusConfig { tls, ..BusConfig::for_url(&server.url()).unwrap() };
    match connect(&config).await {
        Ok(bus) => assert!(!bus.connected()),
        Err(error) => assert!(matches!(error, BusError::Tls(_)), "{error:?}"),
    }
}
