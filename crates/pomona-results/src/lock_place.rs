//! [`LockPlace`]: how a lock is taken, kept and released.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use pomona_images::Location;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::ResultsError;
use crate::conditional::Created;
use crate::lock::is_lock;
use crate::process::ProcessMark;
use crate::store_folder::StoreFolder;

/// The lock, below the output.
pub(crate) const LOCK: &str = "_temporary/lock.json";

/// How often the holder renews its lock.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long a lock that is not renewed counts as held, for a holder whose process cannot be seen.
const STALE: Duration = Duration::from_secs(60);

/// How long a stale lock is watched before it is taken over: clocks of machines differ, and a
/// holder that lives renews its lock meanwhile.
const WATCH: Duration = Duration::from_secs(15);

/// How long a lock is left alone before it is read back, where a store cannot create an object only
/// where there is none: by then whoever saw no lock has written theirs, and the last one has it.
const SETTLE: Duration = Duration::from_secs(5);

/// How often a lock that changes hands while it is looked at is looked at again.
const ATTEMPTS: usize = 8;

/// Who holds an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The run's identifier.
    run: String,
    /// The process that runs.
    pub(crate) process: ProcessMark,
    /// When it took the lock.
    began: DateTime<Utc>,
    /// When it last renewed it.
    renewed: DateTime<Utc>,
}

impl Holder {
    fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }
}

/// Where a lock is, and the run that wants it.
#[derive(Debug, Clone)]
pub(crate) struct LockPlace {
    pub(crate) folder: StoreFolder,
    pub(crate) output: Location,
    pub(crate) run: String,
    /// When the run began to want it.
    pub(crate) began: DateTime<Utc>,
}

impl LockPlace {
    pub(crate) async fn take(&self, note: &(dyn Fn(String) + Sync)) -> Result<(), ResultsError> {
        let json = self.json(Utc::now());
        for _ in 0..ATTEMPTS {
            // Looked at first, because some servers create over what is there.
            if let Some(holder) = self.holder(LOCK).await? {
                if self.is_mine(&holder) {
                    // The answer to an earlier request was lost on its way.
                    return Ok(());
                }
                if !self.abandoned(LOCK, &holder, note).await? {
                    return Err(self.busy(&holder));
                }
                if self.take_over(holder, &json, note).await? {
                    return Ok(());
                }
                continue;
            }
            match self.folder.create_once(LOCK, json.clone()).await? {
                Created::Here => {}
                Created::Exists => continue,
                Created::Unsupported => {
                    note(format!(
                        "the store of {} cannot create an object only where there is none: \
                         waiting {} s, because runs that start at the same moment may not see each other",
                        self.output,
                        SETTLE.as_secs()
                    ));
                    self.folder.write(LOCK, json.clone()).await?;
                    sleep(SETTLE).await;
                }
            }
            if self.is_held().await? {
                return Ok(());
            }
        }
        Err(self.lost("it changed hands again and again".to_string()))
    }

    /// Takes over an abandoned lock, unless another run is doing so; `false` when it is no longer
    /// what it was.
    ///
    /// The right to succeed a run is an object that is created once. It stays until the successor
    /// has released the lock, so that nobody who saw the old lock can succeed it later.
    async fn take_over(
        &self,
        abandoned: Holder,
        json: &[u8],
        note: &(dyn Fn(String) + Sync),
    ) -> Result<bool, ResultsError> {
        let mut last = abandoned.run.clone();
        for _ in 0..ATTEMPTS {
            let claim = format!("_temporary/lock-after-{last}.json");
            let created = self.folder.create_once(&claim, json.to_vec()).await?;
            if created != Created::Exists {
                let is_abandoned = |there: &[u8]| Holder::parse(there).as_ref() == Some(&abandoned);
                let replaced = self.folder.replace(LOCK, is_abandoned, json.to_vec());
                if !replaced.await? {
                    self.folder.delete(&self.folder.path(&claim)).await?;
                    return Ok(false);
                }
                note(format!(
                    "the run of {} has ended without a word: this run takes {} over",
                    abandoned.process, self.output
                ));
                if created == Created::Unsupported {
                    sleep(SETTLE).await;
                }
                return self.is_held().await;
            }
            // Another run is taking over, or ended while it was.
            let Some(successor) = self.holder(&claim).await? else {
                return Ok(false);
            };
            if !self.abandoned(&claim, &successor, note).await? {
                return Err(self.busy(&successor));
            }
            last = successor.run;
        }
        Ok(false)
    }

    /// Whether a holder has ended without giving the lock back.
    async fn abandoned(
        &self,
        path: &str,
        holder: &Holder,
        note: &(dyn Fn(String) + Sync),
    ) -> Result<bool, ResultsError> {
        if holder.process.is_gone() {
            return Ok(true);
        }
        // A date that is as far in the future is no sign of life either: the clock of one of the
        // two machines is wrong, and only a renewal of the lock can show which.
        let age = (Utc::now() - holder.renewed).abs();
        if age.to_std().unwrap_or_default() < STALE {
            return Ok(false);
        }
        note(format!(
            "{} has not renewed its lock of {} since {}: waiting {} s for a sign of it",
            holder.process,
            self.output,
            holder.renewed.format("%FT%TZ"),
            WATCH.as_secs()
        ));
        sleep(WATCH).await;
        Ok(self.holder(path).await?.as_ref() == Some(holder))
    }

