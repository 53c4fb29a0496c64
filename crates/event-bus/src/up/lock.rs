//! One `up` at a time in a folder: two brokers on one store would overwrite what each other has confirmed.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::failure::Failure;

/// The right to use a folder, until this is dropped and every process that was started meanwhile has ended.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder where it is missing, and takes it, unless another `up` or its broker has it.
    pub(super) fn take(folder: &Path) -> Result<Self, Failure> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            let folder = folder.display();
            Failure::failed(format!("{folder} {what}: {error}; choose a folder with --data"))
        };
        fs::create_dir_all(folder).map_err(|error| failed("cannot be made", &error))?;
        let path = folder.join("lock");
        let opened = File::options().create(true).write(true).truncate(false).open(path);
        let file = opened.map_err(|error| failed("cannot be written", &error))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Failure::failed(format!(
                "another `event-bus up` uses {}, or its broker is still stopping; choose another folder with --data",
                folder.display()
            )),
            TryLockError::Error(error) => failed("cannot be locked", &error),
        })?;
        // The broker inherits it: where this process is killed, the folder is free when the broker has ended.
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(Self { _file: file })
    }
}
