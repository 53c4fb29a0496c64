//! What a check of the doctor is. Each service exports its own; the doctor runs them.

mod secrets;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::wire;
use serde::Serialize;

use crate::bus::{Bus, StreamsConfig};
use crate::clock::Clock;
use crate::secret::{SecretRef, SecretResolver};

pub use secrets::SecretsCheck;

/// How long one check may take unless the caller says otherwise.
const DEADLINE: Duration = Duration::from_secs(20);

/// One question about a running system, answered by findings.
#[async_trait]
pub trait Check: Send + Sync {
    /// Stable name of the check, such as `stream-settings`.
    fn id(&self) -> &'static str;

    /// The part of the system that it looks at, such as `bus` or `serve-inbound`.
    fn component(&self) -> &'static str;

    /// What a failure of this check means for the whole.
    fn severity(&self) -> Severity;

    /// Whether it has nothing to ask while the broker is away. Then it is skipped, and the
    /// readiness alone is red.
    fn needs_bus(&self) -> bool {
        true
    }

    /// Secrets that it comes near. Whatever it finds, their values are struck from the report.
    fn secrets(&self) -> Vec<SecretRef> {
        Vec::new()
    }

    /// Looks, within [`CheckContext::deadline`], and changes nothing that outlives the run.
    async fn run(&self, context: &CheckContext) -> Vec<Finding>;
}

/// How much a failed check matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The system does not do its job without it.
    Required,
    /// The system works, yet an operator should act.
    Recommended,
    /// Worth knowing.
    Informational,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// As it should be.
    Pass,
    /// Works, but should be mended.
    Warn,
    /// Does not work.
    Fail,
    /// Could not be asked here; the message says why.
    Skip,
    /// The check itself broke before it knew the answer.
    Error,
}

/// One answer of a check. It never holds a secret.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Stable code with a page of its own, such as `EB0007`; none where nothing is to be done.
    pub code: Option<&'static str>,
    /// What it is about where a check looks at several things, such as the name of a route.
    pub about: Option<String>,
    /// The verdict.
    pub status: Status,
    /// One sentence for a person: lowercase, no full stop.
    pub message: String,
    /// The facts behind the verdict, for a program.
    pub evidence: BTreeMap<String, serde_json::Value>,
}

/// What a check may use.
pub struct CheckContext {
    /// Connection to the broker; it may be down.
    pub bus: Bus,
    /// The streams as they are configured.
    pub streams: StreamsConfig,
    /// Time.
    pub clock: Clock,
    /// How long one check may take.
    pub deadline: Duration,
    /// Resolves the secrets that the configuration names.
    pub secrets: SecretResolver,
    /// Names this run in subjects, so that its events can be told from others and removed: 32
    /// hexadecimal digits.
    pub run_id: String,
}

impl CheckContext {
    /// The context of a new run, with a run id of its own.
    pub fn new(bus: Bus, streams: StreamsConfig, secrets: SecretResolver, clock: Clock) -> Self {
        let run_id = format!("{:032x}", rand::random::<u128>());
        Self { bus, streams, clock, deadline: DEADLINE, secrets, run_id }
    }

    /// Subject of this run's events for one purpose, such as `roundtrip`.
    pub fn subject(&self, purpose: &str) -> String {
        format!("{}.{}.{purpose}", wire::DOCTOR_ROOT, self.run_id)
    }
}

impl Finding {
    /// A finding without a code.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self { code: None, about: None, status, message: message.into(), evidence: BTreeMap::new() }
    }

    /// All is well.
    pub fn pass(message: impl Into<String>) -> Self {
        Self::new(Status::Pass, message)
    }

    /// Should be mended; `code` names the page that says how.
    pub fn warn(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Some(code), ..Self::new(Status::Warn, message) }
    }

    /// Is broken; `code` names the page that says how to mend it.
    pub fn fail(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Some(code), ..Self::new(Status::Fail, message) }
    }

    /// Could not be asked.
    pub fn skip(message: impl Into<String>) -> Self {
        Self::new(Status::Skip, message)
    }

    /// The check broke.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Status::Error, message)
    }

    /// Says which of several things it is about.
    #[must_use]
    pub fn about(mut self, thing: impl Into<String>) -> Self {
        self.about = Some(thing.into());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.evidence.insert(name.into(), value.into());
        self
    }
}

/// Where to reach a listener of this machine that listens at `address`.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_on_this_machine() {
        for (listens, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), reached);
        }
    }
}
