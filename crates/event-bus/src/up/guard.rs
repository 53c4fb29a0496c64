//! A process between `up` and its broker, so that no broker outlives `up`, however that ends.
//!
//! The guard starts the broker and reads a pipe that `up` holds open. When the pipe closes, because `up` asked for it
//! or because it was killed, the broker gets SIGTERM, and SIGKILL if it does not heed it. The guard is in a process
//! group of its own: an interrupt from the terminal stops the services first. It heeds no signal but SIGKILL, since
//! only the pipe says that `up` has gone.

use std::ffi::OsString;
use std::io;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use clap::Args;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Failure, Outcome};

/// How long the broker gets to write what it holds. After that it is killed, which loses nothing that was confirmed
/// and synced.
pub(super) const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct GuardArguments {
    /// The broker and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Runs the broker until it ends or standard input closes.
pub(crate) fn guard(arguments: &GuardArguments) -> Outcome {
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err(Failure::usage("a command is missing"));
    };
    let kinds = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];
    // A signal that somebody listens to ends no process, and nobody reads these.
    let _deaf = kinds.map(signal);
    let mut broker = Command::new(program).args(rest).stdin(Stdio::null()).spawn()?;
    let pid = Pid::from_raw(i32::try_from(broker.id())?);
    thread::spawn(move || {
        // An error is an end as well.
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        kill(pid, Signal::SIGTERM).ok();
        thread::sleep(GRACE);
        kill(pid, Signal::SIGKILL).ok();
    });
    let status = broker.wait()?;
    if status.success() { Ok(()) } else { Err(Failure::failed(format!("the broker: {status}"))) }
}
