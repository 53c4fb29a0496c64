//! Requests in a row, with how many events each of them publishes.

use serde::Deserialize;
use serde_json::Value;

use super::{RequestSpec, SecretSpec, Verdict};

#[derive(Debug, Clone, Deserialize)]
pub struct Sequence {
    pub id: String,
    pub provider: String,
    pub secrets: Vec<SecretSpec>,
    #[serde(default)]
    pub config: Value,
    pub steps: Vec<Step>,
    #[serde(default)]
    pub notes: String,
    #[serde(default)]
    pub endpoint: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    /// The clock at this step, in Unix seconds.
    pub at: i64,
    pub request: RequestSpec,
    pub expect: StepExpectation,
    /// What goes wrong inside the bridge during this step, in the vectors' own words.
    #[serde(default)]
    pub fault: Value,
}

#[derive(Debug, Clone, Deserialize)]
pub struct StepExpectation {
    /// Absent or unknown words are left to the notes.
    pub verdict: Value,
    /// How many events this step adds to the stream.
    #[serde(default)]
    pub published: Option<u64>,
    /// The first digit of the status.
    #[serde(default)]
    pub http_status_class: Option<u16>,
}

impl StepExpectation {
    /// The verdict, when it is one of the known ones.
    pub fn known_verdict(&self) -> Option<Verdict> {
        serde_json::from_value(self.verdict.clone()).ok()
    }
}
