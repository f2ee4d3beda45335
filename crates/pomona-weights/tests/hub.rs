//! The hub, on loopback: first fetch, cache, damage, interruption, other networks, no hub at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pomona_mobilenet::network::Weights;
use pomona_tests::hub_server::{Fault, HubServer};
use pomona_tests::reference_data::reference_data;
use pomona_weights::{Fetched, HubSettings, LoadError, Repository, imagenet, listen};
use tempfile::TempDir;

const REPOSITORY: Repository = imagenet::REPOSITORY;
const SAFETENSORS: &str = "model.safetensors";

/// A hub, and a cache that nobody else uses.
struct Place {
    hub: HubServer,
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            hub: HubServer::start().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A hub with a file of random weights.
    fn with_random_weights() -> (Self, Vec<u8>) {
        let place = Self::new();
        let file = place.folder.path().join("random.safetensors");
        Weights::random(1.0, 3).unwrap().save(&file).unwrap();
        let bytes = fs::read(file).unwrap();
        place.put(SAFETENSORS, bytes.clone());
        (place, bytes)
    }

    fn put(&self, file: &str, bytes: Vec<u8>) {
        self.hub.put(&REPOSITORY.id(), file, bytes);
    }

    fn settings(&self) -> HubSettings {
        HubSettings {
            endpoint: self.hub.endpoint(),
            cache: self.folder.path().join("hub"),
            is_offline: false,
        }
    }

    fn offline(&self) -> HubSettings {
        HubSettings {
            is_offline: true,
            ..self.settings()
        }
    }

    async fn fetch(&self) -> Result<Fetched, LoadError> {
        self.settings().fetch(&REPOSITORY).await
    }

