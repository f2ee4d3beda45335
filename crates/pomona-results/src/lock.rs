//! [`OutputLock`]: one run at a time writes an output.
//!
//! The lock is an object that is created where there is none, which stores do in one piece. Its
//! holder renews it, and a run that finds one that is renewed no more takes it over:
//!
//! ```text
//! _temporary/lock.json             the holder: run, process, when it began, when it was last renewed
//! _temporary/lock-after-RUN.json   who takes over from RUN: of many that find it abandoned, one does
//! ```

use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use pomona_images::{Location, io_runtime};
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::ResultsError;
use crate::layout::is_run;
use crate::process::ProcessMark;
use crate::store_folder::{Created, StoreFolder};

/// The lock, below the output.
const LOCK: &str = "_temporary/lock.json";

/// How often the holder renews its lock.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long a lock that is not renewed counts as held, for a holder whose process cannot be seen.
const STALE: Duration = Duration::from_secs(60);

/// How long a stale lock is watched before it is taken over: clocks of machines differ, and a
/// holder that lives renews its lock meanwhile.
const WATCH: Duration = Duration::from_secs(15);

/// How long the end of a run waits for a store to remove the lock.
const RELEASE: Duration = Duration::from_secs(5);

/// How often a lock that changes hands while it is looked at is looked at again.
const ATTEMPTS: usize = 8;

/// Whether a file of `_temporary` belongs to locks.
pub(crate) fn is_lock(name: &str) -> bool {
    let successor = name.strip_prefix("lock-after-");
    let run = successor.and_then(|name| name.strip_suffix(".json"));
    name == "lock.json" || run.is_some_and(is_run)
}

/// Who holds an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    /// The run's identifier.
    run: String,
    /// The process that runs.
    process: ProcessMark,
    /// When it took the lock.
    began: DateTime<Utc>,
    /// When it last renewed it.
    renewed: DateTime<Utc>,
}

/// The right to write an output; dropping it releases the lock.
pub struct OutputLock {
    place: LockPlace,
    /// When the lock was last seen to be this run's. The time that counts while a process is
    /// suspended too.
    checked: Mutex<Instant>,
    lost: watch::Receiver<Option<String>>,
    stop: Option<oneshot::Sender<()>>,
    stopped: mpsc::Receiver<()>,
}

impl OutputLock {
    /// Takes the lock of an output; with `force`, whoever holds it. `note` receives messages
    /// for the user.
    ///
    /// # Errors
    /// [`ResultsError::Busy`] when another run holds it, [`ResultsError::UnreadableManifest`] when
    /// what is there is no lock, and when the store fails.
    pub async fn acquire(
        folder: &StoreFolder,
        output: &Location,
        run: &str,
        force: bool,
        note: &dyn Fn(String),
    ) -> Result<Self, ResultsError> {
        let place = LockPlace {
            folder: folder.clone(),
            output: output.clone(),
            run: run.to_string(),
        };
        if force {
            place.remove_all().await?;
        }
        place.take(note).await?;
        let (stop, asked) = oneshot::channel();
        let (ended, stopped) = mpsc::channel();
        let (lose, lost) = watch::channel(None);
        let held = place.clone();
        // On the threads of storage: the network keeps those of the query busy for seconds.
        io_runtime().spawn(async move {
            held.keep(asked, lose).await;
            let _ = ended.send(());
        });
        Ok(Self {
            place,
            checked: Mutex::new(Instant::now()),
            lost,
            stop: Some(stop),
            stopped,
        })
    }

    /// Waits until the lock is lost, which it is not unless this process or its storage stood still.
    pub async fn lost(&self) -> ResultsError {
        let mut lost = self.lost.clone();
        let reason = match lost.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "its renewal ended".to_string(),
        };
        self.place.lost(reason)
    }

    /// [`check`](Self::check), where the last one is so long ago that another run may have found
    /// this one abandoned since.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn check_now_and_then(&self) -> Result<(), ResultsError> {
        let last = *self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() < HEARTBEAT {
            return Ok(());
        }
        self.check().await
    }

    /// Fails when another run has taken the output over.
    ///
    /// # Errors
    /// [`ResultsError::LockLost`], and when the store fails.
    pub async fn check(&self) -> Result<(), ResultsError> {
        match self.place.holder(LOCK).await? {
            Some(holder) if holder.run == self.place.run => {
                *self.checked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                Ok(())
            }
            Some(holder) => Err(self.place.lost(format!("{} has it now", holder.process))),
            None => Err(self.place.lost("the lock was removed".to_string())),
        }
    }
}

