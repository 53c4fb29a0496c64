//! Which routes hold or are disabled. Only the relay knows; it tells by its metrics.
//!
//! With several replicas, the one that answers tells how the destination looks from there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use event_bus_core::Chain;
use event_bus_runtime::check::reachable;

use crate::hold::RouteState;

/// How long the relay may take to show its metrics.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The metric and the beginning of its label.
const STATE: &str = "relay_outbound_route_state{route=\"";

/// The routes of a relay, each with its state; empty where no relay tells.
pub(super) async fn ask(admin_listen: Option<SocketAddr>) -> BTreeMap<String, RouteState> {
    let Some(address) = admin_listen else { return BTreeMap::new() };
    match metrics(reachable(address)).await {
        Ok(text) => read(&text),
        Err(error) => {
            // The readiness is red for the same reason.
            tracing::debug!(error = %Chain(&error), "the relay does not show its metrics");
            BTreeMap::new()
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

/// Reads the Prometheus text.
fn read(metrics: &str) -> BTreeMap<String, RouteState> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(STATE)?.split_once("\"} "));
    let states = lines.filter_map(|(route, state)| {
        let state = match state {
            "0" => RouteState::Open,
            "1" => RouteState::Held,
            "2" => RouteState::Disabled,
            _ => return None,
        };
        Some((route.to_owned(), state))
    });
    states.collect()
}

#[cfg(test)]
mod tests {
    use event_bus_runtime::Metrics as Registry;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn states_are_read_from_the_relay_s_own_metrics() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry);
        let expected =
            [("a", RouteState::Open), ("b", RouteState::Held), ("c", RouteState::Disabled)];
        for (value, (route, _)) in (0..).zip(&expected) {
            metrics.route(route, "webhook").state.set(value);
        }
        let expected: BTreeMap<_, _> =
            expected.into_iter().map(|(route, state)| (route.to_owned(), state)).collect();
        assert_eq!(read(&registry.encode()), expected);
    }
}
