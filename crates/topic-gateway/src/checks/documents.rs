//! Access, schemas, and whether anything carries what they let in.

use async_trait::async_trait;
use event_bus_core::Chain;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::{COMPONENT, Route};
use crate::advice::advice;
use crate::config::Config;
use crate::documents::Reader;
use crate::governance::{Governance, GovernanceError};
use crate::rules::Rules;
use crate::topic::{Acknowledge, Topic};

pub(super) struct Documents {
    pub(super) config: Config,
    pub(super) routes: Option<Vec<Route>>,
}

#[async_trait]
impl Check for Documents {
    fn id(&self) -> &'static str {
        "topics"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    fn needs_bus(&self) -> bool {
        self.config.reads_bus()
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let reader = Reader::new(self.config.aws.clone(), Some(context.bus.clone()));
        let governance = Governance::new(&self.config, reader, Box::new(|_| Vec::new()));
        let mut governance = match governance {
            Ok(governance) => governance,
            Err(error) => return vec![Finding::error(Chain(&error).to_string())],
        };
        let look = governance.look().await;
        let mut findings: Vec<_> =
            look.problems.values().map(|error| self.unusable(error)).collect();
        let Some(rules) = look.rules else { return findings };
        findings.extend(unlisted(&rules));
        let topics = rules.names().filter_map(|name| rules.topic(name));
        findings.extend(topics.flat_map(|governed| self.carried(&governed.topic)));
        if findings.is_empty() {
            let count = rules.names().count();
            let message = format!("access and the schemas of {count} topics can be used");
            findings.push(Finding::pass(message).with("topics", count));
        }
        findings
    }
}

impl Documents {
    fn unusable(&self, error: &GovernanceError) -> Finding {
        let code = match error {
            GovernanceError::Access { .. } => "EB0303",
            GovernanceError::Unreadable { location, .. } if *location == self.config.access => {
                "EB0303"
            }
            GovernanceError::Unreadable { .. }
            | GovernanceError::Schema { .. }
            | GovernanceError::Remote { .. }
            | GovernanceError::Subject { .. }
            | GovernanceError::Twice { .. }
            | GovernanceError::Client(_) => "EB0304",
        };
        Finding::fail(code, advice(&self.config, error))
    }

    /// Whether routes carry a topic's events, and tell whoever waits what became of them.
    fn carried(&self, topic: &Topic) -> Option<Finding> {
        let routes = self.routes.as_ref()?;
        let subject = topic.subject();
        let takes = |route: &&Route| route.subjects.iter().any(|each| each.matches(&subject));
        let carrying: Vec<_> = routes.iter().filter(takes).collect();
        let finding = match topic.acknowledge {
            Acknowledge::Delivered if !carrying.iter().any(|route| route.receipts) => {
                let message =
                    "producers are told of delivery, but no route with receipts carries the topic";
                Finding::fail("EB0305", message)
            }
            Acknowledge::Delivered | Acknowledge::Durable if carrying.is_empty() => {
                Finding::warn("EB0306", "no route carries the topic; its events stay on the bus")
            }
            Acknowledge::Delivered | Acknowledge::Durable => return None,
        };
        Some(finding.about(&topic.name).with("subject", subject))
    }
}

/// Topics that nobody may publish to, and topics of the access document that are none.
fn unlisted(rules: &Rules) -> Vec<Finding> {
    let listed: Vec<_> = rules.listed().collect();
    let warn = |message: &str| {
        let message = message.to_owned();
        move |name: &str| Finding::warn("EB0307", message.clone()).about(name)
    };
    let closed = rules.names().filter(|name| !listed.contains(name));
    let unknown = listed.iter().copied().filter(|name| rules.topic(name).is_none());
    let closed = closed.map(warn("the access document lets nobody publish to the topic"));
    closed.chain(unknown.map(warn("the access document names a topic that is none"))).collect()
}
