//! Whether a process can do its job now, dependency by dependency.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// The dependencies of one service. Cloning is cheap and shares them.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Shared>);

/// Says how one dependency is doing. Until it says so, the dependency is not ready.
#[derive(Clone, Debug)]
pub struct DependencyHandle {
    name: &'static str,
    shared: Arc<Shared>,
}

/// How one dependency is doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DependencyState {
    /// Name from a closed list, such as `bus`.
    pub name: &'static str,
    /// Whether it can be used.
    pub ok: bool,
    /// Its last measured answer time, where one is measured.
    pub latency_ms: Option<u64>,
    /// Why it cannot be used, or what else there is to know.
    pub message: Option<String>,
}

#[derive(Debug)]
struct Shared {
    service: &'static str,
    dependencies: Mutex<Vec<DependencyState>>,
}

impl Readiness {
    /// A service without dependencies, which is ready.
    pub fn new(service: &'static str) -> Self {
        Self(Arc::new(Shared { service, dependencies: Mutex::new(Vec::new()) }))
    }

    /// Adds a dependency, not ready yet. The same name again gives the same dependency.
    pub fn dependency(&self, name: &'static str) -> DependencyHandle {
        let mut dependencies = self.0.lock();
        if !dependencies.iter().any(|dependency| dependency.name == name) {
            let message = Some("not ready yet".to_owned());
            dependencies.push(DependencyState { name, ok: false, latency_ms: None, message });
        }
        DependencyHandle { name, shared: Arc::clone(&self.0) }
    }

    /// Name of the service.
    pub fn service(&self) -> &'static str {
        self.0.service
    }

    /// Whether every dependency can be used.
    pub fn is_ready(&self) -> bool {
        self.0.lock().iter().all(|dependency| dependency.ok)
    }

    /// Each dependency as it is now, in the order in which they were added.
    pub fn dependencies(&self) -> Vec<DependencyState> {
        self.0.lock().clone()
    }
}

impl DependencyHandle {
    /// It can be used.
    pub fn set_ok(&self) {
        self.set(true, None, None);
    }

    /// It can be used and answered within `latency`.
    pub fn set_ok_after(&self, latency: Duration) {
        self.set(true, Some(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)), None);
    }

    /// It can be used, and there is something to know; the message is shown to whoever asks, so it holds no secret.
    pub fn set_ok_but(&self, message: impl Into<String>) {
        self.set(true, None, Some(message.into()));
    }

    /// It cannot be used; the message is shown to whoever asks, so it holds no secret.
    pub fn set_failed(&self, message: impl Into<String>) {
        self.set(false, None, Some(message.into()));
    }

    fn set(&self, ok: bool, latency_ms: Option<u64>, message: Option<String>) {
        let state = DependencyState { name: self.name, ok, latency_ms, message };
        for dependency in self.shared.lock().iter_mut() {
            if dependency.name == self.name {
                dependency.clone_from(&state);
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<DependencyState>> {
        self.dependencies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_once_every_dependency_is() {
        let readiness = Readiness::new("relay-outbound");
        let bus = readiness.dependency("bus");
        let streams = readiness.dependency("streams");
        assert!(!readiness.is_ready());
        bus.set_ok_after(Duration::from_millis(3));
        assert!(!readiness.is_ready());
        streams.set_ok();
        assert!(readiness.is_ready());
        bus.set_failed("disconnected");
        assert!(!readiness.is_ready());
        assert_eq!(readiness.dependencies()[0].message.as_deref(), Some("disconnected"));
    }
}
