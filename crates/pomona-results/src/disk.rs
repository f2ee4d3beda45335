//! What a disk needs and a store does by itself: files that outlast a loss of power, and steps
//! that no two processes do at once.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::time::sleep;

use crate::ResultsError;

/// How long a step of another process is waited for. It takes milliseconds, unless that process is
/// suspended.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs blocking work on the threads for it.
async fn blocking<T: Send + 'static>(
    action: &'static str,
    path: PathBuf,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, ResultsError> {
    let named = path.clone();
    let done = tokio::task::spawn_blocking(move || work(&path)).await;
    let done = done.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
    done.map_err(|source| ResultsError::Disk {
        action,
        path: named,
        source,
    })
}

/// The length and the sha256 of a file, whose bytes are on the disk when this returns.
pub(crate) async fn digest(path: PathBuf) -> Result<(u64, String), ResultsError> {
    blocking("read", path, |path| {
        let mut file = File::open(path)?;
        let (mut sha256, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => {
                    sha256.update(&buffer[..read]);
                    bytes += read as u64;
                }
            }
        }
        if cfg!(unix) {
            file.sync_all()?;
        }
        Ok((bytes, format!("{:x}", sha256.finalize())))
    })
    .await
}

/// Writes the folders of some files to the disk, so that the names of these outlast a loss of
/// power, up to `root`.
pub(crate) async fn sync_folders(root: PathBuf, files: Vec<PathBuf>) -> Result<(), ResultsError> {
    blocking("write to the disk", root, move |root| {
        let mut folders = BTreeSet::new();
        for file in &files {
            let above = file.ancestors().skip(1);
            folders.extend(above.take_while(|folder| folder.starts_with(root)));
        }
        folders.into_iter().try_for_each(sync_folder)
    })
    .await
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems of the network know no such thing.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Creates a file in one piece where there is none, by way of another name, and returns whether it did. What a
/// crash leaves under that name the next call removes.
pub(crate) async fn create(
    to: PathBuf,
    staged: PathBuf,
    bytes: Vec<u8>,
) -> Result<bool, ResultsError> {
    blocking("create", to, move |to| {
        write_anew(&staged, &bytes)?;
        let linked = fs::hard_link(&staged, to);
        fs::remove_file(&staged)?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            linked => linked.map(|()| true),
        }
    })
    .await
}

/// Writes a file that has no other name: what is there may be a link to one that a crash left.
fn write_anew(path: &Path, bytes: &[u8]) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Replaces a file in one piece, by way of another name; if `is_durable`, returns when it is on the
/// disk.
pub(crate) async fn replace(
    to: PathBuf,
    staged: PathBuf,
    bytes: Vec<u8>,
    is_durable: bool,
) -> Result<(), ResultsError> {
    blocking("write", to, move |to| {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = write_anew(&staged, &bytes)?;
        if is_durable {
            file.sync_all()?;
        }
        drop(file);
        fs::rename(&staged, to)?;
        match to.parent() {
            Some(folder) if is_durable => sync_folder(folder),
            _ => Ok(()),
        }
    })
    .await
}

/// What keeps other processes out while it lives.
#[derive(Debug)]
pub(crate) struct Alone {
    _folder: Option<File>,
}

impl Alone {
    /// On a store, whose requests are conditional instead.
    pub(crate) const STORE: Self = Self { _folder: None };

    /// Waits until no other process is within such a step in a folder, and keeps them out of it.
    ///
    /// # Errors
    /// [`ResultsError::StandsStill`] when another process stays there.
    pub(crate) async fn in_folder(folder: &Path) -> Result<Self, ResultsError> {
        let Ok(file) = File::open(folder) else {
            return Ok(Self::STORE);
        };
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        _folder: Some(file),
                    });
                }
                // A file system without locks: what follows is compared before and after.
                Err(TryLockError::Error(_)) => return Ok(Self::STORE),
                Err(TryLockError::WouldBlock) if began.elapsed() > PATIENCE => {
                    return Err(ResultsError::StandsStill {
                        folder: folder.to_path_buf(),
                    });
                }
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_digest_is_that_of_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(path).await.unwrap(), (3, expected.to_string()));
        assert!(digest(folder.path().join("none")).await.is_err());
    }

    #[tokio::test]
    async fn a_file_is_created_once_whatever_a_crash_left() {
        let folder = tempfile::tempdir().unwrap();
        let (to, staged) = (folder.path().join("a/x"), folder.path().join("a/x#0"));
        let write = |bytes: &str| create(to.clone(), staged.clone(), bytes.into());
        assert!(write("one").await.unwrap());
        assert!(!write("two").await.unwrap());
        // Killed before it had its name, and after.
        fs::remove_file(&to).unwrap();
        fs::write(&staged, "half").unwrap();
        assert!(write("three").await.unwrap());
        fs::hard_link(&to, &staged).unwrap();
        assert!(!write("four").await.unwrap());
        assert_eq!(fs::read_to_string(&to).unwrap(), "three");
        fs::hard_link(&to, &staged).unwrap();
        let replaced = replace(to.clone(), staged.clone(), "five".into(), false);
        replaced.await.unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "five");
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn one_at_a_time_is_alone_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Alone::in_folder(folder.path()).await.unwrap();
        let second = Alone::in_folder(folder.path());
        let waited = tokio::time::timeout(Duration::from_millis(100), second).await;
        assert!(waited.is_err());
        drop(first);
        Alone::in_folder(folder.path()).await.unwrap();
    }
}
