//! [`MadeFolders`]: the folders of an output, which go again where nothing came to lie in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that were made for files to come. Dropping it removes those that are empty: whoever fails leaves
/// no folder that was not there before.
#[derive(Debug, Default)]
#[must_use = "dropping it removes the folders again, as long as they are empty"]
pub struct MadeFolders {
    /// The deepest first.
    folders: Vec<PathBuf>,
}

impl MadeFolders {
    /// Makes a folder and those above it, as far as they are not there.
    ///
    /// # Errors
    /// When the system refuses; what was made until then is removed again.
    pub(crate) fn make(folder: &Path) -> io::Result<Self> {
        let missing = folder
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let made = Self {
            folders: missing.map(Path::to_path_buf).collect(),
        };
        fs::create_dir_all(folder)?;
        Ok(made)
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        for folder in &self.folders {
            // A folder with something in it stays: only empty ones may go.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_and_is_empty_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let there = place.path().join("there");
        fs::create_dir(&there).unwrap();
        drop(MadeFolders::make(&there).unwrap());
        assert!(there.is_dir());

        let made = MadeFolders::make(&there.join("a/b")).unwrap();
        assert!(there.join("a/b").is_dir());
        drop(made);
        assert!(there.is_dir() && !there.join("a").exists());

        let made = MadeFolders::make(&there.join("c/d")).unwrap();
        fs::write(there.join("c/file"), "").unwrap();
        drop(made);
        assert!(there.join("c/file").exists() && !there.join("c/d").exists());
    }

    #[test]
    fn a_refusal_leaves_nothing_behind() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        MadeFolders::make(&place.path().join("file/a/b")).unwrap_err();
        let left = fs::read_dir(place.path()).unwrap().count();
        assert_eq!(left, 1);
    }
}