    /// The files of a folder of the cache that hold bytes.
    fn files(&self, below: &str) -> Vec<PathBuf> {
        let folder = self
            .folder
            .path()
            .join("hub/models--google--mobilenet_v2_1.0_224")
            .join(below);
        let Ok(entries) = fs::read_dir(folder) else {
            return vec![];
        };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn blobs(&self) -> Vec<PathBuf> {
        let mut blobs = self.files("blobs");
        blobs.retain(|path| path.extension().is_none());
        blobs
    }
}

#[tokio::test]
async fn a_file_is_fetched_once() {
    let (place, bytes) = Place::with_random_weights();
    let fetched = place.fetch().await.unwrap();
    assert_eq!(fetched.file.bytes()[..], bytes);
    assert_eq!(
        fetched.file.from(),
        "google/mobilenet_v2_1.0_224/model.safetensors"
    );
    assert_eq!(place.hub.sent(), bytes.len() as u64);
    // The layout is that of the hub's own tools: a blob by its sha256, a link to it by its name.
    let blobs = place.blobs();
    assert_eq!(blobs.len(), 1);
    assert_eq!(
        blobs[0].file_name().unwrap().to_str().unwrap(),
        fetched.file.sha256()
    );
    assert!(fetched.path.is_symlink());
    assert!(fetched.path.ends_with(format!(
        "snapshots/{}/model.safetensors",
        pomona_tests::hub_server::COMMIT
    )));

    // From now on nothing is asked, let alone sent.
    let before = place.hub.requests().len();
    let again = place.fetch().await.unwrap();
    assert_eq!(again.file.bytes()[..], bytes);
    let offline = place.offline().fetch(&REPOSITORY).await.unwrap();
    assert_eq!(offline.file.sha256(), fetched.file.sha256());
    let cached = place.settings().cached(&REPOSITORY).await.unwrap();
    assert_eq!(cached, Some(fetched.path));
    assert_eq!(place.hub.requests().len(), before);
    assert_eq!(place.hub.sent(), bytes.len() as u64);
}

#[tokio::test]
async fn a_damaged_download_is_refused_and_not_kept() {
    let (place, bytes) = Place::with_random_weights();
    for fault in [Fault::Damaged, Fault::Failing] {
        place.hub.fail(Some(fault));
        let error = place.fetch().await.unwrap_err();
        assert!(matches!(error, LoadError::Digest { .. }), "{error}");
        assert!(error.to_string().contains("the hub states"), "{error}");
        assert_eq!(place.blobs(), Vec::<PathBuf>::new());
        assert_eq!(place.settings().cached(&REPOSITORY).await.unwrap(), None);
    }
    // The next one gets it whole.
    place.hub.fail(None);
    assert_eq!(place.fetch().await.unwrap().file.bytes()[..], bytes);
}

#[tokio::test]
async fn a_cached_file_that_is_damaged_is_fetched_again() {
    let (place, bytes) = Place::with_random_weights();
    let path = place.fetch().await.unwrap().path;
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let blob = path.canonicalize().unwrap();
    fs::write(&blob, &damaged).unwrap();
    assert_eq!(place.fetch().await.unwrap().file.bytes()[..], bytes);
    assert_eq!(place.hub.sent(), 2 * bytes.len() as u64);
    // Without the hub it is refused.
    fs::write(&blob, &damaged).unwrap();
    let error = place.offline().fetch(&REPOSITORY).await.unwrap_err();
    assert!(matches!(error, LoadError::Digest { .. }), "{error}");
}

#[tokio::test]
async fn an_interrupted_download_is_begun_again() {
    let (place, bytes) = Place::with_random_weights();
    place.hub.fail(Some(Fault::Broken(2)));
    assert_eq!(place.fetch().await.unwrap().file.bytes()[..], bytes);
    let requests = place.hub.requests();
    let gets = requests.iter().filter(|r| r.starts_with("GET /store/"));
    assert_eq!(gets.count(), 3, "{requests:?}");

    // One that never comes through leaves nothing that looks whole.
    let (place, _) = Place::with_random_weights();
    place.hub.fail(Some(Fault::Broken(u32::MAX)));
    let error = place.fetch().await.unwrap_err();
    assert!(matches!(error, LoadError::Unreachable { .. }), "{error}");
    assert_eq!(place.blobs(), Vec::<PathBuf>::new());
    assert_eq!(place.settings().cached(&REPOSITORY).await.unwrap(), None);
}

#[tokio::test]
async fn without_a_hub_the_ways_out_are_named() {
    let (place, _) = Place::with_random_weights();
    let error = place.offline().fetch(&REPOSITORY).await.unwrap_err();
    assert!(matches!(error, LoadError::Offline { .. }), "{error}");
    let offline = imagenet::fetch(&place.offline()).await.unwrap_err();
    let offline = offline.to_string();
    assert!(offline.contains("HF_HUB_OFFLINE") && offline.contains(&REPOSITORY.id()));
    assert_eq!(place.hub.requests(), Vec::<String>::new());

    let gone = place.settings();
    drop(place.hub);
    let error = gone.fetch(&REPOSITORY).await.unwrap_err();
    assert!(matches!(error, LoadError::Unreachable { .. }), "{error}");
    let unreachable = imagenet::fetch(&gone).await.unwrap_err().to_string();
    assert!(unreachable.contains(&gone.endpoint), "{unreachable}");
    for message in [offline, unreachable] {
        for way_out in ["--weights fruits", "--weights FILE"] {
            assert!(message.contains(way_out), "{message}");
        }
        assert_eq!(message.lines().count(), 1);
    }
}

#[tokio::test]
async fn a_repository_without_weights_is_named() {
    let place = Place::new();
    let error = place.fetch().await.unwrap_err();
    assert!(matches!(error, LoadError::Hub { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("no file model.safetensors and no file pytorch_model.bin"),
        "{message}"
    );
}

#[tokio::test]
async fn progress_is_reported_to_the_end() {
    let reports = Arc::new(Mutex::new(vec![]));
    let (place, bytes) = Place::with_random_weights();
    let listener = Arc::clone(&reports);
    // Other tests of this process fetch at the same time: the total is that of this file alone.
    let total = bytes.len() as u64 + 1;
    let mut longer = bytes;
    longer.push(0);
    place.put(SAFETENSORS, longer);
    listen(move |progress| {
        if progress.total == Some(total) {
            listener.lock().unwrap().push(progress.clone());
        }
    });
    place.fetch().await.unwrap();
    let reports = reports.lock().unwrap();
    assert!(reports.iter().any(|one| one.done == total && !one.ended));
    assert!(reports.last().unwrap().ended);
    assert!(reports[0].what.ends_with(SAFETENSORS));
}

#[tokio::test]
async fn another_network_does_not_go_by_the_name() {
    let (place, _) = Place::with_random_weights();
    let error = imagenet::fetch(&place.settings()).await.unwrap_err();
    assert!(matches!(error, LoadError::Fingerprint { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("is not the network") && message.contains("--weights FILE"),
        "{message}"
    );
}

#[tokio::test]
async fn the_checkpoint_goes_by_the_name_in_both_forms() {
    let Some(data) = reference_data() else { return };
    let model = data.join("models/mobilenet_v2_1.0_224_classifier.safetensors");
    let place = Place::new();
    place.put(SAFETENSORS, fs::read(&model).unwrap());
    let file = imagenet::fetch(&place.settings()).await.unwrap();
    let expected = Weights::load(&model).unwrap();
    assert_eq!(file.sha256(), expected.sha256());
    assert_eq!(file.weights().unwrap().labels().unwrap().len(), 1001);
    let offline = imagenet::fetch(&place.offline()).await.unwrap();
    assert_eq!(offline.sha256(), file.sha256());
}

/// What `tests/torch_tensors.py` wrote with PyTorch.
#[tokio::test]
async fn a_pickle_will_do_where_there_is_no_safetensors() {
    let pickle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tensors.bin");
    let place = Place::new();
    place.put("pytorch_model.bin", fs::read(pickle).unwrap());
    let fetched = place.fetch().await.unwrap();
    assert_eq!(
        fetched.file.from(),
        "google/mobilenet_v2_1.0_224/pytorch_model.bin"
    );
    assert!(fetched.file.bytes().starts_with(b"PK"));
    let converted = fetched.file.safetensors().unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&converted).unwrap();
    let mut names = tensors.names();
    names.sort_unstable();
    assert_eq!(names, ["bias", "half", "transposed", "weight"]);
    let weight = tensors.tensor("weight").unwrap();
    assert_eq!(weight.shape(), [2, 3]);
    let values = |name: &str| -> Vec<f32> {
        let data = tensors.tensor(name).unwrap().data();
        let (words, _) = data.as_chunks::<4>();
        words.iter().map(|word| f32::from_le_bytes(*word)).collect()
    };
    assert_eq!(values("weight"), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
    assert_eq!(values("transposed"), [0.0, 1.5, 0.5, 2.0, 1.0, 2.5]);
    assert_eq!(values("bias"), [-1.0, 2.0]);
    // It holds no MobileNetV2, which the error says.
    let error = fetched.file.weights().unwrap_err().to_string();
    assert!(error.contains("not those of a MobileNetV2"), "{error}");
}
