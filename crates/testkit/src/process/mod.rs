//! Child processes that tests start, signal and kill.

mod bin;
mod child;
mod daemon;

pub use bin::{Bin, Output, Running};
pub use child::Process;
pub use daemon::Daemon;
pub(crate) use daemon::listens;
