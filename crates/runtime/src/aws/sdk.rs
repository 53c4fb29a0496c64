//! The configuration of the SDK's clients: where AWS is called, as whom, and through which HTTP client.
//!
//! What the settings leave open is found as every program of AWS finds it: variables of the environment, the files of the
//! AWS command line, a role of the machine, container or pod. This file and the crate behind it alone look there.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

pub use aws_config::SdkConfig;
pub use aws_smithy_runtime_api::client::dns::{
    DnsFuture, ResolveDns, ResolveDnsError, SharedDnsResolver,
};

use crate::{Secret, SecretError};

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// The name under which a role is assumed, as AWS logs it.
const SESSION: &str = "event-bus-bridge";

/// Where and as whom AWS is called. What is `None` is looked for as AWS's own programs do.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Region, such as `eu-central-1`.
    pub region: Option<String>,
    /// Profile of the shared configuration files.
    pub profile: Option<String>,
    /// An access key.
    pub access_key: Option<AccessKey>,
    /// A role that is assumed with the credentials found so far.
    pub role_arn: Option<String>,
    /// Address of STS, which is asked for the role.
    pub sts_endpoint_url: Option<String>,
    /// Looks names up, instead of the system.
    pub resolver: Option<SharedDnsResolver>,
}

/// An access key. It does not print its secret half.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Its id, which is no secret.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

/// Finds out what is left open and returns how to call AWS: every call within `timeout`, and none repeated, since whoever
/// calls knows better when to. Credentials are fetched with the first call and renewed before they expire.
pub async fn configure(access: &Access, timeout: Duration) -> Result<SdkConfig, SecretError> {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_WITHIN).operation_timeout(timeout).build();
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let client = match &access.resolver {
        Some(resolver) => client.build_with_resolver(resolver.clone()),
        None => client.build_https(),
    };
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .identity_cache(IdentityCache::lazy().load_timeout(timeout).build());
    if let Some(region) = &access.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(AccessKey { id, secret }) = &access.access_key {
        loader =
            loader.credentials_provider(Credentials::from_keys(id, secret.expose_str()?, None));
    }
    let config = loader.load().await;
    let Some(role) = &access.role_arn else { return Ok(config) };
    let mut sts = config.to_builder();
    sts.set_endpoint_url(access.sts_endpoint_url.clone());
    let provider = AssumeRoleProvider::builder(role).session_name(SESSION).configure(&sts.build());
    let provider = provider.build().await;
    let role = aws_credential_types::provider::SharedCredentialsProvider::new(provider);
    Ok(config.into_builder().credentials_provider(role).build())
}