impl Drop for OutputLock {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        // A store that does not answer is not waited for: the lock will be stale.
        let _ = self.stopped.recv_timeout(RELEASE);
        self.place.folder.remove_empty_folders("_temporary");
    }
}

/// Where a lock is, and the run that wants it.
#[derive(Debug, Clone)]
struct LockPlace {
    folder: StoreFolder,
    output: Location,
    run: String,
}

impl LockPlace {
    async fn take(&self, note: &dyn Fn(String)) -> Result<(), ResultsError> {
        let json = self.json(Utc::now());
        for _ in 0..ATTEMPTS {
            // Looked at first, because some servers create over what is there.
            if let Some(holder) = self.holder(LOCK).await? {
                if holder.run == self.run {
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
            match self.folder.create(LOCK, json.clone()).await? {
                Created::Here => {}
                Created::Exists => continue,
                Created::Unsupported => {
                    note(format!(
                        "the store of {} cannot create an object only where there is none: \
                         runs that start at the same moment may not see each other",
                        self.output
                    ));
                    self.folder.write(LOCK, json.clone()).await?;
                }
            }
            // Where a server has let two create it, the later has it.
            let mine = self.holder(LOCK).await?;
            if mine.is_some_and(|holder| holder.run == self.run) {
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
        note: &dyn Fn(String),
    ) -> Result<bool, ResultsError> {
        let mut last = abandoned.run.clone();
        for _ in 0..ATTEMPTS {
            let claim = format!("_temporary/lock-after-{last}.json");
            match self.folder.create(&claim, json.to_vec()).await? {
                Created::Here | Created::Unsupported => {
                    let holder = self.holder(LOCK).await?;
                    if holder.is_none_or(|holder| holder.run != abandoned.run) {
                        self.folder.delete(&self.folder.path(&claim)).await?;
                        return Ok(false);
                    }
                    note(format!(
                        "the run of {} has ended without a word: this run takes {} over",
                        abandoned.process, self.output
                    ));
                    self.folder.write(LOCK, json.to_vec()).await?;
                    return Ok(true);
                }
                Created::Exists => {}
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
        note: &dyn Fn(String),
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
    async fn keep(&self, mut asked: oneshot::Receiver<()>, lose: watch::Sender<Option<String>>) {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                _ = &mut asked => break,
                () = sleep(HEARTBEAT) => {}
            }
            match self.renew().await {
                Ok(()) => renewed = Instant::now(),
                Err(error @ ResultsError::LockLost { .. }) => {
                    let _ = lose.send(Some(error.to_string()));
                    return;
                }
                Err(error) if renewed.elapsed() > STALE => {
                    let _ = lose.send(Some(error.to_string()));
                    return;
                }
                Err(error) => log::warn!("the lock of {} was not renewed: {error}", self.output),
            }
        }
        if let Err(error) = self.release().await {
            log::warn!("the lock of {} was not removed: {error}", self.output);
        }
    }

    async fn renew(&self) -> Result<(), ResultsError> {
        let Some(mut holder) = self.holder(LOCK).await? else {
            return Err(self.lost("the lock was removed".to_string()));
        };
        if holder.run != self.run {
            return Err(self.lost(format!("{} has it now", holder.process)));
        }
        holder.renewed = Utc::now();
        self.folder.write(LOCK, json(&holder)).await
    }

    /// Removes the lock if it is this run's, and then the rights to succeed that this run used.
    async fn release(&self) -> Result<(), ResultsError> {
        let held = self.holder(LOCK).await?;
        if held.is_some_and(|holder| holder.run == self.run) {
            self.folder.delete(&self.folder.path(LOCK)).await?;
        }
        self.remove_claims(|holder| holder.run == self.run || holder.process.is_gone())
            .await
    }

    async fn remove_all(&self) -> Result<(), ResultsError> {
        for object in self.folder.list("_temporary").await? {
            let path = self.folder.relative(&object.location);
            if path.strip_prefix("_temporary/").is_some_and(is_lock) {
                self.folder.delete(&object.location).await?;
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

    async fn holder(&self, path: &str) -> Result<Option<Holder>, ResultsError> {
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
        json(&Holder {
            run: self.run.clone(),
            process: ProcessMark::this(),
            began: now,
            renewed: now,
        })
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

    fn lost(&self, reason: String) -> ResultsError {
        ResultsError::LockLost {
            output: self.output.to_string(),
            reason,
        }
    }
}

fn json(holder: &Holder) -> Vec<u8> {
    serde_json::to_vec(holder).expect("a holder has only JSON's types")
}
