//! Sources that check nothing. They were chosen by name, and the doctor says so each time.

use async_trait::async_trait;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::COMPONENT;
use crate::EVENTS_ENDPOINT;
use crate::config::{Config, EventsAuth, Provider};

pub(super) struct OpenSources {
    pub(super) config: Config,
}

#[async_trait]
impl Check for OpenSources {
    fn id(&self) -> &'static str {
        "unsigned-sources"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Recommended
    }

    fn needs_bus(&self) -> bool {
        false
    }

    async fn run(&self, _: &CheckContext) -> Vec<Finding> {
        let unsigned = |provider: &Provider| *provider == Provider::Unsigned;
        let sources = self.config.sources.iter().filter(|source| unsigned(&source.provider));
        let mut open: Vec<&str> = sources.map(|source| source.name.as_str()).collect();
        let events = self.config.events.as_ref();
        if events.is_some_and(|events| events.auth == EventsAuth::Unsigned) {
            open.push(EVENTS_ENDPOINT);
        }
        if open.is_empty() {
            return vec![Finding::pass("every source checks who sends")];
        }
        let warn = |name: &str| {
            let message = format!("whoever reaches `{name}` can publish through it");
            Finding::warn("EB0109", message).about(name)
        };
        open.into_iter().map(warn).collect()
    }
}
