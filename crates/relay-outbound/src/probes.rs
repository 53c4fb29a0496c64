//! Whether the destinations of routes could take events now, for those who ask again and again.

use std::fmt;
use std::sync::Arc;

use event_bus_core::Chain;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::relay::{BuildError, Relay};
use crate::route::Route;

/// Asks the destination of one route. It has connections of its own, and never sends an event. Cloning is cheap.
#[derive(Clone)]
pub struct Probe(Arc<Route>);

impl Probe {
    /// Kind of the sink.
    pub fn kind(&self) -> &'static str {
        self.0.config().sink.settings().kind()
    }

    /// What was seen, or why no event could be delivered.
    pub async fn ask(&self) -> Result<String, String> {
        self.0.check().await.map_err(|error| Chain(&error).to_string())
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Probe").field(&self.0.name()).finish()
    }
}

impl Relay {
    /// A probe for each route that tells what becomes of its events.
    pub fn probes(&self, config: &Config) -> Result<Vec<Probe>, BuildError> {
        let routes = config.routes.iter().filter(|route| route.receipts);
        let built = routes.map(|route| {
            let route = self.build_route(config, route.clone(), CancellationToken::new(), false);
            route.map(|route| Probe(Arc::new(route)))
        });
        built.collect()
    }
}
