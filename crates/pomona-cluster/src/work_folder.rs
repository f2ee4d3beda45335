//! [`WorkFolder`]: an executor's folder for results between stages.
//!
//! Ballista removes every folder in the folder that it is given, so it is given one of its own. A
//! process that is killed leaves its folder behind; the next executor there removes it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::ClusterError;

/// How the names of folders begin that executors make.
const PREFIX: &str = "pomona-executor-";

/// A folder below `--work-dir`, and a lock beside it that the system releases when the process
/// ends, however it ends.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    lock: PathBuf,
    _held: File,
}

impl WorkFolder {
    /// Makes a folder below `root`, and removes those of executors that are gone.
    ///
    /// # Errors
    /// [`ClusterError::WorkDir`] when nothing can be written there.
    pub(crate) fn open(root: &Path) -> Result<Self, ClusterError> {
        Self::make(root).map_err(|source| ClusterError::WorkDir {
            folder: root.to_path_buf(),
            source,
        })
    }

    fn make(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        sweep(root)?;
        let path = root.join(format!("{PREFIX}{}", Uuid::new_v4()));
        let lock = path.with_extension("lock");
        let held = File::create_new(&lock)?;
        held.lock()?;
        fs::create_dir(&path)?;
        Ok(Self {
            path,
            lock,
            _held: held,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        remove(&self.path, &self.lock);
    }
}

/// Removes the folders of executors that hold their lock no more.
fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let lock = entry?.path();
        let name = lock.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(PREFIX) || !name.ends_with(".lock") {
            continue;
        }
        // One that another executor removes at the same moment is gone.
        let Ok(file) = File::open(&lock) else {
            continue;
        };
        match file.try_lock() {
            Ok(()) => {
                let folder = lock.with_extension("");
                log::info!("removes '{}', whose executor is gone", folder.display());
                remove(&folder, &lock);
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Removes a folder and then its lock. What cannot be removed is tried again by the next executor.
fn remove(folder: &Path, lock: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            log::warn!("'{}' cannot be removed: {error}", folder.display());
        }
        _ => {
            let _ = fs::remove_file(lock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_gone_are_removed_and_no_others() {
        let root = tempfile::tempdir().unwrap();
        let theirs = root.path().join("precious");
        fs::create_dir(&theirs).unwrap();
        let living = WorkFolder::open(root.path()).unwrap();
        // As a process leaves it that was killed.
        let gone = root.path().join(format!("{PREFIX}gone"));
        fs::create_dir(&gone).unwrap();
        fs::write(gone.join("data"), "x").unwrap();
        File::create(gone.with_extension("lock")).unwrap();

        let next = WorkFolder::open(root.path()).unwrap();
        assert!(theirs.exists() && living.path().exists() && next.path().exists());
        assert!(!gone.exists() && !gone.with_extension("lock").exists());
        drop((living, next));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
