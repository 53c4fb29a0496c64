//! What topics and routes need of each other.

use event_bus_core::subject::Pattern;
use event_bus_runtime::config::Problem;
use relay_outbound::RouteConfig;
use topic_gateway::{Acknowledge, TopicConfig};

use super::RootConfig;

impl RootConfig {
    /// The routes that tell what became of their events.
    pub(crate) fn routes_with_receipts(&self) -> impl Iterator<Item = &RouteConfig> {
        let routes = self.outbound.iter().flat_map(|outbound| &outbound.routes);
        routes.filter(|route| route.receipts)
    }

    /// Topics whose producers wait for routes, and no route that they could wait for.
    pub(super) fn unanswered_topics(&self) -> Vec<Problem> {
        let topics = self.topics.iter().flat_map(|topics| topics.topic.iter().enumerate());
        let waits = |topic: &TopicConfig| topic.acknowledge == Acknowledge::Delivered;
        let unanswered = topics.filter(|(_, topic)| {
            let subject = topic.subject();
            waits(topic) && !self.routes_with_receipts().any(|route| carries(route, &subject))
        });
        let problem = |(index, topic): (usize, &TopicConfig)| {
            let why = format!(
                "no route of [outbound] with receipts = true carries {}; add one, or write \"durable\"",
                topic.subject()
            );
            Problem::new(format!("topics.topic[{index}].acknowledge"), why)
        };
        unanswered.map(problem).collect()
    }
}

/// Whether a route takes events of a subject.
pub(crate) fn carries(route: &RouteConfig, subject: &str) -> bool {
    let mut patterns = route.subjects.iter().filter_map(|text| Pattern::parse(text).ok());
    patterns.any(|pattern| pattern.matches(subject))
}
