//! What the doctor asks about this service and its topics.

mod documents;
mod keys;

use event_bus_core::subject::Pattern;
use event_bus_runtime::Check;

use crate::config::Config;

/// Component of these checks.
const COMPONENT: &str = "topic-gateway";

/// A route of the relay, as far as topics need to know it.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub subjects: Vec<Pattern>,
    /// Whether it tells what became of its events.
    pub receipts: bool,
}

/// The checks of this service. `routes` are those of the relay, or `None` if another file configures it.
pub fn checks(config: &Config, routes: Option<Vec<Route>>) -> Vec<Box<dyn Check>> {
    vec![
        Box::new(keys::KeyServer { tokens: config.tokens.clone() }),
        Box::new(documents::Documents { config: config.clone(), routes }),
    ]
}
