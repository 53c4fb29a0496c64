//! Where the tools are that `./scripts/setup` installs.

use std::path::PathBuf;
use std::process::Command;

use crate::report;

/// A path below the project's folder of tools, if it is there.
pub fn find(path: &str) -> Option<PathBuf> {
    let path = report::workspace_root().join(".tools").join(path);
    path.exists().then_some(path)
}

/// The same; panics with the remedy when it is missing.
pub fn locate(path: &str) -> PathBuf {
    find(path).unwrap_or_else(|| panic!(".tools/{path} is missing; run ./scripts/setup"))
}

/// The first file of that name in the folders of the PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = report::environment("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Runs a Python program with the stock clients (`confluent_kafka`, `boto3`, `cloudevents`) at hand, and returns what it
/// printed. Panics with what it complained about.
pub fn python(program: &str, arguments: &[&str]) -> String {
    let output = Command::new("python3")
        .arg("-c")
        .arg(program)
        .args(arguments)
        .env("PYTHONPATH", locate("python"))
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
