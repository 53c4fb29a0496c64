//! How AWS is reached: one set of settings, and one way from them to the configuration of an SDK client.
//!
//! Credentials come from the SDK's own chain, never from here.

#[cfg(feature = "aws")]
mod sdk;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(feature = "aws")]
pub use sdk::{
    Access, AccessKey, DnsFuture, ResolveDns, ResolveDnsError, SdkConfig, SharedDnsResolver,
    configure,
};

/// Region, identity and endpoint of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AwsConfig {
    /// Region, such as `eu-west-1`; without it, that of the SDK's chain.
    pub region: Option<String>,
    /// Profile of the shared AWS files; without it, that of the SDK's chain.
    pub profile: Option<String>,
    /// ARN of a role to assume with the credentials of the SDK's chain.
    pub role_arn: Option<String>,
    /// URL that is asked instead of the service's own, such as that of a VPC endpoint or an emulator.
    pub endpoint_url: Option<String>,
}

impl AwsConfig {
    /// Problems, each with its key.
    pub fn validate(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        for (key, value) in [("region", &self.region), ("profile", &self.profile)] {
            if value.as_deref() == Some("") {
                problems.push((key, "is empty; leave it out or give a name".to_owned()));
            }
        }
        if self.role_arn.as_ref().is_some_and(|arn| !arn.starts_with("arn:")) {
            problems.push((
                "role_arn",
                "is no ARN; write \"arn:aws:iam::<account>:role/<name>\"".to_owned(),
            ));
        }
        if self.endpoint_url.as_ref().is_some_and(|url| !is_http(url)) {
            problems.push(("endpoint_url", "is no URL; write \"https://<host>\"".to_owned()));
        }
        problems
    }
}

fn is_http(url: &str) -> bool {
    let scheme = |uri: http::Uri| uri.scheme_str().map(str::to_owned);
    let scheme = url.parse().ok().and_then(scheme);
    scheme.is_some_and(|scheme| scheme == "https" || scheme == "http")
}
