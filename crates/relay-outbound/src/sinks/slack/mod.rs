//! Messages to a channel of Slack by an incoming webhook.

mod answer;
mod blocks;
mod config;
mod cut;
mod message;
mod ready_made;
mod sink;

pub use config::Config;
pub use ready_made::ReadyMade;
pub use sink::SlackSink;
