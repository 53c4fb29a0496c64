//! What every process of Event Bus Bridge needs: configuration, secrets, the clock, telemetry,
//! tasks and shutdown, the bus (JetStream mechanics), the admin listener and the [`Check`] trait.
//!
//! Nothing here knows what a webhook or a route is. This crate alone reads the environment, the
//! system time and process signals, so that everything above it is given them and can be tested
//! without them.

pub mod admin;
pub mod aws;
pub mod bus;
pub mod check;
pub mod clock;
pub mod config;
pub mod limiter;
pub mod metrics;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod problem;
pub mod readiness;
pub mod reload;
pub mod secret;
pub mod server;
pub mod shutdown;
pub mod tasks;
pub mod telemetry;

pub use aws::AwsConfig;
pub use bus::{Bus, BusConfig};
pub use check::{Check, CheckContext, Finding, Severity, Status};
pub use clock::{Clock, ManualClock};
pub use config::{ByteSize, ConfigError, Document, EnvMap};
pub use metrics::Metrics;
pub use readiness::{DependencyHandle, Readiness};
pub use secret::{Secret, SecretError, SecretRef, SecretResolver, SecretsConfig};
pub use tasks::TaskGroup;

/// Makes ring the TLS implementation of the whole process. Calling it again changes nothing.
pub fn install_crypto_provider() {
    // The only failure is that a provider is installed already, which is what the caller wants.
    rustls::crypto::ring::default_provider().install_default().ok();
}
