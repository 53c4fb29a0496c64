//! Signals to a real process, which is this test itself; therefore a binary of its own.

use std::process::Command;
use std::time::Duration;

use event_bus_runtime::shutdown;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn hangup_asks_for_a_reload_and_the_first_termination_for_shutdown() {
    let shutdown = shutdown::signals();
    let mut reload = shutdown::reload_signal();
    let send = |signal: &str| {
        // The shell's own; a bare system has no program of that name.
        let kill = format!("kill {signal} {}", std::process::id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    };
    send("-HUP");
    timeout(SOON, reload.recv()).await.unwrap();
    assert!(!shutdown.is_cancelled());
    send("-TERM");
    timeout(SOON, shutdown.cancelled()).await.unwrap();
}
