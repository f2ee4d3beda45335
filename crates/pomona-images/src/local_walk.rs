//! Lists a folder of the local file system.
//!
//! object_store's own listing fails as a whole on the first name that it cannot write into a URL,
//! the first folder that may not be read and the first loop of links. A folder of real images has
//! all three: `Icon\r` of macOS, `lost+found`, a link to a parent. This walk counts them.

use std::collections::HashSet;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path as FilePath;
use std::time::UNIX_EPOCH;

use object_store::ObjectMeta;
use object_store::path::{Path, PathPart};

use crate::skipped::Skipped;

/// The regular files below a folder, links followed, hidden names passed over.
///
/// What has no name for a URL, may not be read, or is a link to nowhere is counted in `skipped`.
/// FIFOs, sockets and devices are passed over: reading them would wait for ever.
///
/// # Errors
/// When the folder itself cannot be read.
pub(crate) fn walk(
    folder: &FilePath,
    root: &Path,
    recursive: bool,
    skipped: &mut Skipped,
) -> io::Result<Vec<ObjectMeta>> {
    let mut files = Vec::new();
    let metadata = fs::metadata(folder)?;
    let mut walk = Walk {
        recursive,
        // The folders above the one that is being read, by device and inode: a link to one of
        // them would never end. Two links to one folder elsewhere are two folders, as for a shell.
        above: HashSet::from([identity(&metadata)]),
        files: &mut files,
        skipped,
    };
    walk.read(folder, root)?;
    Ok(files)
}

struct Walk<'a> {
    recursive: bool,
    above: HashSet<(u64, u64)>,
    files: &'a mut Vec<ObjectMeta>,
    skipped: &'a mut Skipped,
}

impl Walk<'_> {
    fn read(&mut self, folder: &FilePath, prefix: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            self.visit(&entry?, prefix);
        }
        Ok(())
    }

    fn visit(&mut self, entry: &DirEntry, prefix: &Path) {
        let (file, name) = (entry.path(), entry.file_name());
        if name.as_encoded_bytes().starts_with(b".") {
            return;
        }
        let Some(name) = name.to_str() else {
            return self.skipped.unreadable(&file, "its name is not UTF-8");
        };
        let Ok(part) = PathPart::parse(name) else {
            return self
                .skipped
                .unreadable(&file, "its name has a control character");
        };
        // Follows a link.
        let metadata = match fs::metadata(&file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_link(entry) => return,
            Err(error) => return self.skipped.unreadable(&file, &error.kind().to_string()),
        };
        let location: Path = prefix.parts().chain([part]).collect();
        if metadata.is_file() {
            self.files.push(meta(&metadata, location));
        } else if metadata.is_dir() && self.recursive {
            let identity = identity(&metadata);
            if !self.above.insert(identity) {
                return self
                    .skipped
                    .unreadable(&file, "it is a link to a folder above it");
            }
            if let Err(error) = self.read(&file, &location) {
                self.skipped.unreadable(&file, &error.kind().to_string());
            }
            self.above.remove(&identity);
        }
    }
}

fn is_link(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_symlink())
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// What object_store says of a file, its `e_tag` among it, so that a file has one version however
/// it was listed.
fn meta(metadata: &Metadata, location: Path) -> ObjectMeta {
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    ObjectMeta {
        location,
        last_modified: modified.into(),
        size: metadata.len(),
        e_tag: Some(format!(
            "{:x}-{:x}-{:x}",
            metadata.ino(),
            since.as_micros(),
            metadata.len()
        )),
        version: None,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use futures::TryStreamExt;
    use object_store::ObjectStore;
    use object_store::local::LocalFileSystem;

    use super::*;

    fn listed(folder: &FilePath, recursive: bool) -> (Vec<ObjectMeta>, Skipped) {
        let root = Path::from_filesystem_path(folder).unwrap();
        let mut skipped = Skipped::default();
        let mut files = walk(folder, &root, recursive, &mut skipped).unwrap();
        files.sort_by(|a, b| a.location.cmp(&b.location));
        (files, skipped)
    }

    #[tokio::test]
    async fn ordinary_files_are_what_object_store_says() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a b/%20")).unwrap();
        for name in ["1.jpg", "a b/été#?.jpg", "a b/%20/x"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        symlink(folder.path().join("1.jpg"), folder.path().join("2.jpg")).unwrap();
        let root = Path::from_filesystem_path(folder.path()).unwrap();
        let store = LocalFileSystem::new();
        let mut theirs: Vec<_> = store.list(Some(&root)).try_collect().await.unwrap();
        theirs.sort_by(|a, b| a.location.cmp(&b.location));
        let (ours, skipped) = listed(folder.path(), true);
        assert_eq!(ours, theirs);
        assert_eq!(skipped, Skipped::default());
        assert_eq!(listed(folder.path(), false).0.len(), 2);
    }

    #[test]
    fn odd_entries_stop_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let below = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
        fs::write(below(b"good.jpg"), "x").unwrap();
        for odd in [&b"Icon\r"[..], b"note\t.txt", b"caf\xe9.jpg"] {
            fs::write(below(odd), "x").unwrap();
        }
        fs::create_dir(below(b".git")).unwrap();
        symlink(folder.path(), below(b".git/self")).unwrap();
        symlink(folder.path(), below(b"loop")).unwrap();
        symlink("nowhere", below(b"dangling.jpg")).unwrap();
        let fifo = Command::new("mkfifo").arg(below(b"pipe.jpg")).status();
        assert!(fifo.unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(below(b"socket.jpg")).unwrap();

        let (files, skipped) = listed(folder.path(), true);
        let names: Vec<_> = files.iter().map(|file| file.location.filename()).collect();
        assert_eq!(names, [Some("good.jpg")]);
        assert_eq!(skipped.unreadable_count(), 5, "{skipped:?}");
        let text = skipped.to_string();
        assert!(text.starts_with("5 entries cannot be read: "), "{text}");
        assert!(!text.contains('\r') && !text.contains('\t'), "{text:?}");
    }
}
