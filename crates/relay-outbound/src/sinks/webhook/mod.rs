//! CloudEvents over HTTP POST, signed by Standard Webhooks.

mod auth;
mod config;
mod connect;
mod gzip;
mod handshake;
mod request;
mod sink;

pub use auth::{AuthConfig, BasicConfig};
pub use config::{Config, Mode};
pub use connect::{Http2, TlsConfig};
pub use handshake::ValidationConfig;
pub use sink::WebhookSink;
