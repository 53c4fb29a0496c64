//! How many dead letters wait for a person, route by route.

use std::collections::BTreeMap;

use async_trait::async_trait;
use event_bus_core::event::format_time;
use event_bus_core::wire;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};
use futures_util::TryStreamExt as _;

use super::{COMPONENT, unknown};
use crate::config::RouteConfig;
use crate::store::StreamNames;

pub(super) struct DeadLetterDepth {
    pub(super) names: StreamNames,
    pub(super) routes: Vec<RouteConfig>,
}

#[async_trait]
impl Check for DeadLetterDepth {
    fn id(&self) -> &'static str {
        "dead-letters"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Recommended
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        match self.look(context).await {
            Ok(findings) => findings,
            Err(error) => vec![unknown(&*error)],
        }
    }
}

impl DeadLetterDepth {
    async fn look(&self, context: &CheckContext) -> Result<Vec<Finding>, async_nats::Error> {
        let stream = context.bus.jetstream().get_stream(&self.names.dead_letters).await?;
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut subjects = stream.info_with_subjects("dead.>").await?;
        while let Some((subject, count)) = subjects.try_next().await? {
            *counts.entry(self.prefix(&subject)).or_default() += count as u64;
        }
        counts.remove(&wire::dead_letter_prefix(wire::DOCTOR_NAME));
        let mut findings = Vec::new();
        for (prefix, count) in counts {
            let oldest = stream.get_first_raw_message_by_subject(format!("{prefix}.>"), 1).await;
            let oldest = oldest.ok().map(|message| format_time(message.time));
            let finding = Finding::warn("EB0205", format!("{count} dead letters wait"));
            findings.push(finding.about(&prefix).with("count", count).with("oldest", oldest));
        }
        if findings.is_empty() {
            findings.push(Finding::pass("there are no dead letters"));
        }
        Ok(findings)
    }

    /// The configured prefix that a subject begins with; of a route that is gone, the default one.
    fn prefix(&self, subject: &str) -> String {
        let configured = self.routes.iter().map(RouteConfig::dead_letter_prefix);
        let mut matching = configured.filter(|prefix| {
            subject.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('.'))
        });
        matching.next().unwrap_or_else(|| subject.split('.').take(2).collect::<Vec<_>>().join("."))
    }
}
