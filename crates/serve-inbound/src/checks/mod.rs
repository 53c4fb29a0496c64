//! What the doctor asks about this service and its sources.

mod forged;
mod open_sources;
mod probe;
mod proof;
mod window;

use event_bus_runtime::check::SecretsCheck;
use event_bus_runtime::{Check, SecretRef};

use crate::config::{Config, EventsAuth};

/// Component of these checks.
const COMPONENT: &str = "serve-inbound";

/// The checks of this service: the proof that it refuses a bad signature and takes a good one once comes first.
///
/// `doctor` is `[doctor] secret`; without it the built-in source does not exist, and only bad signatures are tried.
pub fn checks(config: &Config, doctor: Option<&SecretRef>) -> Vec<Box<dyn Check>> {
    let mut references = secrets(config);
    references.extend(doctor.map(|secret| ("doctor.secret".to_owned(), secret.clone())));
    vec![
        Box::new(proof::Proof { config: config.clone(), doctor: doctor.cloned() }),
        Box::new(window::DuplicateWindow { sources: config.sources.clone() }),
        Box::new(open_sources::OpenSources { config: config.clone() }),
        Box::new(SecretsCheck::new(COMPONENT, "EB0101", "EB0102", references)),
    ]
}

/// Every secret of the section, with its path in the configuration.
pub fn secrets(config: &Config) -> Vec<(String, SecretRef)> {
    let mut found = Vec::new();
    for (index, source) in config.sources.iter().enumerate() {
        for (number, secret) in source.secrets.iter().enumerate() {
            found.push((format!("inbound.sources[{index}].secrets[{number}]"), secret.clone()));
        }
    }
    let (key, of_events) = match config.events.as_ref().map(|events| &events.auth) {
        Some(EventsAuth::Bearer(secrets)) => ("bearer", secrets.as_slice()),
        Some(EventsAuth::Hmac(hmac)) => ("secrets", hmac.secrets.as_slice()),
        Some(EventsAuth::Unsigned) | None => return found,
    };
    for (number, secret) in of_events.iter().enumerate() {
        found.push((format!("inbound.events.auth.{key}[{number}]"), secret.clone()));
    }
    found
}
