//! Consumers of routes that the configuration does not have. Their events are kept for nobody.

use async_trait::async_trait;
use event_bus_core::wire;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::{COMPONENT, unknown};
use crate::config::RouteConfig;
use crate::routes::{self, RouteOnBus};
use crate::store::StreamNames;

pub(super) struct LeftBehind {
    pub(super) names: StreamNames,
    pub(super) routes: Vec<RouteConfig>,
}

#[async_trait]
impl Check for LeftBehind {
    fn id(&self) -> &'static str {
        "left-behind"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Recommended
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let on_bus = match routes::list(&context.bus, &self.names).await {
            Ok(on_bus) => on_bus,
            Err(error) => return vec![unknown(&error)],
        };
        let is_known = |route: &RouteOnBus| {
            route.name == wire::DOCTOR_NAME || self.routes.iter().any(|one| one.name == route.name)
        };
        let mut findings: Vec<_> =
            on_bus.iter().filter(|route| !is_known(route)).map(report).collect();
        if findings.is_empty() {
            findings.push(Finding::pass("every route on the bus is configured"));
        }
        findings
    }
}

fn report(route: &RouteOnBus) -> Finding {
    let RouteOnBus { name, subjects, pending, in_flight: _, retries, connected } = route;
    let message = if *connected {
        format!("not in this configuration, though a relay delivers for it; {pending} events wait")
    } else {
        format!(
            "not in this configuration, {pending} events and {retries} retries wait; if nobody needs them: event-bus routes remove {name}"
        )
    };
    Finding::warn("EB0206", message)
        .about(name)
        .with("subjects", subjects.clone())
        .with("pending", *pending)
        .with("retries", *retries)
        .with("connected", *connected)
}
