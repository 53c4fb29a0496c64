//! Slack's side of an incoming webhook.
//!
//! It answers as documented: 200 and `ok`, or a status and one word in plain text, 429 with `Retry-After`. It cannot
//! render, and it checks no more of a message than that it is JSON with a text.

use std::sync::{Arc, Mutex};

use testkit::sink_suite::Behaviour;
use testkit::{CaptureSink, CapturedRequest, Reply, Script};

/// The path of the stub's hook, which is the secret.
pub(crate) const SECRET_PATH: &str = "services/T00000000/B00000000/XXXXhushXXXX";

pub(crate) struct Slack {
    pub(crate) sink: CaptureSink,
    posted: Arc<Mutex<Vec<String>>>,
}

impl Slack {
    pub(crate) async fn start() -> Self {
        let slack = Self { sink: CaptureSink::start().await, posted: Arc::default() };
        slack.answer(|_| ok());
        slack
    }

    /// The URL of the hook.
    pub(crate) fn hook(&self) -> String {
        format!("{}{SECRET_PATH}", self.sink.url())
    }

    /// Texts of the messages that are in the channel.
    pub(crate) fn posted(&self) -> Vec<String> {
        self.posted.lock().unwrap().clone()
    }

    /// Answers each text so from now on.
    pub(crate) fn answer(&self, choose: impl Fn(&str) -> Reply + Send + Sync + 'static) {
        let posted = Arc::clone(&self.posted);
        self.sink.set_script(Script::per_request(move |request| {
            let text = text(request);
            let reply = choose(&text);
            if matches!(&reply, Reply::Answer(answer) if answer.status == 200) {
                posted.lock().unwrap().push(text);
            }
            reply
        }));
    }

    pub(crate) async fn behave(&self, behaviour: Behaviour) -> bool {
        let reply = match behaviour {
            Behaviour::Accept => ok(),
            Behaviour::Refuse => error(400, "invalid_blocks"),
            Behaviour::Busy { retry_after: None } | Behaviour::Fail => error(500, "rollup_error"),
            Behaviour::Busy { retry_after: Some(wait) } => {
                error(429, "rate_limited").header("Retry-After", &wait.as_secs().to_string())
            }
            // Slack says 403 to a token that it does not know, and that is for good.
            Behaviour::Reject => return false,
            Behaviour::Retire => error(410, "channel_is_archived"),
            Behaviour::Break => Reply::Reset,
            Behaviour::RefuseSome => {
                self.answer(|text| if text.contains("bad") { error(400, "no_text") } else { ok() });
                return true;
            }
            Behaviour::BreakMidway => {
                self.answer(|text| if text.contains("bad") { Reply::Reset } else { ok() });
                return true;
            }
            Behaviour::Silence => Reply::Hang,
            Behaviour::Away => {
                self.sink.stop().await;
                return true;
            }
        };
        self.answer(move |_| reply.clone());
        if !self.sink.is_listening() {
            self.sink.restart_on_same_port().await;
        }
        true
    }
}

/// The text of a message.
pub(crate) fn text(request: &CapturedRequest) -> String {
    request.json()["text"].as_str().unwrap().to_owned()
}

pub(crate) fn ok() -> Reply {
    Reply::status(200).header("Content-Type", "text/html").body("ok")
}

pub(crate) fn error(status: u16, word: &'static str) -> Reply {
    Reply::status(status).header("Content-Type", "text/html").body(word)
}
