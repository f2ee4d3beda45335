//! Lists a folder of the local file system.
//!
//! object_store's own listing fails as a whole on the first name that it cannot write into a URL,
//! the first folder that may not be read and the first loop of links. A folder of real images has
//! all three: `Icon\r` of macOS, `lost+found`, a link to a parent. This walk counts them.

use std::collections::HashSet;
use std::fs::{self, DirEntry, Metadata, ReadDir};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path as FilePath, PathBuf};
use std::time::UNIX_EPOCH;

use futures::stream::{self, BoxStream, StreamExt};
use object_store::ObjectMeta;
use object_store::path::{Path, PathPart};
use tokio::sync::mpsc;

use super::{PAGE, Scope};
use crate::io_runtime::io_runtime;
use crate::skipped::Skipped;

/// How many entries of a folder are brought into their order. Folders with more are given in the
/// order of the disk, so that memory has a bound.
const SORTED: usize = 100_000;

/// A folder of a disk to be listed.
#[derive(Debug)]
pub(super) struct LocalWalk {
    pub folder: PathBuf,
    /// The location's folder, which must be there; one that a condition names need not.
    pub root: PathBuf,
    /// The folder's path in the store.
    pub prefix: Path,
    /// What names in the folder must begin with.
    pub name: String,
    /// How many levels of folders below it are read; none where all are.
    pub levels: Option<usize>,
    /// Files in folders of other labels are not looked at.
    pub scope: Scope,
}

/// Files and what was passed over among them.
type Walked = io::Result<(Vec<ObjectMeta>, Skipped)>;

/// The regular files below a folder in the order of their paths, links followed, hidden names
/// passed over. The walk begins when the first page is asked for, and is a page ahead.
///
/// What has no name for a URL, may not be read, or is a link to nowhere is counted. FIFOs, sockets
/// and devices are passed over: reading them would wait for ever. An error is that of the folder
/// itself.
pub(super) fn walk(walk: LocalWalk) -> BoxStream<'static, Walked> {
    stream::once(async move {
        let (sender, receiver) = mpsc::channel(1);
        let task = io_runtime().spawn_blocking(move || Walk::new(walk, sender).run());
        stream::unfold((receiver, Some(task)), |(mut receiver, task)| async move {
            if let Some(page) = receiver.recv().await {
                return Some((page, (receiver, task)));
            }
            // A walk that panics closes the channel, too.
            let stopped = task?.await.err()?;
            Some((Err(stopped.into()), (receiver, None)))
        })
    })
    .flatten()
    .boxed()
}

struct Walk {
    start: LocalWalk,
    /// The folders above the one that is being read, by device and inode: a link to one of them
    /// would never end. Two links to one folder elsewhere are two folders, as for a shell.
    above: HashSet<(u64, u64)>,
    files: Vec<ObjectMeta>,
    skipped: Skipped,
    sender: mpsc::Sender<Walked>,
}

impl Walk {
    fn new(start: LocalWalk, sender: mpsc::Sender<Walked>) -> Self {
        Self {
            start,
            above: HashSet::new(),
            files: Vec::new(),
            skipped: Skipped::default(),
            sender,
        }
    }

    fn run(mut self) {
        let folder = self.start.folder.clone();
        for above in folder.ancestors() {
            if above.starts_with(&self.start.root) {
                let metadata = fs::metadata(above).ok();
                self.above.extend(metadata.as_ref().map(identity));
            }
        }
        let prefix = self.start.prefix.clone();
        match self.read(&folder, &prefix, self.start.levels) {
            Ok(()) => self.send(),
            Err(_) if folder != self.start.root => self.send(),
            Err(error) => {
                let _ = self.sender.blocking_send(Err(error));
            }
        }
    }

    /// Hands a page over, and waits until there is room for it.
    fn send(&mut self) {
        let files = std::mem::take(&mut self.files);
        let skipped = std::mem::take(&mut self.skipped);
        // Nobody listens any more: `read` finds out.
        let _ = self.sender.blocking_send(Ok((files, skipped)));
    }

    fn read(&mut self, folder: &FilePath, prefix: &Path, levels: Option<usize>) -> io::Result<()> {
        let label = prefix.filename().unwrap_or_default();
        let is_wanted = self.start.scope.admits_label(label);
        if !is_wanted && levels == Some(0) {
            return Ok(());
        }
        let mut entries = fs::read_dir(folder)?;
        loop {
            let some = sorted(&mut entries)?;
            if some.is_empty() {
                return Ok(());
            }
            for entry in some {
                if self.sender.is_closed() {
                    return Ok(());
                }
                if is_wanted || may_be_folder(&entry) {
                    self.visit(&entry, prefix, levels, is_wanted);
                }
            }
        }
    }

    fn visit(&mut self, entry: &DirEntry, prefix: &Path, levels: Option<usize>, is_wanted: bool) {
        let (file, name) = (entry.path(), entry.file_name());
        if name.as_encoded_bytes().starts_with(b".") {
            return;
        }
        let start = &self.start;
        let is_first = *prefix == start.prefix;
        if is_first && !name.as_encoded_bytes().starts_with(start.name.as_bytes()) {
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
        let metadata = match is_link(entry) {
            true => fs::metadata(&file),
            false => entry.metadata(),
        };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_link(entry) => return,
            Err(error) => return self.skipped.closed(&file, &error),
        };
        let location: Path = prefix.parts().chain([part]).collect();
        if metadata.is_file() {
            if is_wanted {
                self.files.push(meta(&metadata, location));
            }
            if self.files.len() >= PAGE {
                self.send();
            }
        } else if metadata.is_dir() && levels != Some(0) {
            let identity = identity(&metadata);
            if !self.above.insert(identity) {
                return self
                    .skipped
                    .unreadable(&file, "it is a link to a folder above it");
            }
            let levels = levels.map(|levels| levels - 1);
            if let Err(error) = self.read(&file, &location, levels) {
                self.skipped.closed(&file, &error);
            }
            self.above.remove(&identity);
        }
    }
}

/// The next entries of a folder, in the order of the paths below them.
fn sorted(entries: &mut ReadDir) -> io::Result<Vec<DirEntry>> {
    let mut some = entries.take(SORTED).collect::<io::Result<Vec<_>>>()?;
    some.sort_by_cached_key(|entry| {
        let mut name = entry.file_name().into_encoded_bytes();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            name.push(b'/');
        }
        name
    });
    Ok(some)
}

/// Whether a folder may be behind an entry, without asking for more than its folder says.
fn may_be_folder(entry: &DirEntry) -> bool {
    !entry.file_type().is_ok_and(|kind| kind.is_file())
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
        let start = LocalWalk {
            folder: folder.to_owned(),
            root: folder.to_owned(),
            prefix: root,
            name: String::new(),
            levels: (!recursive).then_some(0),
            scope: Scope::default(),
        };
        let (mut files, mut skipped) = (vec![], Skipped::default());
        for page in futures::executor::block_on_stream(walk(start)) {
            let (some, passed) = page.unwrap();
            files.extend(some);
            skipped.add(passed);
        }
        assert!(
            files.is_sorted_by(|a, b| a.location < b.location),
            "{files:?}"
        );
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