    /// Renews the lock until it is asked to stop, and then removes it.
    pub(crate) async fn keep(
        &self,
        mut asked: oneshot::Receiver<()>,
        lose: watch::Sender<Option<String>>,
    ) {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                _ = &mut asked => break,
                () = sleep(HEARTBEAT) => {}
            }
            match self.renew().await {
                Ok(()) => renewed = Instant::now(),
                Err(ResultsError::LockLost { reason, .. }) => {
                    let _ = lose.send(Some(reason));
                    return;
                }
                Err(error) if renewed.elapsed() > STALE => {
                    let _ = lose.send(Some(error.to_string()));
                    return;
                }
                Err(error) => log::warn!("the lock of {} was not renewed: {error}", self.output),
            }
        }
        self.release().await;
    }

    async fn renew(&self) -> Result<(), ResultsError> {
        let renewed = self.json(Utc::now());
        let renewed = self
            .folder
            .replace(LOCK, |there| self.wrote(there), renewed);
        match renewed.await? {
            true => Ok(()),
            false => self.check().await,
        }
    }

    /// Fails when another run has the lock.
    pub(crate) async fn check(&self) -> Result<(), ResultsError> {
        match self.holder(LOCK).await? {
            Some(holder) if self.is_mine(&holder) => Ok(()),
            Some(holder) => Err(self.lost(format!("{} has it now", holder.process))),
            None => Err(self.lost("the lock was removed".to_string())),
        }
    }

    /// Removes the lock if it is this run's, and then the rights to succeed that this run used; where
    /// that fails it will be stale.
    pub(crate) async fn release(&self) {
        if let Err(error) = self.remove().await {
            log::warn!("the lock of {} was not removed: {error}", self.output);
        }
    }

    async fn remove(&self) -> Result<(), ResultsError> {
        let held = self.folder.remove_if(LOCK, |there| self.wrote(there));
        held.await?;
        self.remove_claims(|holder| self.is_mine(holder) || holder.process.is_gone())
            .await
    }

    /// Whether the lock is this run's, read back from the store.
    async fn is_held(&self) -> Result<bool, ResultsError> {
        let holder = self.holder(LOCK).await?;
        Ok(holder.is_some_and(|holder| self.is_mine(&holder)))
    }

    pub(crate) fn is_mine(&self, holder: &Holder) -> bool {
        holder.run == self.run
    }

    /// Whether the bytes of a lock are this run's.
    fn wrote(&self, there: &[u8]) -> bool {
        Holder::parse(there).is_some_and(|holder| self.is_mine(&holder))
    }

    pub(crate) async fn remove_all(&self) -> Result<(), ResultsError> {
        for object in self.folder.list("_temporary").await? {
            let path = self.folder.relative(&object.location);
            if path.strip_prefix("_temporary/").is_some_and(is_lock) {
                self.folder.remove_if(&path, |_| true).await?;
            }
        }
        Ok(())
    }

    async fn remove_claims(&self, which: impl Fn(&Holder) -> bool) -> Result<(), ResultsError> {
        for object in self.folder.list("_temporary").await? {
            let path = self.folder.relative(&object.location);
            let claim = path.strip_prefix("_temporary/lock-after-").is_some();
            if claim && self.holder(&path).await?.as_ref().is_some_and(&which) {
                self.folder.delete(&object.location).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn holder(&self, path: &str) -> Result<Option<Holder>, ResultsError> {
        let Some(json) = self.folder.read(path).await? else {
            return Ok(None);
        };
        let holder = serde_json::from_slice(&json);
        holder
            .map(Some)
            .map_err(|error| ResultsError::UnreadableLock {
                output: self.output.to_string(),
                path: path.to_string(),
                reason: error.to_string(),
            })
    }

    fn json(&self, now: DateTime<Utc>) -> Vec<u8> {
        let holder = Holder {
            run: self.run.clone(),
            process: ProcessMark::this(),
            began: self.began,
            renewed: now,
        };
        serde_json::to_vec(&holder).expect("a holder has only JSON's types")
    }

    fn busy(&self, holder: &Holder) -> ResultsError {
        let seen = (Utc::now() - holder.renewed).num_seconds().max(0);
        ResultsError::Busy {
            output: self.output.to_string(),
            holder: holder.process.to_string(),
            run: holder.run.clone(),
            began: holder.began.format("%FT%TZ").to_string(),
            seen,
        }
    }

    pub(crate) fn lost(&self, reason: String) -> ResultsError {
        ResultsError::LockLost {
            output: self.output.to_string(),
            reason,
        }
    }
}
