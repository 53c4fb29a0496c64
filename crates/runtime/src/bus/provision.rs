//! Creating streams without overwriting an operator's settings.

use super::{Bus, BusConfig, StreamRole};
use crate::readiness::Readiness;

/// What provisioning found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// Streams that were created now.
    pub created: Vec<String>,
    /// Streams that were there and fit.
    pub found: Vec<String>,
    /// What an operator should look at.
    pub warnings: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// Try again.
    #[error("streams cannot be looked at now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An operator must act.
    #[error("streams do not fit:\n{}", .0.join("\n"))]
    Incompatible(Vec<String>),
}

/// Creates the streams that are absent and compares the others with what is required.
pub async fn provision(
    bus: &Bus,
    config: &BusConfig,
    which: &[StreamRole],
) -> Result<Provisioned, ProvisionError> {
    let _ = (bus, config, which);
    todo!()
}

/// Provisions, again and again until it is done; keeps the dependencies `bus` and `streams`.
/// Returns only [`ProvisionError::Incompatible`] as an error.
pub async fn keep_provisioned(
    bus: &Bus,
    config: &BusConfig,
    which: &[StreamRole],
    readiness: &Readiness,
) -> Result<Provisioned, ProvisionError> {
    let _ = readiness;
    provision(bus, config, which).await
}
