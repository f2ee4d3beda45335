//! Objects that are written or removed only where what is there is what this process knows.
//!
//! A store compares within the request that writes; on a disk a step of several requests is done
//! by one process at a time; where neither can be had, what was written is read back.

use std::fs;
use std::time::Duration;

use object_store::{ObjectStoreExt, PutMode, UpdateVersion};

use crate::ResultsError;
use crate::attempts::{Attempts, is_unsupported};
use crate::disk::{self, Alone};
use crate::layout::{TEMPORARY, is_temporary};
use crate::moment::Moment;
use crate::store_folder::StoreFolder;

/// What was read so long ago is read again before it is acted upon: a process may have been
/// suspended since.
const FRESH: Duration = Duration::from_secs(5);

/// How often that is done: a store may be as slow as that.
const SLOW: u32 = 3;

/// What came of creating an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is there now.
    Here,
    /// It was there already.
    Exists,
    /// The store only overwrites: nothing of others is known to be safe.
    Unsupported,
}

impl StoreFolder {
    /// Writes a small object whole where there is none.
    ///
    /// A store does not repeat such a request by itself, because the answer to one that succeeded
    /// may have been lost. The content decides: bytes that only this caller writes are its own.
    pub async fn create(&self, below: &str, bytes: Vec<u8>) -> Result<Created, ResultsError> {
        let (created, is_first) = self.ask_to_create(below, &bytes).await?;
        let may_be_mine = created == Created::Exists && !is_first;
        if may_be_mine && self.read(below).await? == Some(bytes) {
            return Ok(Created::Here);
        }
        Ok(created)
    }

    /// [`create`](Self::create), where some servers create over what is there without a word: one
    /// that does so a second time is [`Created::Unsupported`], with the object written.
    pub async fn create_once(&self, below: &str, bytes: Vec<u8>) -> Result<Created, ResultsError> {
        let created = self.create(below, bytes.clone()).await?;
        if created != Created::Here || self.local.is_some() {
            return Ok(created);
        }
        Ok(match self.ask_to_create(below, &bytes).await? {
            (Created::Exists, _) => Created::Here,
            (Created::Here | Created::Unsupported, _) => Created::Unsupported,
        })
    }

    /// What a store answers, and whether it was asked once: after a failed attempt the object may be there
    /// because of it.
    async fn ask_to_create(
        &self,
        below: &str,
        bytes: &[u8],
    ) -> Result<(Created, bool), ResultsError> {
        if let Some(root) = &self.local {
            // object_store would leave a file of another name where it is killed.
            let _alone = self.alone().await?;
            let (to, staged) = (root.join(below), root.join(staged(below)));
            return Ok(match disk::create(to, staged, bytes.to_vec()).await? {
                true => (Created::Here, true),
                false => (Created::Exists, true),
            });
        }
        let path = self.path(below);
        let mut attempts = Attempts::default();
        loop {
            let options = PutMode::Create.into();
            let put = self.store.put_opts(&path, bytes.to_vec().into(), options);
            let created = match put.await {
                Ok(_) => Created::Here,
                Err(object_store::Error::AlreadyExists { .. }) => Created::Exists,
                Err(error) if is_unsupported(&error) => Created::Unsupported,
                Err(error) => {
                    attempts.again(error, "create", &path).await?;
                    continue;
                }
            };
            return Ok((created, attempts.is_first()));
        }
    }

    /// Writes a small object whole where there is none, and returns whether it is there now. On a
    /// disk it is on it when this returns, and a crash leaves nothing beside it.
    pub async fn create_durable(&self, below: &str, bytes: Vec<u8>) -> Result<bool, ResultsError> {
        if let Some(root) = &self.local {
            let _alone = self.alone().await?;
            if self.exists(below).await? {
                return Ok(false);
            }
            disk::replace(root.join(below), root.join(staged(below)), bytes, true).await?;
            return Ok(true);
        }
        match self.create(below, bytes.clone()).await? {
            Created::Here => Ok(true),
            Created::Exists => Ok(false),
            Created::Unsupported => {
                self.write(below, bytes.clone()).await?;
                Ok(self.read(below).await? == Some(bytes))
            }
        }
    }

