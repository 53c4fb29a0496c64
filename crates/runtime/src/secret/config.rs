//! `[secrets]`: how secrets may be given and how vaults are asked.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::AwsConfig;
use crate::config::{Problem, duration};

/// Vaults limit how often they are asked; more often than this gives nothing.
const SHORTEST_REFRESH: Duration = Duration::from_secs(30);

/// `[secrets]`: how secrets may be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsConfig {
    /// Whether secrets may come from environment variables, which other processes of the same
    /// user can read.
    pub allow_env: bool,
    /// How old the value of a secret from a vault may grow before it is read again, at least `30s`.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub refresh: Duration,
    /// How Azure Key Vault is asked.
    pub azure: AzureConfig,
    /// How AWS Secrets Manager is asked.
    pub aws: AwsConfig,
}

/// `[secrets.azure]`: as whom Azure Key Vault is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AzureConfig {
    /// Where the identity comes from.
    pub credential: AzureCredential,
    /// Client id of the identity: of the workload, instead of `AZURE_CLIENT_ID`, or of a managed identity that a user
    /// has assigned.
    pub client_id: Option<String>,
}

/// Where the identity comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AzureCredential {
    /// A token of Kubernetes, by the variables `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE`.
    #[default]
    WorkloadIdentity,
    /// The identity of the virtual machine or of App Service.
    ManagedIdentity,
    /// Whoever is logged in to the command `az`.
    Cli,
}

impl Default for SecretsConfig {
    fn default() -> Self {
        Self {
            allow_env: true,
            refresh: Duration::from_secs(10 * 60),
            azure: AzureConfig::default(),
            aws: AwsConfig::default(),
        }
    }
}

impl SecretsConfig {
    /// Every problem that the types cannot see, without any I/O.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut add = |key: &str, message: &str| {
            problems.push(Problem { path: format!("secrets.{key}"), message: message.to_owned() });
        };
        if self.refresh < SHORTEST_REFRESH {
            add("refresh", "is too short; write at least \"30s\"");
        }
        match (self.azure.client_id.as_deref(), self.azure.credential) {
            (Some(""), _) => add("azure.client_id", "is empty; leave it out or name a client"),
            (Some(_), AzureCredential::Cli) => add(
                "azure.client_id",
                "means nothing with credential = \"cli\"; log in as that client or leave it out",
            ),
            (Some(_), AzureCredential::WorkloadIdentity | AzureCredential::ManagedIdentity)
            | (None, _) => {}
        }
        for (key, message) in self.aws.validate() {
            add(&format!("aws.{key}"), &message);
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_a_problem_with_its_key() {
        assert_eq!(SecretsConfig::default().validate(), []);
        let text = "refresh = '29s'\nazure = { credential = 'cli', client_id = 'me' }\n\
                    aws = { region = '', role_arn = 'admin', endpoint_url = 'moto' }\n";
        let config: SecretsConfig = toml::from_str(text).unwrap();
        let keys: Vec<_> = config.validate().into_iter().map(|problem| problem.path).collect();
        assert_eq!(
            keys,
            [
                "secrets.refresh",
                "secrets.azure.client_id",
                "secrets.aws.region",
                "secrets.aws.role_arn",
                "secrets.aws.endpoint_url",
            ]
        );
        assert!(toml::from_str::<SecretsConfig>("azure = { credential = 'password' }").is_err());
    }
}
