//! Which routes hold or are disabled. Only the relay knows; it tells by its metrics.
//!
//! With several replicas, the one that answers tells how the destination looks from there.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::{Chain, wire};
use event_bus_runtime::check::reachable;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::COMPONENT;

/// How long the relay may take to show its metrics.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The metric and the beginning of its label.
const STATE: &str = "relay_outbound_route_state{route=\"";

pub(super) struct RouteStates {
    pub(super) admin_listen: Option<SocketAddr>,
}

#[async_trait]
impl Check for RouteStates {
    fn id(&self) -> &'static str {
        "route-states"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    async fn run(&self, _: &CheckContext) -> Vec<Finding> {
        let Some(address) = self.admin_listen else {
            return vec![Finding::skip("needs [outbound] admin_listen, where the relay tells it")];
        };
        match metrics(reachable(address)).await {
            Ok(text) => judge(&text),
            // The readiness is red for the same reason.
            Err(error) => vec![Finding::skip(format!(
                "the relay does not show its metrics at {address}: {}",
                Chain(&error)
            ))],
        }
    }
}

async fn metrics(address: SocketAddr) -> Result<String, reqwest::Error> {
    event_bus_runtime::install_crypto_provider();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWER_WITHIN)
        .build()?;
    let response = client.get(format!("http://{address}/metrics")).send().await?;
    response.error_for_status()?.text().await
}

fn judge(metrics: &str) -> Vec<Finding> {
    let (mut open, mut findings) = (0, Vec::new());
    for (route, state) in states(metrics).filter(|(route, _)| *route != wire::DOCTOR_NAME) {
        let finding = match state {
            "0" => {
                open += 1;
                continue;
            }
            "1" => Finding::warn("EB0207", "held: its destination cannot be reached"),
            "2" => Finding::fail("EB0208", "disabled: its destination answered 410 Gone"),
            other => Finding::error(format!("the relay tells an unknown state: {other}")),
        };
        findings.push(finding.about(route));
    }
    if findings.is_empty() {
        findings.push(Finding::pass(format!("none of {open} routes is held or disabled")));
    }
    findings
}

/// Name and state of each route in the Prometheus text.
fn states(metrics: &str) -> impl Iterator<Item = (&str, &str)> {
    metrics.lines().filter_map(|line| line.strip_prefix(STATE)?.split_once("\"} "))
}

#[cfg(test)]
mod tests {
    use event_bus_runtime::{Metrics as Registry, Status};

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn a_held_and_a_disabled_route_are_found_in_the_relay_s_own_metrics() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry);
        for (route, state) in [("a", 0), ("b", 1), ("c", 2), (wire::DOCTOR_NAME, 1)] {
            metrics.route(route, "webhook").state.set(state);
        }
        let mut findings: Vec<_> = judge(&registry.encode())
            .into_iter()
            .map(|finding| (finding.about.unwrap_or_default(), finding.status, finding.code))
            .collect();
        findings.sort_by(|left, right| left.0.cmp(&right.0));
        let expected = [
            ("b".to_owned(), Status::Warn, Some("EB0207")),
            ("c".to_owned(), Status::Fail, Some("EB0208")),
        ];
        assert_eq!(findings, expected);
    }

    #[test]
    fn routes_that_all_deliver_pass() {
        let registry = Registry::new();
        Metrics::register(&registry).route("a", "webhook").state.set(0);
        let findings = judge(&registry.encode());
        assert_eq!((findings.len(), findings[0].status), (1, Status::Pass));
        assert!(findings[0].message.contains("1 routes"), "{}", findings[0].message);
    }
}
