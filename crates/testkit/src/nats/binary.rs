//! Finds the `nats-server` binaries that `./scripts/setup` installs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report;

/// The version that most tests run on.
pub const NEWEST: &str = "2.15.1";

/// Every version that the project promises to work with, newest first.
pub const VERSIONS: [&str; 3] = [NEWEST, "2.10.26", "2.9.10"];

/// The versions of [`VERSIONS`] that are on this machine. Missing ones are named on standard error.
///
/// Panics when there is none at all, since a suite over no versions would prove nothing.
pub fn nats_versions() -> Vec<&'static str> {
    let mut present = Vec::new();
    for version in VERSIONS {
        if find(version).is_some() {
            present.push(version);
        } else {
            report::loudly_once(&format!(
                "nats-server {version} is missing, NOTHING IS TESTED ON IT; run ./scripts/setup"
            ));
        }
    }
    assert!(!present.is_empty(), "no nats-server found; run ./scripts/setup");
    present
}

/// The binary of `version`; panics with the remedy when it is missing.
pub fn locate(version: &str) -> PathBuf {
    find(version).unwrap_or_else(|| panic!("nats-server {version} not found; run ./scripts/setup"))
}

fn find(version: &str) -> Option<PathBuf> {
    let chosen = (version == NEWEST).then(|| report::environment("NATS_SERVER")).flatten();
    let tools = report::workspace_root().join(".tools");
    let candidates = chosen
        .map(PathBuf::from)
        .into_iter()
        .chain([tools.join(format!("nats-server-{version}/nats-server"))]);
    candidates.into_iter().find(|path| path.is_file()).or_else(|| on_path(version))
}

/// A `nats-server` of the PATH, when it is of that version.
fn on_path(version: &str) -> Option<PathBuf> {
    let path = report::environment("PATH")?;
    let binary = std::env::split_paths(&path)
        .map(|folder| folder.join("nats-server"))
        .find(|path| path.is_file())?;
    (version_of(&binary)? == version).then_some(binary)
}

fn version_of(binary: &Path) -> Option<String> {
    let output = Command::new(binary).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().strip_prefix("nats-server: v").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_server_is_there() {
        assert!(nats_versions().contains(&NEWEST), "run ./scripts/setup");
    }

    #[test]
    fn each_binary_is_of_the_version_in_its_name() {
        for version in nats_versions() {
            if version == NEWEST && report::environment("NATS_SERVER").is_some() {
                continue;
            }
            assert_eq!(version_of(&locate(version)).as_deref(), Some(version));
        }
    }
}
