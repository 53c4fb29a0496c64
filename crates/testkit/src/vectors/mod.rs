//! Verification vectors: the published ones of `testkit/fixtures`, and those beside the project.
//!
//! Both have one format. `../shared/vectors` holds many more cases and is absent in a plain clone;
//! its absence is said once per suite, and the tests run on what there is.

mod case;
mod cloudevents;
mod handshake;
mod sequence;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use case::{Case, Expectation, Level, RequestSpec, SecretSpec, Verdict};
pub use cloudevents::CloudEventsCase;
pub use handshake::{HandshakeCase, HandshakeExpectation, HandshakeRequest};
pub use sequence::{Sequence, Step, StepExpectation};

use crate::report;

/// The signature cases of one provider's file.
#[derive(Debug, Clone, Deserialize)]
pub struct Suite {
    pub suite: String,
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Cases<T> {
    #[serde(alias = "sequences")]
    cases: Vec<T>,
}

/// The cases of the project's own fixtures and of `../shared/vectors` where that exists.
///
/// `name` is a file name without `.json`, such as `github` or `standard_webhooks`. Panics when
/// there is not a single case, since a test over none would prove nothing.
pub fn suite(name: &str) -> Suite {
    Suite { suite: name.to_owned(), cases: combined(name) }
}

/// The cases of `../shared/vectors` alone; `None`, said loudly once, when the file is not there.
pub fn load(name: &str) -> Option<Suite> {
    let cases: Cases<Case> = shared(name)?;
    Some(Suite { suite: name.to_owned(), cases: cases.cases })
}

/// CloudEvents: formats, bindings, header encoding, attribute rules.
pub fn cloudevents() -> Vec<CloudEventsCase> {
    combined("cloudevents")
}

/// Questions that a sender asks before it delivers.
pub fn handshakes() -> Vec<HandshakeCase> {
    combined("handshakes")
}

/// Replays and duplicates, step by step.
pub fn replay_sequences() -> Vec<Sequence> {
    combined("replay_sequences")
}

/// A file of `../shared/vectors` of any shape; `None`, said loudly once, when it is not there.
pub fn shared<T: DeserializeOwned>(name: &str) -> Option<T> {
    let folder = report::workspace_root().join("../shared/vectors");
    let path = folder.join(format!("{name}.json"));
    if !path.is_file() {
        report::loudly_once(&format!(
            "suite {name} NOT FOUND in ../shared/vectors, testing with the published cases only"
        ));
        return None;
    }
    Some(read(&path))
}

fn combined<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let own = own_path(name);
    let own: Option<Cases<T>> = own.is_file().then(|| read(&own));
    let shared: Option<Cases<T>> = shared(name);
    let cases: Vec<T> = [own, shared].into_iter().flatten().flat_map(|file| file.cases).collect();
    assert!(!cases.is_empty(), "there are no cases of the suite {name}");
    cases
}

fn own_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(format!("{name}.json"))
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