    /// Replaces a small object, and returns whether it was still one that `is_known`: another or
    /// none stays as it is.
    pub async fn replace(
        &self,
        below: &str,
        is_known: impl Fn(&[u8]) -> bool,
        bytes: Vec<u8>,
    ) -> Result<bool, ResultsError> {
        let path = self.path(below);
        let _alone = self.alone().await?;
        let (mut attempts, mut old) = (Attempts::default(), 0);
        loop {
            let began = Moment::now();
            let Some((there, version)) = self.read_version(below).await? else {
                return Ok(false);
            };
            // An attempt whose answer was lost.
            if there == bytes && !attempts.is_first() {
                return Ok(true);
            }
            if !is_known(&there) {
                return Ok(false);
            }
            if began.elapsed() > FRESH && old < SLOW {
                old += 1;
                continue;
            }
            if let Some(root) = &self.local {
                let is_durable = !below.starts_with(TEMPORARY);
                let (to, staged) = (root.join(below), root.join(staged(below)));
                disk::replace(to, staged, bytes, is_durable).await?;
                return Ok(true);
            }
            let mode = PutMode::Update(version);
            let put = self
                .store
                .put_opts(&path, bytes.clone().into(), mode.into());
            match put.await {
                Ok(_) => return Ok(true),
                Err(error) if is_unsupported(&error) => {
                    self.write(below, bytes.clone()).await?;
                    return Ok(self.read(below).await? == Some(bytes));
                }
                Err(error) => attempts.again(error, "replace", &path).await?,
            }
        }
    }

