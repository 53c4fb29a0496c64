//! Finds a `nats-server` to run.

use std::path::{Path, PathBuf};

use event_bus_runtime::EnvMap;

use crate::failure::Failure;

const NAME: &str = "nats-server";

/// Names the server where `--nats-server` does not.
const VARIABLE: &str = "NATS_SERVER";

/// Folder of the project's own tools, below the working directory or above the binary.
const TOOLS: &str = ".tools";

/// The server: the named one, that of `NATS_SERVER`, beside this binary, in `.tools`, or on the `PATH`.
pub(super) fn nats_server(named: Option<&Path>, env: &EnvMap) -> Result<PathBuf, Failure> {
    let variable = env.get(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = named.map(Path::to_owned).or(variable) {
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Failure::usage(format!("there is no nats-server at {}", path.display())))
        };
    }
    let binary = std::env::current_exe().ok();
    let folders = env.get("PATH").map(|paths| std::env::split_paths(paths).collect::<Vec<_>>());
    let beside = binary.iter().filter_map(|binary| binary.parent()).map(|folder| folder.join(NAME));
    let above = binary.iter().flat_map(|binary| binary.ancestors().skip(1));
    let tools = std::iter::once(Path::new(".")).chain(above).filter_map(newest_in_tools);
    let on_path = folders.into_iter().flatten().map(|folder| folder.join(NAME));
    beside.chain(tools).chain(on_path).find(|path| path.is_file()).ok_or_else(|| {
        Failure::failed(
            "no nats-server is installed; run ./scripts/setup, or name one with --nats-server or NATS_SERVER",
        )
    })
}

/// `.tools/nats-server-<version>/nats-server` of the highest version below a folder.
fn newest_in_tools(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder.join(TOOLS)).ok()?;
    let versions = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let version = path.file_name()?.to_str()?.strip_prefix("nats-server-")?.to_owned();
        let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
        Some((numbers, path.join(NAME)))
    });
    versions.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_server_of_the_tools_is_found() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest_in_tools(folder.path()), None);
        for version in ["2.9.10", "2.15.1", "2.10.26"] {
            let home = folder.path().join(TOOLS).join(format!("nats-server-{version}"));
            std::fs::create_dir_all(&home).unwrap();
            std::fs::write(home.join(NAME), "").unwrap();
        }
        let found = newest_in_tools(folder.path()).unwrap();
        assert!(found.ends_with("nats-server-2.15.1/nats-server"), "{}", found.display());
    }

    #[test]
    fn a_named_server_that_is_not_there_is_no_other_one() {
        let error = nats_server(Some(Path::new("/gone/nats-server")), &EnvMap::default());
        assert!(error.unwrap_err().to_string().contains("/gone/nats-server"));
    }
}
