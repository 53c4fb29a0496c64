//! Against a stub, since no emulator of Azure Key Vault is at hand. It gives the answers that the REST API documents: a
//! challenge to a request without a token, then the secret; and the token endpoints of Entra ID and of a virtual machine.
//!
//! Clients and identities are those of the SDK and address the real hosts over https, which they insist on. Only the
//! transport is the test's: it brings every request to the stub, with the host in a header.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Output};

use async_trait::async_trait;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, Url};
use testkit::{CaptureSink, CapturedRequest, Reply, Script};
use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::EnvMap;
use crate::clock::Clock;
use crate::secret::vault::{Vault, Vaults};
use crate::secret::{SecretRef, SecretResolver, SecretsConfig};

const VAULT: &str = "fleet.vault.azure.net";

const CHALLENGE: &str = "Bearer authorization=\"https://login.microsoftonline.com/tenant\", \
                         resource=\"https://vault.azure.net\"";

const EXPIRY: OffsetDateTime = datetime!(2030-01-02 03:04:05 UTC);

#[derive(Debug)]
struct ToStub {
    stub: Url,
    client: reqwest::Client,
}

#[async_trait]
impl HttpClient for ToStub {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut request = request.clone();
        let host = request.url().host_str().unwrap().to_owned();
        request.insert_header("x-stub-host", host);
        let url = request.url_mut();
        url.set_scheme("http").unwrap();
        url.set_host(self.stub.host_str()).unwrap();
        url.set_port(self.stub.port()).unwrap();
        self.client.execute_request(&request).await
    }
}

/// A logged-in `az`.
#[derive(Debug)]
struct LoggedIn;

#[async_trait]
impl Executor for LoggedIn {
    async fn run(&self, _: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let command = arguments.last().unwrap().to_string_lossy();
        assert!(command.contains("az account get-access-token"), "{command}");
        assert!(command.contains("https://vault.azure.net/.default"), "{command}");
        let stdout =
            r#"{"accessToken":"token-of-cli","expires_on":4102444800,"tokenType":"Bearer"}"#;
        let status = ExitStatus::from_raw(0);
        Ok(Output { status, stdout: stdout.into(), stderr: Vec::new() })
    }
}

async fn stub() -> CaptureSink {
    CaptureSink::scripted(Script::per_request(answer)).await
}

fn answer(request: &CapturedRequest) -> Reply {
    let json = |status: u16, body: serde_json::Value| {
        Reply::status(status).header("content-type", "application/json").body(body.to_string())
    };
    let error = |status: u16, code: &str| {
        json(
            status,
            serde_json::json!({ "error": { "code": code, "message": "said by the stub" } }),
        )
    };
    let path = request.path.split('?').next().unwrap();
    match (request.header("x-stub-host").unwrap(), path) {
        ("169.254.169.254", "/metadata/identity/oauth2/token") => {
            assert_eq!(request.header("metadata"), Some("true"));
            assert!(request.path.contains("resource=https%3A%2F%2Fvault.azure.net"), "{request:?}");
            let token = serde_json::json!({
                "access_token": "token-of-machine", "expires_on": "4102444800",
                "resource": "https://vault.azure.net", "token_type": "Bearer",
            });
            json(200, token)
        }
        ("login.microsoftonline.com", "/tenant/oauth2/v2.0/token") => {
            let form = String::from_utf8_lossy(&request.body).into_owned();
            if !form.contains("client_assertion=token-of-kubernetes") {
                return json(401, serde_json::json!({ "error": "invalid_client" }));
            }
            let token = serde_json::json!({
                "access_token": "token-of-workload", "expires_in": 3600, "ext_expires_in": 3600,
                "token_type": "Bearer",
            });
            json(200, token)
        }
        (VAULT, path) => {
            assert!(request.path.contains("?api-version="), "{request:?}");
            if request.header("authorization").is_none() {
                return error(401, "Unauthorized").header("www-authenticate", CHALLENGE);
            }
            let secret = |value: &str| {
                let attributes = serde_json::json!({
                    "enabled": true, "created": 1_493_938_410, "updated": 1_493_938_410,
                    "exp": EXPIRY.unix_timestamp(), "recoveryLevel": "Recoverable+Purgeable",
                });
                let id = format!("https://{VAULT}{path}");
                json(200, serde_json::json!({ "value": value, "id": id, "attributes": attributes }))
            };
            match path {
                "/secrets/slack-url/" => secret("hunter22"),
                "/secrets/slack-url/0123abcd" => secret("hunter21"),
                "/secrets/forbidden/" => error(403, "Forbidden"),
                "/secrets/busy/" => error(429, "Throttled"),
                "/secrets/odd/" => Reply::status(200).body("hunter23"),
                _ => error(404, "SecretNotFound"),
            }
        }
        other => panic!("nobody asks {other:?}"),
    }
}

fn transport_to(stub: &CaptureSink) -> Transport {
    crate::install_crypto_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Transport::new(Arc::new(ToStub { stub: stub.url().parse().unwrap(), client }))
}

