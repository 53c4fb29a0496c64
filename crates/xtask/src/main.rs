//! Checks of the tree itself: `cargo test -p xtask` runs them, `cargo run -p xtask -- tidy` prints them.

mod sizes;
mod tidy;
mod tree;

use std::process::ExitCode;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool prints its results"
)]
fn main() -> anyhow::Result<ExitCode> {
    let root = tree::root();
    match std::env::args().nth(1).as_deref() {
        Some("sizes") => {
            println!("{}", sizes::report(&tree::files(&root)?));
            Ok(ExitCode::SUCCESS)
        }
        Some("tidy") => {
            let findings = tidy::check(&root)?;
            for finding in &findings {
                println!("{finding}");
            }
            Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        _ => {
            eprintln!("usage: cargo run -p xtask -- tidy|sizes");
            Ok(ExitCode::from(64))
        }
    }
}
