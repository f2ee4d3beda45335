//! A process that dies at each write of a publication, on a disk and in a store: what readers of
//! folders see, what readers of the manifest see, and what the next run makes of it.

mod mortal_store;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::poll;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use pomona_images::Location;
use pomona_results::{
    FinishedRun, Integrity, Manifest, Output, PublishedFile, StoreFolder, parquet_rows,
    read_results,
};
use pomona_session::{RuntimeOptions, plain_message, session_context};
use serde_json::json;

use crate::mortal_store::MortalStore;

const RUNS: [&str; 3] = [
    "20260101T000000.000001Z",
    "20260101T000000.000002Z",
    "20260101T000000.000003Z",
];
const PUBLICATION: &str = "_temporary/publication.json";

/// The files of the two results, with the paths of the images of their rows. The second has rows of
/// the first in a file of its own, and shares one file and the name of another with it.
const OLD: [(&str, &[&str]); 4] = [
    ("features/one.parquet", &["a", "b"]),
    ("features/stays.parquet", &["c"]),
    ("model/old.parquet", &["old"]),
    ("stats/stats.parquet", &["old"]),
];
const NEW: [(&str, &[&str]); 4] = [
    ("features/two.parquet", &["a", "b", "d"]),
    ("features/three.parquet", &["e"]),
    ("model/new.parquet", &["new"]),
    ("stats/stats.parquet", &["new"]),
];

/// An output in a store that can die.
struct Place {
    url: String,
    store: Arc<MortalStore>,
}

impl Place {
    fn new(url: String, inner: Arc<dyn ObjectStore>) -> Self {
        let store = Arc::new(MortalStore::new(inner));
        Self { url, store }
    }

    fn location(&self) -> Location {
        Location::parse(&self.url).unwrap()
    }

    /// A session of a process of its own.
    fn session(&self) -> SessionContext {
        let ctx = session_context(RuntimeOptions::default()).unwrap();
        let store: Arc<dyn ObjectStore> = Arc::clone(&self.store) as _;
        ctx.register_object_store(&self.location().url(), store);
        ctx
    }

    /// Publishes files, and those of the finished run that stay.
    async fn publish(
        &self,
        run: &str,
        files: &[(&str, &[&str])],
        stay: &[&str],
        writes: i64,
    ) -> Result<(), String> {
        let ctx = self.session();
        let output = Output::open(&ctx, self.location(), run).unwrap();
        let lock = output.lock(run, true, &|_| ()).await.unwrap();
        let prepared = output.prepare(false, &lock).await.unwrap();
        for (name, paths) in files {
            let values: Vec<String> = paths.iter().map(|path| format!("('{path}')")).collect();
            let to = output.url(&output.staged(&format!("results/{name}")));
            let sql = format!(
                "COPY (SELECT column1 AS path, CAST(NULL AS VARCHAR) AS error
                       FROM (VALUES {}))
                 TO '{to}' STORED AS PARQUET",
                values.join(", ")
            );
            ctx.sql(&sql).await.unwrap().collect().await.unwrap();
        }
        let results = output.staged("results");
        let staged = output.files(&results).await.unwrap().into_iter();
        let staged = staged.map(|file| {
            let to = file.path[results.len() + 1..].to_string();
            (file, to)
        });
        let finished = prepared.finished.into_iter().flat_map(|run| run.files);
        let stay = finished.filter(|file| stay.contains(&file.path.as_str()));
        let mut manifest = manifest(run, stay.collect());
        self.store.live(writes);
        let published = output
            .publish(staged.collect(), &mut manifest, &prepared.owned, &lock)
            .await;
        drop(lock);
        self.store.live(i64::MAX);
        published.map_err(|error| error.to_string())
    }

    /// What a reader of folders reads below one: the paths of all files whose names do not begin with
    /// `_`.
    async fn folder(&self, below: &str) -> Vec<String> {
        let ctx = self.session();
        let folder = StoreFolder::open(&ctx, &self.location()).unwrap();
        let files = folder.list(below).await.unwrap().into_iter();
        let urls = files.map(|file| self.location().below(&folder.relative(&file.location)));
        rows(&ctx, urls.collect()).await
    }

    /// What a reader of the manifest reads below a folder.
    async fn manifest(&self, below: &str) -> Vec<String> {
        let ctx = self.session();
        let run = FinishedRun::open(&ctx, self.location()).await.unwrap();
        let integrity = Integrity::of(&ctx.runtime_env(), &run).await.unwrap();
        assert_eq!(integrity.findings, []);
        rows(&ctx, run.urls(below)).await
    }

    async fn is_announced(&self) -> bool {
        let folder = StoreFolder::open(&self.session(), &self.location()).unwrap();
        folder.exists(PUBLICATION).await.unwrap()
    }

    /// Begins a run as the next one would, and returns the run whose results it finds.
    async fn next(&self) -> String {
        let ctx = self.session();
        let output = Output::open(&ctx, self.location(), RUNS[2]).unwrap();
        let lock = output.lock(RUNS[2], true, &|_| ()).await.unwrap();
        let prepared = output.prepare(false, &lock).await.unwrap();
        prepared.finished.unwrap().run
    }
}

