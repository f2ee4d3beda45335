//! The Hugging Face Hub: a repository's file through the cache that all of its tools share.
//!
//! ```text
//! cache has the file? ── yes ─> its sha256 is the name of its blob? ── yes ─> bytes
//!        │ no                                     │ no: thrown away
//!        ▼                                        ▼
//! HF_HUB_OFFLINE? ── no ─> fetch into the cache ─> sha256 as the hub states? ── yes ─> bytes
//! ```
//!
//! A file that is in the cache and whole is taken without a request: what may go by a name is
//! decided by its fingerprint, not by what a branch points at today, and a cluster's nodes need
//! not ask the hub one by one.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hf_hub::progress::{DownloadEvent, ProgressEvent, ProgressHandler};
use hf_hub::{HFClient, HFError, resolve_cache_dir};

use crate::fetch::{PATIENCE, causes};
use crate::file::sha256;
use crate::progress::FetchReporter;
use crate::{LoadError, WeightsFile};

/// The hub, unless `HF_ENDPOINT` names another.
const ENDPOINT: &str = "https://huggingface.co";

/// How often a fetch is begun again after it was interrupted.
const ATTEMPTS: usize = 3;

/// How often a fetch waits for another process that fetches the same file, 10 seconds each.
const LOCK_ATTEMPTS: usize = 60;

/// A repository of the hub that holds the weights of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repository {
    /// Who owns it: `google`.
    pub owner: &'static str,
    /// Its name: `mobilenet_v2_1.0_224`.
    pub name: &'static str,
    /// The files that will do, the best first.
    pub files: &'static [&'static str],
}

impl Repository {
    /// Owner and name, as the hub writes them.
    pub fn id(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// Where the hub and its cache are.
///
/// The token is `HF_TOKEN`, or that of the file which the hub's own tools write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// The hub's URL.
    pub endpoint: String,
    /// The folder of the cache.
    pub cache: PathBuf,
    /// Whether the hub must not be asked.
    pub is_offline: bool,
}

impl HubSettings {
    /// What the environment says: `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME` and
    /// `HF_HUB_OFFLINE`, as the hub's own tools read them.
    pub fn from_env() -> Self {
        let offline = env::var("HF_HUB_OFFLINE").unwrap_or_default();
        let endpoint = env::var("HF_ENDPOINT").unwrap_or_default();
        Self {
            endpoint: match endpoint.trim_end_matches('/') {
                "" => ENDPOINT.to_string(),
                endpoint => endpoint.to_string(),
            },
            cache: resolve_cache_dir(),
            is_offline: ["1", "ON", "YES", "TRUE"].contains(&offline.to_ascii_uppercase().as_str()),
        }
    }