fn vaults(credential: AzureCredential, stub: &CaptureSink) -> Vaults {
    let config = AzureConfig { credential, client_id: None };
    let access = Access::new(&config, transport_to(stub), Some(Arc::new(LoggedIn))).unwrap();
    let azure = AzureKeyVault { config, access: OnceCell::from(access) };
    Vaults { azure, ..Vaults::new(&SecretsConfig::default()) }
}

fn reference(path: &str) -> SecretRef {
    SecretRef::AzureKeyVault(AzureSecret::parse(&format!("https://{VAULT}{path}")).unwrap())
}

#[tokio::test]
async fn a_secret_and_a_version_of_it_are_read_with_their_expiry() {
    let stub = stub().await;
    let vaults = vaults(AzureCredential::ManagedIdentity, &stub);
    for (path, expected) in
        [("/secrets/slack-url", "hunter22"), ("/secrets/slack-url/0123abcd", "hunter21")]
    {
        let fetched = vaults.read(&reference(path)).await.unwrap();
        assert_eq!(fetched.secret.expose_str().unwrap(), expected);
        assert_eq!(fetched.expires, Some(EXPIRY));
    }
    let authorizations: Vec<_> = stub
        .requests()
        .iter()
        .map(|sent| sent.header("authorization").map(str::to_owned))
        .collect();
    let bearer = Some("Bearer token-of-machine".to_owned());
    // The challenge, the machine's token, the secret; then the version, with the same token.
    assert_eq!(authorizations, [None, None, bearer.clone(), bearer]);
    assert!(!format!("{vaults:?}").contains("token-of"), "{vaults:?}");
}

#[tokio::test]
async fn a_workload_trades_its_token_of_kubernetes_for_one_of_the_vault() {
    let stub = stub().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "token-of-kubernetes").unwrap();
    let options = WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions {
            client_options: ClientOptions {
                transport: Some(transport_to(&stub)),
                ..ClientOptions::default()
            },
        },
        client_id: Some("client".to_owned()),
        tenant_id: Some("tenant".to_owned()),
        token_file_path: Some(file),
    };
    // On Kubernetes, tenant and file come from the environment, which a test cannot set for itself.
    let credential = WorkloadIdentityCredential::new(Some(options)).unwrap();
    let vaults = vaults(AzureCredential::Cli, &stub);
    let access = Access { credential, ..vaults.azure.access.into_inner().unwrap() };
    let azure = AzureKeyVault { access: OnceCell::from(access), ..vaults.azure };
    let vaults = Vaults { azure, ..Vaults::new(&SecretsConfig::default()) };
    let fetched = vaults.read(&reference("/secrets/slack-url")).await.unwrap();
    assert_eq!(fetched.secret.expose_str().unwrap(), "hunter22");
    let last = stub.requests().pop().unwrap();
    assert_eq!(last.header("authorization"), Some("Bearer token-of-workload"));
}

#[tokio::test]
async fn whoever_is_logged_in_to_the_command_is_asked_for() {
    let stub = stub().await;
    let vaults = vaults(AzureCredential::Cli, &stub);
    vaults.read(&reference("/secrets/slack-url")).await.unwrap();
    let last = stub.requests().pop().unwrap();
    assert_eq!(last.header("authorization"), Some("Bearer token-of-cli"));
}

#[tokio::test]
async fn what_is_missing_or_forbidden_is_refused_and_what_is_busy_is_not() {
    let stub = stub().await;
    let vaults = vaults(AzureCredential::ManagedIdentity, &stub);
    for (path, is_refused, expected) in [
        ("/secrets/gone", true, "the vault refuses: status 404, SecretNotFound"),
        ("/secrets/forbidden", true, "the vault refuses: status 403, Forbidden"),
        ("/secrets/busy", false, "the vault does not answer: status 429, Throttled"),
    ] {
        let error = vaults.read(&reference(path)).await.unwrap_err();
        assert_eq!(matches!(error, VaultError::Refused(_)), is_refused, "{error:?}");
        assert_eq!(error.to_string(), expected);
    }
    let error = vaults.read(&reference("/secrets/odd")).await.unwrap_err();
    assert!(!format!("{error:?}").contains("hunter"), "{error:?}");
}

#[tokio::test]
async fn a_vault_that_goes_away_takes_no_value_away() {
    let stub = stub().await;
    let (clock, hand) = Clock::manual();
    let vaults = Box::new(vaults(AzureCredential::ManagedIdentity, &stub));
    let config = SecretsConfig { allow_env: false, ..SecretsConfig::default() };
    let resolver = SecretResolver::with(EnvMap::default(), &config, vaults, clock);
    let url = reference("/secrets/slack-url");
    resolver.fetch([&url]).await.unwrap();
    stub.set_script(Script::always(503));
    hand.advance(Duration::from_secs(30));
    assert!(!resolver.refresh([&url]).await);
    assert_eq!(resolver.resolve(&url).unwrap().expose(), b"hunter22");
    let version = reference("/secrets/slack-url/0123abcd");
    let error = resolver.fetch_within([&version], Duration::from_millis(500)).await.unwrap_err();
    assert!(Chain(&error).to_string().contains("the vault does not answer"), "{}", Chain(&error));
}