fn manifest(run: &str, files: Vec<PublishedFile>) -> Manifest {
    let manifest = json!({
        "pomona": "0.2.0", "datafusion": "55", "run": run, "finished": "2026-01-01T00:00:00Z",
        "parameters": {"input": "i", "output": "o", "components": "2", "weights": "w"},
        "weights_sha256": "", "stages": [], "files": files,
        "counts": {"images": 3, "features": 3, "errors": 0, "components": 1},
    });
    serde_json::from_value(manifest).unwrap()
}

async fn rows(ctx: &SessionContext, urls: Vec<String>) -> Vec<String> {
    let mut paths = vec![];
    if !urls.is_empty() {
        let frame = parquet_rows::read(ctx, urls).await.unwrap();
        for batch in frame.collect().await.unwrap() {
            let text = cast(batch.column(0), &DataType::Utf8).unwrap();
            let text = text.as_string::<i32>().iter().flatten();
            paths.extend(text.map(str::to_string));
        }
    }
    paths.sort();
    paths
}

/// Dies after every number of writes until the publication ends.
async fn die_everywhere(place: impl Fn() -> Place) -> i64 {
    for writes in 0.. {
        let place = place();
        place.publish(RUNS[0], &OLD, &[], i64::MAX).await.unwrap();
        assert_eq!(place.manifest("features/").await, ["a", "b", "c"]);
        let stay = ["features/stays.parquet"];
        let published = place.publish(RUNS[1], &NEW, &stay, writes).await;

        for folder in ["features", "model", "stats"] {
            let seen = place.folder(folder).await;
            let once: BTreeSet<&String> = seen.iter().collect();
            assert_eq!(once.len(), seen.len(), "{writes}: {seen:?}");
            assert!(
                folder == "features" || seen.len() <= 1,
                "{writes}: {seen:?}"
            );
        }
        // What the next run finds is what readers of the manifest saw.
        let is_announced = place.is_announced().await;
        let features = place.manifest("features/").await;
        let others = [
            place.manifest("model/").await,
            place.manifest("stats/").await,
        ];
        let found = place.next().await;
        match found == RUNS[1] {
            true => {
                assert_eq!(features, ["a", "b", "c", "d", "e"], "{writes}");
                assert_eq!(others, [["new"], ["new"]], "{writes}");
            }
            false => {
                assert!(!is_announced && published.is_err(), "{writes}");
                assert_eq!(features, ["a", "b", "c"], "{writes}");
                assert_eq!(others, [["old"], ["old"]], "{writes}");
            }
        }
        // And then every reader sees the same.
        assert_eq!(place.manifest("features/").await, features, "{writes}");
        assert_eq!(place.folder("features").await, features, "{writes}");
        if published.is_ok() {
            return writes;
        }
    }
    unreachable!("a publication ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_death_on_a_disk_is_misread() {
    let folders = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    let writes = die_everywhere(|| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let url = folders.path().join(format!("out {number}"));
        Place::new(
            url.to_str().unwrap().to_string(),
            Arc::new(LocalFileSystem::new()),
        )
    });
    // Two folders lose a file, four files are moved; the rest is tidying.
    assert!(writes.await >= 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_death_in_a_store_is_misread() {
    let place = || Place::new("memory://bucket/out".to_string(), Arc::new(InMemory::new()));
    let writes = die_everywhere(place);
    // Besides, the publication and the manifest are objects like others.
    assert!(writes.await >= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_stopped_while_it_takes_the_lock_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::parse(folder.path().to_str().unwrap()).unwrap();
    let ctx = session_context(RuntimeOptions::default()).unwrap();
    let mut stopped = 0;
    for polls in 0..40 {
        let output = Output::open(&ctx, location.clone(), RUNS[0]).unwrap();
        let mut taking = Box::pin(output.lock(RUNS[0], false, &|_| ()));
        let mut is_taken = false;
        for _ in 0..polls {
            if let Poll::Ready(lock) = poll!(&mut taking) {
                is_taken = true;
                drop(lock.unwrap());
                break;
            }
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        drop(taking);
        stopped += usize::from(!is_taken);
        // A thread of storage that is late removes it a moment after this one has waited.
        let lock = folder.path().join("_temporary/lock.json");
        let begin = Instant::now();
        while lock.exists() {
            let patience = Duration::from_secs(180);
            assert!(begin.elapsed() < patience, "stopped after {polls} polls");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(stopped > 0);
}

/// What a query over results says, of which the first column is text.
async fn answer(frame: &DataFrame) -> Result<Vec<String>, String> {
    let batches = frame.clone().collect().await;
    let batches = batches.map_err(|error| plain_message(&error))?;
    let texts = batches.iter().map(|batch| {
        let text = cast(batch.column(0), &DataType::Utf8).unwrap();
        let text = text.as_string::<i32>().iter().flatten();
        text.map(str::to_string).collect::<Vec<_>>()
    });
    let mut texts: Vec<String> = texts.flatten().collect();
    texts.sort();
    Ok(texts)
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_were_opened_are_read_as_they_were_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("out").to_str().unwrap().to_string();
    let place = Place::new(url.clone(), Arc::new(LocalFileSystem::new()));
    place.publish(RUNS[0], &OLD, &[], i64::MAX).await.unwrap();
    let ctx = place.session();
    let open = async |below: &str| {
        let run = FinishedRun::open(&ctx, place.location()).await.unwrap();
        read_results(&ctx, run, below).await.unwrap()
    };
    let before = [
        open("features/").await,
        open("model/").await,
        open("stats/").await,
    ];
    assert_eq!(answer(&before[0]).await.unwrap(), ["a", "b", "c"]);
    assert_eq!(answer(&before[2]).await.unwrap(), ["old"]);

    let stay = ["features/one.parquet", "features/stays.parquet"];
    let next = [("stats/stats.parquet", NEW[3].1), NEW[1]];
    place
        .publish(RUNS[1], &next, &stay, i64::MAX)
        .await
        .unwrap();
    // Files that the next run has kept are those that were opened.
    assert_eq!(answer(&before[0]).await.unwrap(), ["a", "b", "c"]);
    // One that is gone is no table without rows, and another of the same name is not the same.
    for (frame, file) in [
        (&before[1], "model/old.parquet"),
        (&before[2], "stats/stats.parquet"),
    ] {
        let said = answer(frame).await.unwrap_err();
        assert!(
            said.contains(&url) && said.contains(file) && said.contains("Open them again"),
            "{said}"
        );
        assert!(
            said.contains(RUNS[0]) && said.contains(RUNS[1]),
            "both runs: {said}"
        );
    }
    let now = open("features/").await;
    assert_eq!(answer(&now).await.unwrap(), ["a", "b", "c", "e"]);

    std::fs::remove_file(folder.path().join("out/features/three.parquet")).unwrap();
    let said = answer(&now).await.unwrap_err();
    assert!(said.contains("features/three.parquet"), "{said}");
    let run = FinishedRun::open(&ctx, place.location()).await.unwrap();
    let said = read_results(&ctx, run, "features/").await.unwrap_err();
    assert!(
        said.to_string().contains("features/three.parquet"),
        "{said}"
    );
    std::fs::remove_dir_all(folder.path().join("out")).unwrap();
    let said = answer(&now).await.unwrap_err();
    assert!(said.contains("no manifest.json any more"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_of_results_is_named_with_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("out").to_str().unwrap().to_string();
    let place = Place::new(url.clone(), Arc::new(LocalFileSystem::new()));
    place.publish(RUNS[0], &OLD, &[], i64::MAX).await.unwrap();
    let file = folder.path().join("out/stats/stats.parquet");
    let bytes = std::fs::metadata(&file).unwrap().len() as usize;
    std::fs::write(&file, vec![b'x'; bytes]).unwrap();
    let ctx = place.session();
    let run = FinishedRun::open(&ctx, place.location()).await.unwrap();
    let said = read_results(&ctx, run, "stats/").await.unwrap_err();
    let said = said.to_string();
    assert!(said.contains(&url) && said.contains("stats/"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_early_leaves_nothing_that_was_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("new/out");
    let location = Location::parse(url.to_str().unwrap()).unwrap();
    let ctx = session_context(RuntimeOptions::default()).unwrap();
    {
        let output = Output::open(&ctx, location.clone(), RUNS[0]).unwrap();
        let _lock = output.lock(RUNS[0], false, &|_| ()).await.unwrap();
        let half = output.staged("chunks/000000/features/half.parquet");
        output.folder().write(&half, vec![1]).await.unwrap();
    }
    assert!(!folder.path().join("new").exists());
    // What the next run can go on with stays.
    {
        let output = Output::open(&ctx, location, RUNS[1]).unwrap();
        let _lock = output.lock(RUNS[1], false, &|_| ()).await.unwrap();
        let chunk = output.staged("chunks/000000/features/whole.parquet");
        output.folder().write(&chunk, vec![1]).await.unwrap();
        let record = format!("_temporary/checkpoints/{}-000000.json", RUNS[1]);
        output.folder().write(&record, vec![1]).await.unwrap();
    }
    let chunk = format!(
        "_temporary/{}/chunks/000000/features/whole.parquet",
        RUNS[1]
    );
    assert!(url.join(chunk).exists());
}
