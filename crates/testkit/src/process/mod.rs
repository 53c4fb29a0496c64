//! Child processes that tests start, signal and kill.

mod bin;
mod child;

pub use bin::{Bin, Output, Running};
pub use child::Process;
