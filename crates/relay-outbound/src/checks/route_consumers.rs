//! Whether every configured route has its consumers, and a relay that delivers for it.
//!
//! A relay leaves its consumers while a route holds, so that nobody reads them does not mean that nobody runs. The relay's
//! own word decides where it can be asked; else, whether a relay reads for any other route.

use std::net::SocketAddr;

use async_nats::jetstream::consumer::Info;
use async_trait::async_trait;
use event_bus_core::{Chain, wire};
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::{COMPONENT, route_states, unknown};
use crate::config::RouteConfig;
use crate::consumers::{self, ConsumerError, Wanted};
use crate::hold::RouteState;
use crate::store::StreamNames;

pub(super) struct RouteConsumers {
    pub(super) names: StreamNames,
    pub(super) routes: Vec<RouteConfig>,
    pub(super) admin_listen: Option<SocketAddr>,
}

/// What the bus tells about a route.
enum OnBus {
    /// A consumer is missing or unusable.
    Broken(Finding),
    /// Both consumers are there.
    Sound {
        /// Whether some relay reads one of them.
        read: bool,
        pending: u64,
    },
}

#[async_trait]
impl Check for RouteConsumers {
    fn id(&self) -> &'static str {
        "routes"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        match self.look(context).await {
            Ok(findings) => findings,
            Err(error) => vec![unknown(&error)],
        }
    }
}

impl RouteConsumers {
    async fn look(&self, context: &CheckContext) -> Result<Vec<Finding>, ConsumerError> {
        let mut on_bus = Vec::new();
        for route in &self.routes {
            on_bus.push((route, self.on_bus(route, context).await?));
        }
        let own = consumers::look_up(&context.bus, &self.names.events, wire::DOCTOR_NAME).await?;
        let own = own.is_some_and(|info| info.push_bound);
        let some_relay = own || on_bus.iter().any(|(_, on_bus)| on_bus.is_read());
        let states = route_states::ask(self.admin_listen).await;
        let findings = on_bus.into_iter().map(|(route, on_bus)| {
            let state = states.get(&route.name).copied();
            judge(on_bus, state, some_relay).about(&route.name)
        });
        Ok(findings.collect())
    }

    async fn on_bus(
        &self,
        route: &RouteConfig,
        context: &CheckContext,
    ) -> Result<OnBus, ConsumerError> {
        let window = route.window.get();
        let start = route.start.deliver_policy();
        let events = Wanted::events(&self.names, &route.name, &route.subjects, start, window);
        let retries = Wanted::retries(&self.names, &route.name, window, false);
        let mut found: Vec<Info> = Vec::new();
        for wanted in [&events, &retries] {
            let stream = &wanted.stream;
            let Some(info) = consumers::look_up(&context.bus, stream, &route.name).await? else {
                let message = format!("it has no consumer on {stream}: no relay has started it");
                return Ok(OnBus::Broken(Finding::fail("EB0209", message)));
            };
            if let Err(error) = consumers::check(wanted, &info) {
                return Ok(OnBus::Broken(Finding::fail("EB0210", Chain(&error).to_string())));
            }
            found.push(info);
        }
        let read = found.iter().any(|info| info.push_bound);
        let pending = found.iter().map(|info| info.num_pending + info.num_ack_pending as u64).sum();
        Ok(OnBus::Sound { read, pending })
    }
}

impl OnBus {
    fn is_read(&self) -> bool {
        match self {
            Self::Broken(_) => false,
            Self::Sound { read, .. } => *read,
        }
    }
}

fn judge(on_bus: OnBus, state: Option<RouteState>, some_relay: bool) -> Finding {
    let (read, pending) = match on_bus {
        OnBus::Broken(finding) => return finding,
        OnBus::Sound { read, pending } => (read, pending),
    };
    let finding = match (state, read) {
        (Some(RouteState::Held), _) => {
            Finding::warn("EB0207", "held: its destination cannot be reached")
        }
        (Some(RouteState::Disabled), _) => {
            Finding::fail("EB0208", "disabled: its destination says that it is gone")
        }
        (Some(RouteState::Open) | None, true) => Finding::pass("a relay delivers for it"),
        (None, false) if some_relay => Finding::warn(
            "EB0207",
            "a relay runs and takes none of its events: the route is held or disabled",
        ),
        (Some(RouteState::Open) | None, false) => {
            Finding::fail("EB0209", "no relay is connected to its consumers")
        }
    };
    finding.with("pending", pending)
}

#[cfg(test)]
mod tests {
    use event_bus_runtime::Status;

    use super::*;

    #[test]
    fn the_relay_s_word_counts_and_else_whether_anybody_reads() {
        use RouteState::{Disabled, Held, Open};
        for (state, read, some_relay, status, code) in [
            (Some(Open), true, true, Status::Pass, None),
            (Some(Open), false, true, Status::Fail, Some("EB0209")),
            (Some(Held), false, true, Status::Warn, Some("EB0207")),
            (Some(Held), true, true, Status::Warn, Some("EB0207")),
            (Some(Disabled), false, true, Status::Fail, Some("EB0208")),
            (None, true, true, Status::Pass, None),
            (None, false, true, Status::Warn, Some("EB0207")),
            (None, false, false, Status::Fail, Some("EB0209")),
        ] {
            let finding = judge(OnBus::Sound { read, pending: 0 }, state, some_relay);
            assert_eq!((finding.status, finding.code), (status, code), "{state:?} {read}");
        }
    }
}
