//! Every secret that the configuration names, and fetching those of vaults before anything is built with them.

use event_bus_core::Chain;
use event_bus_runtime::{SecretRef, SecretResolver};

use super::RootConfig;
use crate::failure::{Failure, Outcome};

impl RootConfig {
    /// The secrets of these sections, each with its path.
    pub(crate) fn secrets_of(&self, sections: &[&str]) -> Vec<(String, SecretRef)> {
        let doctor = self.doctor.clone().unwrap_or_default();
        let inbound = self.inbound.iter().flat_map(serve_inbound::secrets);
        let outbound = self.outbound.iter();
        let outbound = outbound.flat_map(|outbound| relay_outbound::secrets(&outbound.routes));
        let all = event_bus_doctor::secrets(&self.bus, &doctor).into_iter();
        let topics = self.topics.iter().flat_map(topic_gateway::Config::secrets);
        let all = all.chain(inbound).chain(outbound).chain(topics);
        all.filter(|(path, _)| sections.contains(&path.split('.').next().unwrap_or_default()))
            .collect()
    }
}

/// Fetches those that live in a vault. What the vault does not give is no mistake of the configuration, but the message
/// names the key that asks for it.
pub(crate) async fn fetch(secrets: &SecretResolver, wanted: &[(String, SecretRef)]) -> Outcome {
    let fetched = secrets.fetch(wanted.iter().map(|(_, reference)| reference)).await;
    fetched.map_err(|error| {
        let about = wanted.iter().find(|(_, reference)| error.in_vault() == Some(reference));
        let path = about.map_or("secrets", |(path, _)| path.as_str());
        Failure::failed(format!("{path}: {}", Chain(&error)))
    })
}
