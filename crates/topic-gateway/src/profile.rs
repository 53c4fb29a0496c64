//! Which version of the reference the wording follows.

use schemars::JsonSchema;
use serde::Deserialize;

/// Wording of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The reference as it is now.
    #[default]
    Head,
    /// The reference as its short description says: three topics, no health, no statistics, no constraints on fields.
    Seed,
}

impl Profile {
    /// A message, which ends with a full stop now and did not before.
    pub fn sentence(self, text: &str) -> String {
        match self {
            Self::Head => format!("{text}."),
            Self::Seed => text.to_owned(),
        }
    }
}
