//! Azure Key Vault: a secret or one version of it, by `GET /secrets/{name}/{version}`, and when it expires.
//!
//! The vault's own challenge says for which service the token must be; the client refuses one that does not match the
//! vault's domain, so that no other host is given a token. Requests take the HTTP client of this workspace: rustls with
//! ring, no redirects.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, RetryOptions, StatusCode, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredentialOptions, Executor,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use azure_security_keyvault_secrets::models::SecretClientGetSecretOptions;
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use event_bus_core::Chain;
use tokio::sync::OnceCell;

use super::vault::Fetched;
use super::{AzureConfig, AzureCredential, AzureSecret, VaultError};

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// How long one request may take.
const REQUEST_WITHIN: Duration = Duration::from_secs(8);

/// Every vault that one identity reads. The identity is looked for at the first read.
#[derive(Debug)]
pub(super) struct AzureKeyVault {
    config: AzureConfig,
    access: OnceCell<Access>,
}

/// An identity, and a client for each vault that was asked as it.
struct Access {
    credential: Arc<dyn TokenCredential>,
    options: ClientOptions,
    clients: Mutex<HashMap<String, Arc<SecretClient>>>,
}

impl AzureKeyVault {
    pub(super) fn new(config: AzureConfig) -> Self {
        Self { config, access: OnceCell::new() }
    }

    pub(super) async fn read(&self, secret: &AzureSecret) -> Result<Fetched, VaultError> {
        let access = async || Access::new(&self.config, transport()?, None);
        let access = self.access.get_or_try_init(access).await?;
        let options = SecretClientGetSecretOptions {
            secret_version: secret.version.clone(),
            ..SecretClientGetSecretOptions::default()
        };
        let client = access.client(&secret.host)?;
        let answer = client.get_secret(&secret.name, Some(options)).await;
        // What the parser says of an answer may repeat a part of it.
        let answer = answer.map_err(|error| problem(&error))?.into_model();
        let answer = answer
            .map_err(|_| VaultError::Unusable("the vault's answer cannot be read".to_owned()))?;
        let expires = answer.attributes.and_then(|attributes| attributes.expires);
        Fetched::new(answer.value.unwrap_or_default().into_bytes(), expires)
    }
}

impl Access {
    /// Sets the identity up; nothing is asked yet. `executor` runs the command `az` where it is not the system.
    fn new(
        config: &AzureConfig,
        transport: Transport,
        executor: Option<Arc<dyn Executor>>,
    ) -> Result<Self, VaultError> {
        // The cache repeats reads, and so does the identity of a machine where its rules ask for that.
        let options = ClientOptions {
            transport: Some(transport),
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        };
        let credential = credential(config, options.clone(), executor)
            .map_err(|error| VaultError::Refused(Chain(&error).to_string()))?;
        Ok(Self { credential, options, clients: Mutex::default() })
    }

    fn client(&self, host: &str) -> Result<Arc<SecretClient>, VaultError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(host) {
            return Ok(Arc::clone(client));
        }
        let options = SecretClientOptions {
            client_options: self.options.clone(),
            ..SecretClientOptions::default()
        };
        let credential = Arc::clone(&self.credential);
        let client = SecretClient::new(&format!("https://{host}"), credential, Some(options))
            .map_err(|error| VaultError::Refused(Chain(&error).to_string()))?;
        let client = Arc::new(client);
        clients.insert(host.to_owned(), Arc::clone(&client));
        Ok(client)
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("credential", &self.credential).finish_non_exhaustive()
    }
}

fn credential(
    config: &AzureConfig,
    client_options: ClientOptions,
    executor: Option<Arc<dyn Executor>>,
) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let client_id = config.client_id.clone();
    Ok(match config.credential {
        AzureCredential::WorkloadIdentity => {
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options },
                client_id,
                ..WorkloadIdentityCredentialOptions::default()
            }))?
        }
        AzureCredential::ManagedIdentity => {
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id: client_id.map(UserAssignedId::ClientId),
                client_options,
            }))?
        }
        AzureCredential::Cli => AzureCliCredential::new(Some(AzureCliCredentialOptions {
            executor,
            ..AzureCliCredentialOptions::default()
        }))?,
    })
}

fn transport() -> Result<Transport, VaultError> {
    crate::install_crypto_provider();
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_WITHIN)
        .timeout(REQUEST_WITHIN)
        .redirect(reqwest::redirect::Policy::none())
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .build()
        .map_err(|error| VaultError::Refused(Chain(&error).to_string()))?;
    Ok(Transport::new(Arc::new(client)))
}

/// An answer in the range of 400 will not change by asking again, be it the vault's or that of whoever gives the token.
fn problem(error: &azure_core::Error) -> VaultError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(answer) = error.downcast_ref::<azure_core::Error>()
            && let ErrorKind::HttpResponse { status, error_code, .. } = answer.kind()
        {
            let code = error_code.as_deref().unwrap_or("without a code");
            let text = format!("status {}, {code}", u16::from(*status));
            let later = [StatusCode::RequestTimeout, StatusCode::TooManyRequests];
            return match status.is_client_error() && !later.contains(status) {
                true => VaultError::Refused(text),
                false => VaultError::Unavailable(text),
            };
        }
        cause = error.source();
    }
    VaultError::Unavailable(Chain(error).to_string())
}

#[cfg(test)]
mod tests;
