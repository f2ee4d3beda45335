//! [`History`]: jobs that have ended, in a folder that outlives the scheduler.
//!
//! A job is a file of JSON, named by its end, so that the oldest are found without reading any. It has what the pages
//! show and no rows.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballista_core::JobId;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pomona_console::{Job, JobRow, TaskState, redacted};
use pomona_images::Location;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::JobBook;
use crate::ClusterError;

/// Where jobs that have ended are kept.
#[derive(Debug, Clone)]
pub struct HistoryOptions {
    /// The folder, on a disk or in a store.
    pub location: Location,
    /// So many of them are kept; the oldest go first.
    pub most_jobs: usize,
}

/// Tasks of a stage that are kept: those that failed, and then the slowest.
const MOST_TASKS: usize = 1000;

/// Files that are read at the same time.
const READS: usize = 16;

/// The jobs of a folder.
pub(crate) struct History {
    store: Arc<dyn ObjectStore>,
    folder: Path,
    most_jobs: usize,
    /// The jobs by the names of their files, the oldest first.
    rows: Mutex<BTreeMap<String, Arc<JobRow>>>,
    ended: UnboundedSender<Job>,
}

impl History {
    /// Reads what a folder has, and begins to write into it. `book` has the SQL of jobs.
    ///
    /// # Errors
    /// When the folder cannot be made or listed.
    pub(crate) async fn open(
        options: &HistoryOptions,
        runtime: &RuntimeEnv,
        book: Arc<JobBook>,
    ) -> Result<Arc<Self>, ClusterError> {
        let failed = |reason: String| ClusterError::History {
            location: options.location.written(),
            reason,
        };
        if let Some(folder) = options.location.local_path() {
            fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        let registry = &runtime.object_store_registry;
        let store = registry.get_store(&options.location.url());
        let (ended, jobs) = unbounded_channel();
        let history = Arc::new(Self {
            store: store.map_err(|error| failed(error.to_string()))?,
            folder: options.location.object_path(),
            most_jobs: options.most_jobs,
            rows: Mutex::default(),
            ended,
        });
        let read = history.read().await;
        read.map_err(|error| failed(error.to_string()))?;
        tokio::spawn(write(Arc::downgrade(&history), jobs, book));
        Ok(history)
    }

    fn rows_now(&self) -> MutexGuard<'_, BTreeMap<String, Arc<JobRow>>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) -> object_store::Result<()> {
        let listed: Vec<_> = self
            .store
            .list(Some(&self.folder))
            .try_collect::<Vec<_>>()
            .await?;
        let mut names: Vec<String> = listed
            .iter()
            .filter_map(|file| file.location.filename())
            .filter(|name| is_job(name))
            .map(str::to_string)
            .collect();
        names.sort_unstable();
        let first = names.len().saturating_sub(self.most_jobs);
        let read = stream::iter(names.split_off(first))
            .map(|name| async move {
                let job = self.load(&name).await;
                (name, job)
            })
            .buffer_unordered(READS)
            .collect::<Vec<_>>();
        for (name, job) in read.await {
            match job {
                Ok(job) => drop(self.rows_now().insert(name, Arc::new(job.row))),
                Err(reason) => log::warn!("{name} of the history cannot be read: {reason}"),
            }
        }
        for name in names {
            self.remove(&name).await;
        }
        Ok(())
    }

    async fn load(&self, name: &str) -> Result<Job, String> {
        let path = self.folder.clone().join(name);
        let object = self.store.get(&path).await;
        let bytes = object.map_err(|error| error.to_string())?.bytes().await;
        let bytes = bytes.map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }

    async fn remove(&self, name: &str) {
        let path = self.folder.clone().join(name);
        if let Err(error) = self.store.delete(&path).await {
            log::warn!("{name} of the history cannot be removed: {error}");
        }
    }

    /// Keeps a job that has ended. It is written a little later.
    pub(crate) fn keep(&self, job: Job) {
        // The writer lives as long as this.
        let _ = self.ended.send(job);
    }

    async fn write(&self, mut job: Job) {
        without_secrets(&mut job);
        for stage in &mut job.stages {
            if stage.tasks.len() > MOST_TASKS {
                stage.tasks.sort_by_key(|task| {
                    let took = task.ended.saturating_sub(task.started);
                    (task.state != TaskState::Failed, u64::MAX - took)
                });
                stage.tasks.truncate(MOST_TASKS);
            }
        }
        let name = format!("{:013}-{}.json", job.row.ended, job.row.id);
        let Ok(json) = serde_json::to_vec(&job) else {
            return;
        };
        let path = self.folder.clone().join(name.as_str());
        if let Err(error) = self.store.put(&path, json.into()).await {
            log::warn!("job {} is not in the history: {error}", job.row.id);
            return;
        }
        let beyond: Vec<String> = {
            let mut rows = self.rows_now();
            rows.insert(name, Arc::new(job.row));
            let beyond = rows.len().saturating_sub(self.most_jobs);
            let names: Vec<String> = rows.keys().take(beyond).cloned().collect();
            for name in &names {
                rows.remove(name);
            }
            names
        };
        for name in beyond {
            self.remove(&name).await;
        }
    }

