//! `event-bus`: every mode of Event Bus Bridge in one binary.
//!
//! Exit codes: 0 for success and a clean stop, 1 for a failed start or a finding, 64 for bad configuration or usage.
//! Results go to stdout, everything else to stderr.

mod cli;
mod commands;
mod config;
mod failure;
mod output;
mod reference;
mod service;
mod up;

use std::process::ExitCode;
use std::time::Duration;

use mimalloc::MiMalloc;

use crate::cli::Cli;
use crate::failure::Failure;

/// A quarter of the time that a webhook takes was spent in the allocator of the C library.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What a task that ignores its end may cost at the end of the process.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = match Cli::from_arguments(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    event_bus_runtime::install_crypto_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(Box::pin(cli.run()));
            runtime.shutdown_timeout(SHUTDOWN_LIMIT);
            outcome
        }
        Err(error) => Err(Failure::from(error)),
    };
    failure::report(outcome)
}
