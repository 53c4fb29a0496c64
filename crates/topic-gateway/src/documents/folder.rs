//! Documents in files.

use std::io;
use std::path::Path;

use tokio::fs;
use tokio::io::AsyncReadExt as _;

use super::{LONGEST, MOST, ReadError};

pub(super) async fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let mut text = Vec::new();
    let file = fs::File::open(path).await.map_err(problem)?;
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut text).await.map_err(problem)?;
    if text.len() > LONGEST { Err(ReadError::TooLong) } else { Ok(text) }
}

/// The names of the files with `.json` at the end.
pub(super) async fn list(folder: &Path) -> Result<Vec<String>, ReadError> {
    let mut names = Vec::new();
    let mut entries = fs::read_dir(folder).await.map_err(problem)?;
    while let Some(entry) = entries.next_entry().await.map_err(problem)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        // A link may lead to a file: in Kubernetes, all of a ConfigMap do.
        let is_file = async || fs::metadata(entry.path()).await.is_ok_and(|found| found.is_file());
        if name.ends_with(".json") && !name.starts_with('.') && is_file().await {
            names.push(name);
        }
        if names.len() > MOST {
            return Err(ReadError::TooMany);
        }
    }
    Ok(names)
}

fn problem(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing,
        _ => ReadError::File(error),
    }
}
