//! What the doctor asks about the relay and its routes.

mod answers;
mod backlog;
mod dead_letter_depth;
mod left_behind;
mod losses;
mod proof;
mod receipts;
mod route_consumers;
mod route_states;
mod sinks;

use event_bus_core::Chain;
use event_bus_runtime::check::SecretsCheck;
use event_bus_runtime::{Check, Finding, SecretRef};

use crate::config::{Config, RouteConfig};
use crate::store::StreamNames;

/// Component of these checks.
const COMPONENT: &str = "relay-outbound";

/// The checks of the relay: the proof that it retries and dead-letters first, then how its routes are doing.
///
/// `doctor` says whether `[doctor]` has a secret, which is what makes the relay run the built-in route.
pub fn checks(config: &Config, names: StreamNames, doctor: bool) -> Vec<Box<dyn Check>> {
    let routes = || config.routes.clone();
    vec![
        Box::new(proof::Proof { names: names.clone(), doctor }),
        Box::new(route_consumers::RouteConsumers {
            names: names.clone(),
            routes: routes(),
            admin_listen: config.admin_listen,
        }),
        Box::new(backlog::Backlog { names: names.clone(), routes: routes() }),
        Box::new(losses::Losses { names: names.clone(), routes: routes() }),
        Box::new(dead_letter_depth::DeadLetterDepth { names: names.clone(), routes: routes() }),
        Box::new(left_behind::LeftBehind { names, routes: routes() }),
        Box::new(receipts::Receipts { routes: routes() }),
        Box::new(sinks::Sinks { config: config.clone() }),
        Box::new(SecretsCheck::new(COMPONENT, "EB0211", "EB0212", secrets(&config.routes))),
    ]
}

/// Every secret of the routes, with its path in the configuration.
pub fn secrets(routes: &[RouteConfig]) -> Vec<(String, SecretRef)> {
    let of_route = |(index, route): (usize, &RouteConfig)| {
        let secrets = route.sink.secrets();
        let path =
            move |(key, reference)| (format!("outbound.routes[{index}].sink.{key}"), reference);
        secrets.into_iter().map(path).collect::<Vec<_>>()
    };
    routes.iter().enumerate().flat_map(of_route).collect()
}

/// The bus did not tell what a check asked; the check is broken, not the relay.
fn unknown(error: &(dyn std::error::Error + 'static)) -> Finding {
    Finding::error(format!("the bus did not answer: {}", Chain(error)))
}
