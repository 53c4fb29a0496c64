//! Messages that must be seen even when a test passes.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

static SAID: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// Prints a line to standard error, past the capture of the test harness.
pub fn loudly(message: &str) {
    // Nothing can be done for a closed standard error.
    drop(writeln!(std::io::stderr(), "testkit: {message}"));
}

/// Like [`loudly`], but each message only once in a process.
pub fn loudly_once(message: &str) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.insert(message.to_owned()) {
        loudly(message);
    }
}

/// The folder that holds the workspace's `Cargo.toml`.
pub fn workspace_root() -> PathBuf {
    let crates = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    crates.ancestors().nth(2).map(PathBuf::from).expect("testkit lives two folders below the root")
}

/// An environment variable of the test run, when it is set and valid Unicode.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own switches are no settings of a service"
)]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
