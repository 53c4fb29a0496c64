//! Which routes have their consumers, for the relay's readiness.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_bus_core::Chain;
use event_bus_runtime::DependencyHandle;

use crate::route::Route;

/// Wait between two tries to set a route up.
pub(crate) const SET_UP_AGAIN: Duration = Duration::from_secs(2);

/// Routes that are still being set up. Cloning is cheap and shares them.
#[derive(Clone, Debug)]
pub(crate) struct SetUp {
    readiness: DependencyHandle,
    waiting: Arc<Mutex<BTreeSet<String>>>,
    /// What was said last about each route that does not run.
    said: Arc<Mutex<BTreeMap<String, String>>>,
}

impl SetUp {
    /// Nothing is ready yet.
    pub(crate) fn new(readiness: DependencyHandle) -> Self {
        Self { readiness, waiting: Arc::default(), said: Arc::default() }
    }

    /// A route begins.
    pub(crate) fn begin(&self, route: &str) {
        self.lock().insert(route.to_owned());
    }

    /// A route is no longer wanted.
    pub(crate) fn forget(&self, route: &str) {
        self.lock().remove(route);
    }

    /// Forgets every route that the configuration no longer wants, also one that never ran.
    pub(crate) fn keep(&self, wanted: impl Fn(&str) -> bool) {
        self.lock().retain(|route| wanted(route));
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|route, _| wanted(route));
    }

    /// Says so if nothing is left to wait for.
    pub(crate) fn report(&self) {
        if self.lock().is_empty() {
            self.readiness.set_ok();
        }
    }

    /// A route has its consumers.
    pub(crate) fn done(&self, route: &str) {
        self.forget(route);
        self.report();
    }

    /// A route does not run; the message says why. Returns whether that is news.
    pub(crate) fn failed(&self, route: &str, error: &(dyn Error + 'static)) -> bool {
        let message = format!("route {route}: {}", Chain(error));
        self.lock().insert(route.to_owned());
        self.readiness.set_failed(message.as_str());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(route.to_owned(), message.clone()) != Some(message)
    }

    /// Does something that a route needs on the bus, again and again until it succeeds. `None` if the route stops before.
    pub(crate) async fn until_done<T, E: Error + 'static, A: Future<Output = Result<T, E>>>(
        &self,
        route: &Route,
        attempt: impl Fn() -> A,
    ) -> Option<T> {
        loop {
            match attempt().await {
                Ok(done) => return Some(done),
                Err(error) => {
                    if self.failed(route.name(), &error) {
                        tracing::error!(route = route.name(), error = %Chain(&error), "route cannot start; trying again");
                    }
                }
            }
            tokio::select! {
                () = route.stopping() => return None,
                () = tokio::time::sleep(SET_UP_AGAIN) => {}
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use event_bus_runtime::Readiness;

    use super::*;

    #[test]
    fn a_failed_route_that_is_no_longer_wanted_does_not_hold_up_readiness() {
        let readiness = Readiness::new("relay-outbound");
        let set_up = SetUp::new(readiness.dependency("routes"));
        set_up.failed("broken", &io::Error::other("no topic"));
        set_up.keep(|route| route == "broken");
        set_up.report();
        assert!(!readiness.is_ready());
        set_up.keep(|route| route == "other");
        set_up.report();
        assert!(readiness.is_ready());
    }
}
