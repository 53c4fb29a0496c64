//! AWS Secrets Manager: the current version of a secret, by `GetSecretValue`.

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::{
    GetSecretValueError, GetSecretValueOutput,
};
use event_bus_core::Chain;
use tokio::sync::OnceCell;

use super::vault::Fetched;
use super::{AwsSecret, VaultError};
use crate::SecretError;
use crate::aws::{Access, AwsConfig, SdkConfig, configure};

/// How long one read may take.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// Codes of answers that say "later", although their status says "never".
const THROTTLED: [&str; 3] =
    ["ThrottlingException", "TooManyRequestsException", "LimitExceededException"];

/// The service, as one configuration reaches it. The SDK is set up at the first read.
#[derive(Debug)]
pub(super) struct AwsSecretsManager {
    config: AwsConfig,
    client: OnceCell<Client>,
}

impl AwsSecretsManager {
    pub(super) fn new(config: AwsConfig) -> Self {
        Self { config, client: OnceCell::new() }
    }

    pub(super) async fn read(&self, secret: &AwsSecret) -> Result<Fetched, VaultError> {
        let connect = async || sdk_config(&self.config).await.map(|sdk| Client::new(&sdk));
        let client = self.client.get_or_try_init(connect).await;
        let client = client.map_err(|error| VaultError::Refused(Chain(&error).to_string()))?;
        let read = client.get_secret_value().secret_id(&secret.id).send().await;
        let read = read.map_err(|error| problem(&error))?;
        Fetched::new(value(read, secret.field.as_deref())?, None)
    }
}

async fn sdk_config(config: &AwsConfig) -> Result<SdkConfig, SecretError> {
    let AwsConfig { region, profile, role_arn, endpoint_url } = config.clone();
    let access = Access { region, profile, role_arn, ..Access::default() };
    let sdk = configure(&access, READ_WITHIN).await?;
    // Without one, whatever AWS's own programs would take.
    Ok(match endpoint_url {
        Some(url) => sdk.into_builder().endpoint_url(url).build(),
        None => sdk,
    })
}

fn value(read: GetSecretValueOutput, field: Option<&str>) -> Result<Vec<u8>, VaultError> {
    let unusable = |text: &str| VaultError::Unusable(text.to_owned());
    let text = match (read.secret_string, read.secret_binary) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(binary)) => binary.into_inner(),
        (None, None) => Vec::new(),
    };
    let Some(field) = field else { return Ok(text) };
    // What serde says of text that is no JSON may repeat a part of it.
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&text)
        .map_err(|_| unusable("it is no JSON object; leave out the \"#\" and the field"))?;
    match fields.get(field) {
        Some(serde_json::Value::String(value)) => Ok(value.clone().into_bytes()),
        // Ports are written so.
        Some(serde_json::Value::Number(number)) => Ok(number.to_string().into_bytes()),
        Some(_) => Err(unusable("the field of its JSON object is neither text nor a number")),
        None => Err(unusable("its JSON object has no such field")),
    }
}

fn problem(error: &SdkError<GetSecretValueError>) -> VaultError {
    let SdkError::ServiceError(answer) = error else {
        return VaultError::Unavailable(Chain(error).to_string());
    };
    let code = answer.err().code().unwrap_or("without a code");
    let text = match answer.err().message() {
        Some(message) => format!("{code}: {message}"),
        None => code.to_owned(),
    };
    match answer.raw().status().is_client_error() && !THROTTLED.contains(&code) {
        true => VaultError::Refused(text),
        false => VaultError::Unavailable(text),
    }
}

#[cfg(test)]
mod tests;
