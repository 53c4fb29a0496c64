//! The files of the project, read from the disk and not from git, so that an archive works too.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// What `.gitignore` names, and git's own folder, which is a file in a further worktree.
const SKIPPED: [&str; 5] = [".git", ".run", ".tools", "node_modules", "target"];

/// A file of the project.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Relative to the root, with slashes.
    pub(crate) path: String,
    /// Empty when the content is not UTF-8.
    pub(crate) text: String,
    pub(crate) executable: bool,
}

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).map(Path::to_owned).expect("xtask lives two folders below the root")
}

/// Every file below `root` in order of its path.
pub(crate) fn files(root: &Path) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    collect(root, root, &mut files)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, files)?;
            }
        } else if kind.is_file() && name != ".git" && !name.ends_with(".log") {
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            files.push(File {
                path: path.strip_prefix(root)?.to_string_lossy().into_owned(),
                text: String::from_utf8(bytes).unwrap_or_default(),
                executable: entry.metadata()?.permissions().mode() & 0o111 != 0,
            });
        }
    }
    Ok(())
}
