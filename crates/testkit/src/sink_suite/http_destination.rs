//! The destination half of a harness for sinks that speak HTTP.

use super::Behaviour;
use crate::{CaptureSink, Reply, Script};

/// A capture sink that behaves as the suite asks.
#[derive(Debug)]
pub struct HttpDestination {
    sink: CaptureSink,
}

impl HttpDestination {
    pub async fn start() -> Self {
        Self { sink: CaptureSink::start().await }
    }

    /// Where the sink under test delivers to.
    pub fn url(&self) -> String {
        self.sink.url()
    }

    pub fn sink(&self) -> &CaptureSink {
        &self.sink
    }

    /// An HTTP destination can behave in every way.
    pub async fn behave(&self, behaviour: Behaviour) -> bool {
        let reply = match behaviour {
            Behaviour::Accept => Reply::status(200),
            Behaviour::Refuse => Reply::status(400),
            Behaviour::Busy { retry_after: None } => Reply::status(503),
            Behaviour::Busy { retry_after: Some(wait) } => {
                Reply::status(429).header("Retry-After", &wait.as_secs().to_string())
            }
            Behaviour::Fail => Reply::status(500),
            Behaviour::Reject => Reply::status(401),
            Behaviour::Retire => Reply::status(410),
            Behaviour::Break => Reply::Reset,
            Behaviour::Silence => Reply::Hang,
            Behaviour::RefuseSome => return self.answer(Reply::status(400)).await,
            Behaviour::BreakMidway => return self.answer(Reply::Reset).await,
            Behaviour::Away => {
                self.sink.stop().await;
                return true;
            }
        };
        self.follow(Script::reply(reply)).await
    }

    /// Gives this answer to the events that the suite calls bad.
    async fn answer(&self, to_bad: Reply) -> bool {
        let choose = move |id: &str, _| {
            if id.contains("bad") { to_bad.clone() } else { Reply::status(200) }
        };
        self.follow(Script::per_id(choose)).await
    }

    async fn follow(&self, script: Script) -> bool {
        self.sink.set_script(script);
        if !self.sink.is_listening() {
            self.sink.restart_on_same_port().await;
        }
        true
    }

    /// The ids of the events that were answered with a 2xx.
    pub fn received(&self) -> Vec<String> {
        self.sink.accepted().into_keys().collect()
    }
}