    /// The jobs of the folder.
    pub(crate) fn rows(&self) -> Vec<Arc<JobRow>> {
        self.rows_now().values().cloned().collect()
    }

    /// A job of the folder.
    pub(crate) async fn job(&self, id: &str) -> Option<Job> {
        let name = {
            let rows = self.rows_now();
            let found = rows.iter().find(|(_, row)| row.id == id);
            found.map(|(name, _)| name.clone())?
        };
        match self.load(&name).await {
            Ok(job) => Some(job),
            Err(reason) => {
                log::warn!("{name} of the history cannot be read: {reason}");
                None
            }
        }
    }
}

/// Hides the secrets in what people and engines wrote, as the pages do: a folder may have other readers than they.
fn without_secrets(job: &mut Job) {
    let stages = job.stages.iter_mut();
    let of_stages = stages.flat_map(|stage| {
        let tasks = stage.tasks.iter_mut();
        let errors = tasks.filter_map(|task| task.error.as_mut());
        errors.chain([&mut stage.plan]).chain(&mut stage.error)
    });
    let of_job = [&mut job.row.name, &mut job.plan].into_iter();
    for text in of_job.chain(&mut job.row.error).chain(of_stages) {
        *text = redacted(text);
    }
}

/// Whether a name is one that is written here; others in the folder are nobody's business.
fn is_job(name: &str) -> bool {
    let parts = name
        .strip_suffix(".json")
        .and_then(|name| name.split_once('-'));
    parts.is_some_and(|(ended, id)| {
        ended.len() == 13 && ended.bytes().all(|byte| byte.is_ascii_digit()) && !id.is_empty()
    })
}

/// Writes jobs as they end, one after the other.
async fn write(
    history: std::sync::Weak<History>,
    mut jobs: UnboundedReceiver<Job>,
    book: Arc<JobBook>,
) {
    while let Some(mut job) = jobs.recv().await {
        let Some(history) = history.upgrade() else {
            return;
        };
        let id = JobId::from(job.row.id.as_str());
        job.sql = book.sql(&id).map(|sql| sql.to_string());
        history.write(job).await;
    }
}

#[cfg(test)]
mod tests {
    use pomona_console::{JobState, Stage, Task};
    use pomona_session::{RuntimeOptions, runtime_env};

    use super::*;

    async fn open(folder: &std::path::Path, most_jobs: usize) -> Arc<History> {
        let options = HistoryOptions {
            location: Location::parse(folder.to_str().unwrap()).unwrap(),
            most_jobs,
        };
        let runtime = runtime_env(RuntimeOptions::default()).unwrap();
        let opened = History::open(&options, &runtime, Arc::default()).await;
        opened.unwrap()
    }

    fn job(id: &str, ended: u64) -> Job {
        Job {
            row: JobRow {
                id: id.to_string(),
                ended,
                state: JobState::Completed,
                ..JobRow::default()
            },
            stages: vec![Stage {
                id: 1,
                tasks: vec![Task::default(); MOST_TASKS + 7],
                ..Stage::default()
            }],
            ..Job::default()
        }
    }

    fn ids(history: &History) -> Vec<String> {
        history.rows().iter().map(|row| row.id.clone()).collect()
    }

    #[tokio::test]
    async fn no_secret_is_written() {
        let secret = || "password = 'X1'".to_string();
        let mut kept = job("a", 10);
        kept.row.name = secret();
        kept.row.error = Some(secret());
        kept.plan = secret();
        let stage = &mut kept.stages[0];
        stage.plan = secret();
        stage.error = Some(secret());
        stage.tasks[3].error = Some(secret());
        let folder = tempfile::tempdir().unwrap();
        let history = open(folder.path(), 3).await;
        history.write(kept).await;
        let file = fs::read_dir(folder.path()).unwrap().next().unwrap();
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("X1"), "{text}");
        assert_eq!(text.matches("***").count(), 6);
    }

    #[tokio::test]
    async fn jobs_are_there_after_a_restart_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a folder/history");
        let history = open(&below, 3).await;
        for (id, ended) in [("a", 10), ("b", 20), ("c", 30), ("d", 40)] {
            history.write(job(id, ended)).await;
        }
        assert_eq!(ids(&history), ["b", "c", "d"]);
        fs::write(below.join("notes.json"), "mine").unwrap();
        fs::write(below.join("0000000000025-x.json"), "{cut").unwrap();
        drop(history);

        let again = open(&below, 3).await;
        // The damaged one takes a place and is passed over; what is not of the history stays.
        assert_eq!(ids(&again), ["c", "d"]);
        assert!(below.join("notes.json").exists());
        let read = again.job("d").await.unwrap();
        assert_eq!(
            (read.row.ended, read.stages[0].tasks.len()),
            (40, MOST_TASKS)
        );
        assert!(again.job("b").await.is_none());
        let fewer = open(&below, 1).await;
        assert_eq!(ids(&fewer), ["d"]);
        let files = fs::read_dir(&below).unwrap().count();
        assert_eq!(files, 2);
    }
}