    /// Removes a small object where it is one that `is_known`; another stays.
    pub async fn remove_if(
        &self,
        below: &str,
        is_known: impl Fn(&[u8]) -> bool,
    ) -> Result<(), ResultsError> {
        let path = self.path(below);
        let _alone = self.alone().await?;
        let (mut attempts, mut old) = (Attempts::default(), 0);
        loop {
            let began = Moment::now();
            match self.read(below).await? {
                Some(there) if is_known(&there) => {}
                _ => return Ok(()),
            }
            if began.elapsed() > FRESH && old < SLOW {
                old += 1;
                continue;
            }
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => return Ok(()),
                Err(error) => attempts.again(error, "remove", &path).await?,
            }
        }
    }

    /// Removes what killed runs left half-written beside the lock and the records of checkpoints; of other files the
    /// folder goes as a whole. Only who holds the lock may: who wants it writes its file in a step of its own.
    pub(crate) async fn remove_halves(&self) -> Result<(), ResultsError> {
        let Some(root) = &self.local else {
            return Ok(());
        };
        let _alone = self.alone().await?;
        let temporary = root.join(TEMPORARY);
        for folder in ["", "checkpoints/"] {
            let entries = fs::read_dir(temporary.join(folder));
            for entry in entries.into_iter().flatten().flatten() {
                let name = entry.file_name();
                // As object_store and this crate name them.
                let half = name.to_str().and_then(|name| name.rsplit_once('#'));
                if half.is_some_and(|(whole, number)| {
                    number.parse::<u32>().is_ok() && is_temporary(&format!("{folder}{whole}"))
                }) {
                    // It is in nobody's way, so what cannot be removed may stay.
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        Ok(())
    }

    /// Keeps other processes out of a step, where that can be had: on a disk.
    async fn alone(&self) -> Result<Alone, ResultsError> {
        match &self.local {
            Some(folder) => Alone::in_folder(folder).await,
            None => Ok(Alone::STORE),
        }
    }

    async fn read_version(
        &self,
        below: &str,
    ) -> Result<Option<(Vec<u8>, UpdateVersion)>, ResultsError> {
        let path = self.path(below);
        let mut attempts = Attempts::default();
        loop {
            let read = match self.store.get(&path).await {
                Ok(object) => {
                    let version = UpdateVersion {
                        e_tag: object.meta.e_tag.clone(),
                        version: object.meta.version.clone(),
                    };
                    object.bytes().await.map(|bytes| (bytes.to_vec(), version))
                }
                Err(error) => Err(error),
            };
            match read {
                Ok(read) => return Ok(Some(read)),
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => attempts.again(error, "read", &path).await?,
            }
        }
    }
}

/// Where a file of a disk is written before it gets its name: readers pass over what begins with
/// `_`, and no store lists what ends in `#` and a number.
fn staged(below: &str) -> String {
    match below.starts_with(TEMPORARY) {
        true => format!("{below}#0"),
        false => format!("{TEMPORARY}/{below}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::runtime_env::RuntimeEnv;
    use object_store::memory::InMemory;
    use pomona_images::Location;

    use super::*;

    /// A folder in a store that compares, and one on a disk.
    fn folders(disk: &std::path::Path) -> [StoreFolder; 2] {
        let runtime = RuntimeEnv::default();
        let locations = ["memory://bucket/out", disk.to_str().unwrap()];
        let [store, disk] = locations.map(|location| Location::parse(location).unwrap());
        runtime.register_object_store(&store.url(), Arc::new(InMemory::new()));
        [store, disk].map(|location| StoreFolder::of(&runtime, &location).unwrap())
    }

    #[tokio::test]
    async fn halves_of_our_files_are_removed() {
        let disk = tempfile::tempdir().unwrap();
        let [_, folder] = folders(disk.path());
        let records = disk.path().join("_temporary/checkpoints");
        fs::create_dir_all(&records).unwrap();
        let ours = [
            "lock.json#1",
            "lock-after-20261129T101310.123456Z.json#0",
            "publication.json#0",
            "checkpoints/20261129T101310.123456Z-000001.json#12",
        ];
        let others = [
            "lock.json",
            "part-0#1",
            "checkpoints/a.json#1",
            "lock.json#",
        ];
        for name in ours.iter().chain(&others) {
            fs::write(disk.path().join("_temporary").join(name), "x").unwrap();
        }
        folder.remove_halves().await.unwrap();
        let is_there = |name: &&str| disk.path().join("_temporary").join(name).exists();
        assert!(!ours.iter().any(is_there));
        assert!(others.iter().all(is_there));
    }

    #[tokio::test]
    async fn what_somebody_else_wrote_stays() {
        let disk = tempfile::tempdir().unwrap();
        for folder in folders(disk.path()) {
            let mine = |there: &[u8]| there == b"mine";
            let write = |bytes: &[u8]| folder.replace("_temporary/x", mine, bytes.to_vec());
            assert!(!write(b"new").await.unwrap());
            assert!(!folder.exists("_temporary/x").await.unwrap());

            let created = folder.create_once("_temporary/x", b"mine".to_vec());
            assert_eq!(created.await.unwrap(), Created::Here);
            let again = folder.create_once("_temporary/x", b"mine".to_vec());
            assert_eq!(again.await.unwrap(), Created::Exists);
            assert!(write(b"mine").await.unwrap());
            assert!(write(b"other").await.unwrap());

            assert!(!write(b"mine").await.unwrap());
            folder.remove_if("_temporary/x", mine).await.unwrap();
            let there = folder.read("_temporary/x").await.unwrap();
            assert_eq!(there.as_deref(), Some(b"other".as_slice()));
            assert!(!folder.create_durable("_temporary/x", vec![]).await.unwrap());
            folder.remove_if("_temporary/x", |_| true).await.unwrap();
            assert!(!folder.exists("_temporary/x").await.unwrap());
        }
    }
}
