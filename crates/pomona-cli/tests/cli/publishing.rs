//! `kill -9` at every step of a publication in a bucket: what programs that read folders see, what
//! Pomona's own commands answer, and what the next run makes of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pomona_tests::images;
use pomona_tests::s3_faults::{Fault, FaultPlan, RequestLine};
use pomona_tests::s3_server::S3Server;

use crate::resume::files;
use crate::workplace::Workplace;

const RUN: [&str; 9] = [
    "-i",
    "images",
    "-o",
    "s3://results/out",
    "--no-report",
    "--format",
    "parquet",
    "--file-size",
    "12k",
];

/// Which write of a publication a run is to get a signal at.
#[derive(Default)]
pub struct Strike {
    aim: Mutex<Aim>,
    is_started: Condvar,
    /// The process that got it.
    pub hit: AtomicI32,
}

#[derive(Default)]
struct Aim {
    /// The number of the write, where that which announces the publication is 0; `None` for no signal.
    at: Option<usize>,
    /// The process, from when it is known.
    process: Option<Pid>,
    is_publishing: bool,
    seen: usize,
}

impl Strike {
    /// Starts a run that gets the signal at this write: the server waits there until it knows the process.
    pub fn start(&self, at: usize, start: impl FnOnce() -> Child) -> Child {
        self.hit.store(0, Ordering::SeqCst);
        *self.aim.lock().unwrap() = Aim {
            at: Some(at),
            ..Aim::default()
        };
        let run = start();
        self.aim.lock().unwrap().process = Some(Pid::from_raw(run.id() as i32));
        self.is_started.notify_all();
        run
    }

    pub fn stop(&self) {
        *self.aim.lock().unwrap() = Aim::default();
    }

    /// Sends the signal when it is time for it, and returns whether it did.
    fn strikes(&self, line: &RequestLine, signal: Signal) -> bool {
        let mut aim = self.aim.lock().unwrap();
        if line.method == "PUT" && line.path.ends_with("publication.json") {
            aim.is_publishing = true;
        }
        let is_step = line.writes() && !line.path.contains("lock");
        if !is_step || !aim.is_publishing || aim.at.is_none() {
            return false;
        }
        let is_time = aim.at == Some(aim.seen);
        aim.seen += 1;
        if is_time {
            let is_starting = |aim: &mut Aim| aim.process.is_none();
            let aim = self.is_started.wait_while(aim, is_starting).unwrap();
            let process = aim.process.unwrap();
            kill(process, signal).unwrap();
            self.hit.store(process.as_raw(), Ordering::SeqCst);
        }
        is_time
    }

    /// The plan of a server: the request that the signal comes at is not served.
    pub fn plan(self: &Arc<Self>, signal: Signal) -> FaultPlan {
        let this = Arc::clone(self);
        Box::new(move |line| this.strikes(line, signal).then_some(Fault::Reset))
    }
}

/// The column `path`, or the first, of every row that a program finds which reads all Parquet files
/// of a folder whose names begin with neither `_` nor `.`.
pub fn folder_reader(folder: &Path) -> Vec<String> {
    let mut rows = vec![];
    for path in files(folder).keys() {
        let hidden = path.split('/').any(|part| part.starts_with(['_', '.']));
        if hidden || !path.ends_with(".parquet") {
            continue;
        }
        let file = File::open(folder.join(path)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            match batch.column_by_name("path") {
                Some(paths) => {
                    let paths = cast(paths, &DataType::Utf8).unwrap();
                    let paths = paths.as_string::<i32>().iter();
                    rows.extend(paths.map(|path| path.unwrap().to_string()));
                }
                // A model.
                None => rows.extend((0..batch.num_rows()).map(|row| format!("row {row}"))),
            }
        }
    }
    rows
}

/// The same image over the whole result: whoever reads a part of it answers otherwise.
fn answers(place: &Workplace) -> [String; 3] {
    let ask = |question: &[&str]| {
        let results = ["--in", "s3://results/out", "--format", "csv"];
        place.pomona([question, &results].concat()).code(0).stdout()
    };
    [
        ask(&["similar", "Kiwi/0.png", "--by", "pca", "-n", "100"]),
        ask(&["outliers", "-n", "100"]),
        ask(&["suspects", "--by", "features", "-n", "100"]),
    ]
}

pub fn copy(from: &Path, to: &Path) {
    for file in files(from).keys() {
        let target = to.join(file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(file), target).unwrap();
    }
}

/// New and changed images, and one that is gone.
fn change_images(place: &Workplace) {
    for number in 0..3 {
        let image = images::png(200 + number, 90, 90);
        fs::write(place.path(&format!("images/Kiwi/{number}.png")), &image).unwrap();
        fs::write(place.path(&format!("images/Kiwi/1{number}.png")), &image).unwrap();
    }
    fs::remove_file(place.path("images/Apple Red/4.png")).unwrap();
}

/// A run is killed at every other step, from the first or the second on: nothing is misread.
fn kill_at_every_other_step(first: usize) {
    let strike = Arc::new(Strike::default());
    let server = S3Server::start_faulty(&["results"], strike.plan(Signal::SIGKILL)).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    let output = server.bucket("results").join("out");
    place.run(&RUN).code(0);
    let before = answers(&place);
    let base = place.path("base");
    copy(&output, &base);
    change_images(&place);

    let extending = [&RUN[..], &["--prune"]].concat();
    let mut killed = 0;
    for number in (first..).step_by(2) {
        fs::remove_dir_all(&output).unwrap();
        copy(&base, &output);
        let mut run = strike.start(number, || place.start(&extending));
        let ended = run.wait().unwrap();
        strike.stop();
        if ended.code() == Some(0) {
            break;
        }
        assert_eq!(ended.code(), None, "write {number}");
        killed += 1;

        for folder in ["features", "metadata", "pca", "model", "moments"] {
            let rows = folder_reader(&output.join(folder));
            let once: BTreeSet<&String> = rows.iter().collect();
            assert_eq!(rows.len(), once.len(), "write {number}: {folder}: {rows:?}");
        }
        let seen = answers(&place);
        let intact = ["verify", "s3://results/out", "--integrity"];
        place.pomona(intact).code(0);
        let is_announced = number > 0;
        assert_eq!(seen == before, !is_announced, "write {number}");

        // The next run finishes what was announced, and has nothing else to do.
        let ran = place.run(&extending).code(0);
        let has_nothing_to_do = ran.stderr().contains("nothing has changed");
        assert_eq!(has_nothing_to_do, is_announced, "write {number}");
        if is_announced {
            assert_eq!(answers(&place), seen, "write {number}");
        }
        assert!(
            !output.join("_temporary").is_dir() || files(&output.join("_temporary")).is_empty()
        );
    }
    // Four folders lose files, and as many get new ones.
    assert!(killed >= 5, "{killed} runs were killed");
}

#[test]
fn a_run_that_is_killed_at_an_even_step_is_not_misread() {
    kill_at_every_other_step(0);
}

#[test]
fn a_run_that_is_killed_at_an_odd_step_is_not_misread() {
    kill_at_every_other_step(1);
}
