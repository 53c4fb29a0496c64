//! Child processes that tests start, signal and kill.

mod child;

pub use child::Process;