    /// The file of a repository that is in the cache; it has not been read.
    pub async fn cached(&self, repository: &Repository) -> Result<Option<PathBuf>, LoadError> {
        let client = self.client(repository)?;
        for file in repository.files {
            if let Some(path) = cached(&client, repository, file).await {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// The file of a repository, fetched if it is not in the cache, with its bytes checked against
    /// the sha256 that the hub states.
    ///
    /// # Errors
    /// When it is not in the cache and the hub cannot be reached, has no such file, or gives bytes
    /// that are not those it states.
    pub async fn fetch(&self, repository: &Repository) -> Result<Fetched, LoadError> {
        let client = self.client(repository)?;
        for file in repository.files {
            let Some(path) = cached(&client, repository, file).await else {
                continue;
            };
            // A file that was damaged on the disk is as good as none.
            match read_checked(repository, file, &path) {
                Ok(file) => return Ok(Fetched { file, path }),
                Err(error @ LoadError::Digest { .. }) if self.is_offline => return Err(error),
                Err(LoadError::Digest { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if self.is_offline {
            return Err(LoadError::Offline {
                repository: repository.id(),
                cache: self.cache.clone(),
            });
        }
        for file in repository.files {
            if let Some(path) = self.download(&client, repository, file).await? {
                let file = read_checked(repository, file, &path)?;
                return Ok(Fetched { file, path });
            }
        }
        Err(self.refusal(
            repository,
            format!("it has no file {}", repository.files.join(" and no file ")),
        ))
    }

    fn client(&self, repository: &Repository) -> Result<HFClient, LoadError> {
        HFClient::builder()
            .endpoint(&self.endpoint)
            .cache_dir(&self.cache)
            .user_agent(concat!("pomona/", env!("CARGO_PKG_VERSION")))
            .retry_max_attempts(2)
            .build()
            .map_err(|error| self.refusal(repository, causes(&error)))
    }

    fn refusal(&self, repository: &Repository, reason: String) -> LoadError {
        LoadError::Hub {
            endpoint: self.endpoint.clone(),
            repository: repository.id(),
            reason,
        }
    }

    fn unreachable(&self, repository: &Repository, reason: String) -> LoadError {
        LoadError::Unreachable {
            endpoint: self.endpoint.clone(),
            repository: repository.id(),
            reason,
        }
    }

    /// Fetches a file into the cache; nothing where the repository has no such file.
    async fn download(
        &self,
        client: &HFClient,
        repository: &Repository,
        file: &str,
    ) -> Result<Option<PathBuf>, LoadError> {
        let model = client.model(repository.owner, repository.name);
        let (mut interrupted, mut locked) = (0, 0);
        loop {
            let watch = Arc::new(Watch::new(format!("{}/{file}", repository.id())));
            let work = model
                .download_file()
                .filename(file)
                .progress(Arc::clone(&watch))
                .send();
            let outcome = tokio::select! {
                outcome = work => outcome,
                () = watch.silence() => {
                    let reason = format!("it is silent for {} seconds", PATIENCE.as_secs());
                    return Err(self.unreachable(repository, reason));
                }
            };
            match outcome {
                Ok(path) => return Ok(Some(path)),
                Err(HFError::EntryNotFound { .. }) => return Ok(None),
                // Another process is fetching the same file.
                Err(HFError::CacheLockTimeout { .. }) if locked < LOCK_ATTEMPTS => locked += 1,
                // The connection broke in the middle: the file is fetched from its beginning.
                Err(HFError::Request { .. }) if watch.has_begun() && interrupted + 1 < ATTEMPTS => {
                    interrupted += 1;
                }
                Err(HFError::Request { source, .. }) => {
                    return Err(self.unreachable(repository, causes(&source.without_url())));
                }
                Err(error) => return Err(self.refusal(repository, causes(&error))),
            }
        }
    }
}

/// A file of the hub.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its bytes.
    pub file: WeightsFile,
    /// Where it is in the cache.
    pub path: PathBuf,
}

async fn cached(client: &HFClient, repository: &Repository, file: &str) -> Option<PathBuf> {
    let model = client.model(repository.owner, repository.name);
    let look = model.download_file().filename(file).local_files_only(true);
    look.send().await.ok()
}

/// Reads a file of the cache. Its blob goes by the sha256 that the hub states; a file of other
/// bytes is removed.
fn read_checked(
    repository: &Repository,
    file: &str,
    path: &Path,
) -> Result<WeightsFile, LoadError> {
    let from = format!("{}/{file}", repository.id());
    let bytes = std::fs::read(path).map_err(LoadError::system("read the cache of the hub"))?;
    let blob = path
        .canonicalize()
        .map_err(LoadError::system("read the cache of the hub"))?;
    let stated = blob.file_name().unwrap_or_default().to_string_lossy();
    let is_sha256 = stated.len() == 64 && stated.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found = sha256(&bytes);
    // Where the system has no links, the cache holds copies, which do not name their blob.
    if path.is_symlink() && !(is_sha256 && stated.eq_ignore_ascii_case(&found)) {
        for damaged in [path, &blob] {
            // What cannot be removed is found damaged again.
            let _ = std::fs::remove_file(damaged);
        }
        return Err(LoadError::Digest {
            file: from,
            stated: stated.into_owned(),
            found,
        });
    }
    Ok(WeightsFile::new(bytes.into(), from))
}

/// A fetch whose progress is reported to the listener and watched for silence.
struct Watch {
    what: String,
    reporter: Mutex<Option<FetchReporter>>,
    heard: Mutex<Instant>,
    begun: AtomicBool,
}

impl Watch {
    fn new(what: String) -> Self {
        Self {
            what,
            reporter: Mutex::new(None),
            heard: Mutex::new(Instant::now()),
            begun: AtomicBool::new(false),
        }
    }

    fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Ends when nothing has been heard for too long.
    async fn silence(&self) {
        loop {
            let heard = *self.heard.lock().unwrap_or_else(|p| p.into_inner());
            let Some(left) = PATIENCE.checked_sub(heard.elapsed()) else {
                return;
            };
            tokio::time::sleep(left.max(Duration::from_millis(10))).await;
        }
    }
}

impl ProgressHandler for Watch {
    fn on_progress(&self, event: &ProgressEvent) {
        *self.heard.lock().unwrap_or_else(|p| p.into_inner()) = Instant::now();
        let ProgressEvent::Download(event) = event else {
            return;
        };
        let mut reporter = self.reporter.lock().unwrap_or_else(|p| p.into_inner());
        let done = match event {
            DownloadEvent::Start { total_bytes, .. } => {
                let total = Some(*total_bytes).filter(|total| *total > 0);
                *reporter = Some(FetchReporter::new(&*self.what, total));
                0
            }
            DownloadEvent::Progress { files } => {
                self.begun.store(true, Ordering::Relaxed);
                files.iter().map(|file| file.bytes_completed).sum()
            }
            DownloadEvent::AggregateProgress {
                bytes_completed, ..
            } => {
                self.begun.store(true, Ordering::Relaxed);
                *bytes_completed
            }
            DownloadEvent::Complete => return *reporter = None,
        };
        if let Some(reporter) = reporter.as_mut() {
            reporter.reach(done);
        }
    }
}
