//! [`OutputLock`]: one run at a time writes an output.
//!
//! The lock is an object that is created where there is none, which stores do in one piece. Its
//! holder renews it, and a run that finds one that is renewed no more takes it over. Whoever renews,
//! takes over or removes it does so only while it is the one that was read, so that a run which was
//! suspended in between leaves the lock of its successor alone:
//!
//! ```text
//! _temporary/lock.json             the holder: run, process, when it began, when it was last renewed
//! _temporary/lock-after-RUN.json   who takes over from RUN: of many that find it abandoned, one does
//! ```

use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use chrono::Utc;
use pomona_images::{Location, io_runtime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::ResultsError;
use crate::layout::is_run;
use crate::lock_place::{HEARTBEAT, LockPlace};
use crate::moment::Moment;
use crate::store_folder::StoreFolder;

/// How long the end of a run waits for a store to remove the lock.
const RELEASE: Duration = Duration::from_secs(5);

/// Whether a file of `_temporary` belongs to locks.
pub(crate) fn is_lock(name: &str) -> bool {
    let successor = name.strip_prefix("lock-after-");
    let run = successor.and_then(|name| name.strip_suffix(".json"));
    name == "lock.json" || run.is_some_and(is_run)
}

/// The right to write an output; dropping it releases the lock.
pub struct OutputLock {
    place: LockPlace,
    /// When the lock was last seen to be this run's.
    checked: Mutex<Moment>,
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
            began: Utc::now(),
        };
        if force {
            place.remove_all().await?;
        }
        Taking::start(place.clone()).finish(note).await?;
        let (stop, asked) = oneshot::channel();
        let (ended, stopped) = mpsc::channel();
        let (lose, lost) = watch::channel(None);
        let kept = place.clone();
        // On the threads of storage: the network keeps those of the query busy for seconds.
        io_runtime().spawn(async move {
            kept.keep(asked, lose).await;
            let _ = ended.send(());
        });
        let held = Self {
            place,
            checked: Mutex::new(Moment::now()),
            lost,
            stop: Some(stop),
            stopped,
        };
        folder.remove_halves().await?;
        Ok(held)
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

    /// The error of a run that finds the traces of another in its output.
    pub(crate) fn lost_to(&self, reason: &str) -> ResultsError {
        self.place.lost(reason.to_string())
    }

    /// Fails when another run has taken the output over.
    ///
    /// # Errors
    /// [`ResultsError::LockLost`], and when the store fails.
    pub async fn check(&self) -> Result<(), ResultsError> {
        self.place.check().await?;
        *self.checked.lock().unwrap_or_else(PoisonError::into_inner) = Moment::now();
        Ok(())
    }
}

/// An attempt at a lock that goes on when nobody waits for it any longer: a request that was sent may
/// still create the lock, and then it is removed again.
struct Taking {
    place: LockPlace,
    task: Option<JoinHandle<Result<(), ResultsError>>>,
    notes: UnboundedReceiver<String>,
}

impl Taking {
    fn start(place: LockPlace) -> Self {
        let (sender, notes) = unbounded_channel();
        let wanted = place.clone();
        let task = io_runtime().spawn(async move {
            let note = |text| {
                let _ = sender.send(text);
            };
            wanted.take(&note).await
        });
        Self {
            place,
            task: Some(task),
            notes,
        }
    }

    async fn finish(mut self, note: &dyn Fn(String)) -> Result<(), ResultsError> {
        // The sender is gone when the attempt has ended.
        while let Some(text) = self.notes.recv().await {
            note(text);
        }
        let taken = match &mut self.task {
            Some(task) => task.await,
            None => return Ok(()),
        };
        self.task = None;
        let taken = taken.unwrap_or_else(|error| Err(self.place.lost(error.to_string())));
        if taken.is_err() {
            // A holder that ended meanwhile found the file of this attempt in the folder, and left it.
            self.place.folder.remove_empty_folders("_temporary");
        }
        taken
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        let place = self.place.clone();
        let (ended, stopped) = mpsc::channel();
        io_runtime().spawn(async move {
            if let Ok(Ok(())) = task.await {
                place.release().await;
            }
            let _ = ended.send(());
        });
        let _ = stopped.recv_timeout(RELEASE);
        self.place.folder.remove_empty_folders("_temporary");
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
