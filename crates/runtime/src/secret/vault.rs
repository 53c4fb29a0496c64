//! What a vault is: something that reads one secret, and says until when it may be used.

use std::fmt;

use async_trait::async_trait;
use time::OffsetDateTime;

#[cfg(feature = "aws-secrets-manager")]
use super::aws_secrets_manager::AwsSecretsManager;
#[cfg(feature = "azure-key-vault")]
use super::azure_key_vault::AzureKeyVault;
use super::{Secret, SecretRef, SecretsConfig, VaultError};

/// Reads secrets from where they are kept.
#[async_trait]
pub(super) trait Vault: fmt::Debug + Send + Sync {
    /// Reads it once. The caller sets the deadline.
    async fn read(&self, reference: &SecretRef) -> Result<Fetched, VaultError>;
}

/// A secret as a vault gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) secret: Secret,
    /// When the vault wants it out of use.
    pub(super) expires: Option<OffsetDateTime>,
}

#[cfg(any(feature = "aws-secrets-manager", feature = "azure-key-vault", test))]
impl Fetched {
    /// A secret that can be one: some text, and no more than a file may hold.
    pub(super) fn new(value: Vec<u8>, expires: Option<OffsetDateTime>) -> Result<Self, VaultError> {
        if value.len() > super::MAX_SECRET_BYTES as usize {
            return Err(VaultError::Unusable(
                "it is larger than 64 KiB and thus no secret".to_owned(),
            ));
        }
        let secret = Secret::checked(value);
        let secret = secret.ok_or_else(|| {
            VaultError::Unusable("it is empty; put the secret into it".to_owned())
        })?;
        Ok(Self { secret, expires })
    }
}

/// The vaults of a configuration.
#[derive(Debug)]
pub(super) struct Vaults {
    #[cfg(feature = "aws-secrets-manager")]
    pub(super) aws: AwsSecretsManager,
    #[cfg(feature = "azure-key-vault")]
    pub(super) azure: AzureKeyVault,
}

impl Vaults {
    #[cfg_attr(
        not(any(feature = "aws-secrets-manager", feature = "azure-key-vault")),
        expect(unused_variables, reason = "no vault is in this build")
    )]
    pub(super) fn new(config: &SecretsConfig) -> Self {
        Self {
            #[cfg(feature = "aws-secrets-manager")]
            aws: AwsSecretsManager::new(config.aws.clone()),
            #[cfg(feature = "azure-key-vault")]
            azure: AzureKeyVault::new(config.azure.clone()),
        }
    }
}

#[async_trait]
impl Vault for Vaults {
    async fn read(&self, reference: &SecretRef) -> Result<Fetched, VaultError> {
        match reference {
            #[cfg(feature = "azure-key-vault")]
            SecretRef::AzureKeyVault(secret) => self.azure.read(secret).await,
            #[cfg(not(feature = "azure-key-vault"))]
            SecretRef::AzureKeyVault(_) => Err(VaultError::NotCompiledIn("azure-key-vault")),
            #[cfg(feature = "aws-secrets-manager")]
            SecretRef::AwsSecretsManager(secret) => self.aws.read(secret).await,
            #[cfg(not(feature = "aws-secrets-manager"))]
            SecretRef::AwsSecretsManager(_) => {
                Err(VaultError::NotCompiledIn("aws-secrets-manager"))
            }
            SecretRef::Env(_) | SecretRef::File(_) => {
                Err(VaultError::Unusable("it lives in no vault".to_owned()))
            }
        }
    }
}
