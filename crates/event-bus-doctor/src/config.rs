//! `[doctor]`: what the doctor's proofs need.

use event_bus_runtime::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;

/// `[doctor]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DoctorConfig {
    /// Enables the built-in source and route that the doctor proves the whole path with. The
    /// services and the doctor must know the same secret. Without it those proofs are skipped.
    pub secret: Option<SecretRef>,
}
