use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::*;
use crate::http::{Response, try_send};

/// A small sink, right or wrong in one way.
struct Harness {
    destination: HttpDestination,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    EveryAnswerIsSuccess,
    SilenceIsSuccess,
    SendsNothing,
    RetriesRefusals,
    IgnoresRetryAfter,
    DropsTheUnreachable,
    NeverDisables,
    OneResultForAll,
}

impl Harness {
    async fn start(fault: Fault) -> Self {
        Self { destination: HttpDestination::start().await, fault }
    }

    fn judge(&self, response: &Response) -> Outcome {
        let after = response.header("retry-after").and_then(|text| text.parse().ok());
        match response.status {
            _ if self.fault == Fault::EveryAnswerIsSuccess => Outcome::Delivered,
            200..=299 => Outcome::Delivered,
            410 if self.fault != Fault::NeverDisables => Outcome::Disable,
            400 if self.fault != Fault::RetriesRefusals => Outcome::DeadLetter,
            _ if self.fault == Fault::IgnoresRetryAfter => Outcome::Retry { after: None },
            _ => Outcome::Retry { after: after.map(Duration::from_secs) },
        }
    }
}

impl SinkHarness for Harness {
    async fn behave(&mut self, behaviour: Behaviour) -> bool {
        self.destination.behave(behaviour).await
    }

    async fn deliver(&mut self, batch: &[Vec<u8>]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for event in batch {
            outcomes.push(self.post(event).await);
        }
        if self.fault == Fault::OneResultForAll {
            let first = outcomes[0];
            outcomes.fill(first);
        }
        outcomes
    }

    async fn received(&mut self) -> Vec<String> {
        self.destination.received()
    }

    async fn close(self) {}
}

impl Harness {
    async fn post(&mut self, event: &[u8]) -> Outcome {
        if self.fault == Fault::SendsNothing {
            return Outcome::Delivered;
        }
        let url = self.destination.url();
        let request = try_send("POST", &url, &[], event);
        match tokio::time::timeout(Duration::from_secs(2), request).await {
            Ok(Ok(response)) => self.judge(&response),
            Err(_) if self.fault == Fault::SilenceIsSuccess => Outcome::Delivered,
            Ok(Err(_)) if self.fault == Fault::DropsTheUnreachable => Outcome::DeadLetter,
            Ok(Err(_)) | Err(_) => Outcome::Hold,
        }
    }
}

#[tokio::test]
async fn a_sound_sink_passes() {
    check(Harness::start(Fault::None).await).await;
}

#[tokio::test]
async fn each_fault_is_found() {
    for (fault, complaint) in [
        (Fault::EveryAnswerIsSuccess, "its own outcome"),
        (Fault::SilenceIsSuccess, "Silence"),
        (Fault::SendsNothing, "is not at the destination"),
        (Fault::RetriesRefusals, "its own outcome"),
        (Fault::IgnoresRetryAfter, "the wait that the destination asks for"),
        (Fault::DropsTheUnreachable, "says nothing about an event"),
        (Fault::NeverDisables, "Retire"),
        (Fault::OneResultForAll, "each event of a batch has its own outcome"),
    ] {
        let verdict = AssertUnwindSafe(check(Harness::start(fault).await)).catch_unwind().await;
        let panic = verdict.expect_err(&format!("{fault:?} was not found"));
        let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(message.contains(complaint), "{fault:?}: {message}");
    }
}
