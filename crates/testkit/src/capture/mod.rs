//! An HTTP destination that records what it gets and answers by a script.

mod request;
mod script;
mod server;
mod tls;

pub use request::CapturedRequest;
pub use script::{Answer, Reply, Script};
pub use server::{CaptureSink, Record};
