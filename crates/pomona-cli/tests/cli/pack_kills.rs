//! `kill -9` in the middle of `pomona pack`, and the call after it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use pomona_tests::s3_faults::{Condition, Fault, FaultPlan};
use pomona_tests::s3_server::S3Server;

use crate::shards::files;
use crate::workplace::Workplace;

const MEBIBYTE: usize = 1 << 20;

/// Files of a mebibyte that are called like images: to pack them is to copy them.
fn write_images(folder: &Path, count: usize) {
    fs::create_dir_all(folder.join("Kiwi")).unwrap();
    for number in 0..count {
        let mut state = number as u64;
        let bytes: Vec<u8> = (0..MEBIBYTE / 8)
            .flat_map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(99);
                state.to_le_bytes()
            })
            .collect();
        fs::write(folder.join(format!("Kiwi/{number:03}.png")), bytes).unwrap();
    }
}

fn start(place: &Workplace, arguments: &[&str]) -> Child {
    let mut command = place.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Kills a call when something is so; whether it was, before the call ended.
fn kill_when(mut child: Child, is_so: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    let mut killed = false;
    while child.try_wait().unwrap().is_none() {
        if is_so() {
            // SIGKILL: nothing can be tidied up.
            child.kill().unwrap();
            killed = true;
            break;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(120),
            "it takes too long"
        );
        thread::yield_now();
    }
    let status = child.wait().unwrap();
    assert!(killed || status.success(), "{status}");
    killed
}

/// That each shard that has its name has its bytes, too.
#[track_caller]
fn assert_whole(found: &BTreeMap<String, Vec<u8>>, whole: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in found {
        if name.starts_with("shard-") && !name.contains('#') {
            assert!(whole.get(name) == Some(bytes), "{name}");
        }
    }
}

/// The bytes of a file of the output, finished or not.
fn length(output: &Path, name: &str) -> u64 {
    let entries = fs::read_dir(output).into_iter().flatten().flatten();
    let of_name = entries.filter(|entry| {
        let file = entry.file_name().into_string().unwrap_or_default();
        file == name
            || file
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('#'))
    });
    let lengths = of_name.filter_map(|entry| Some(entry.metadata().ok()?.len()));
    lengths.max().unwrap_or_default()
}

#[test]
fn a_pack_on_a_disk_that_is_killed_goes_on_to_the_same_bytes() {
    let place = Workplace::new();
    write_images(&place.path("input"), 60);
    for mine in ["out-of-mine.txt", "shard-000000.tar", "input/notes.txt"] {
        fs::write(place.path(mine), "mine").unwrap();
    }
    let input = files(&place.path("input/Kiwi"));
    let output = place.path("out");
    for kind in ["tar", "parquet"] {
        let pack = |output: &str, size: &str, more: &[&str]| {
            let pack = ["pack", "-i", "input", "-o", output, "--as", kind];
            let all = [&pack[..], &["--shard-size", size], more].concat();
            all.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let call = |arguments: &[String]| place.pomona(arguments);
        let start = |arguments: &[String]| {
            start(
                &place,
                &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
            )
        };
        call(&pack("whole", "31m", &[])).code(0);
        let whole = files(&place.path("whole"));
        assert_eq!(whole.len(), 3, "{:?}", whole.keys());

        let (first, second) = (
            format!("shard-000000.{kind}"),
            format!("shard-000001.{kind}"),
        );
        let mut killed = 0;
        for (name, bytes) in [
            ("pack.json", 1),
            (first.as_str(), 1),
            (&first, 15 * MEBIBYTE),
            (&first, 25 * MEBIBYTE),
            (&second, 1),
            (&second, 15 * MEBIBYTE),
            (&second, 25 * MEBIBYTE),
        ] {
            // What is finished of the file that is waited for is not to be taken for it.
            if name != "pack.json" && output.join(name).exists() {
                continue;
            }
            let child = start(&pack("out", "31m", &[]));
            let came = || length(&output, name) >= bytes as u64;
            killed += usize::from(kill_when(child, came));
            assert_whole(&files(&output), &whole);
        }
        // A fast machine may finish before the last moments are seen.
        assert!(killed >= 2, "{killed} calls were killed");

        // What somebody else puts there meanwhile stays, and is named.
        fs::write(output.join("notes.txt"), "mine").unwrap();
        let before = files(&output);
        call(&pack("out", "31m", &[])).code(1).says("'notes.txt'");
        assert!(files(&output) == before, "a refused call changed something");
        fs::remove_file(output.join("notes.txt")).unwrap();
        // A call that is killed while it writes its record leaves this.
        fs::write(output.join("pack.json#7"), "half").unwrap();
        call(&pack("out", "31m", &[])).code(0);
        assert!(files(&output) == whole, "{:?}", files(&output).keys());

        // Shards of another size over these: the call after needs no word.
        call(&pack("small", "16m", &[])).code(0);
        let small = files(&place.path("small"));
        assert!(small.len() > 4, "{:?}", small.keys());
        let third = format!("shard-000002.{kind}");
        let child = start(&pack("out", "16m", &["--overwrite"]));
        if kill_when(child, || length(&output, &third) > 0) {
            call(&pack("out", "16m", &[])).code(0);
        }
        assert!(files(&output) == small, "{:?}", files(&output).keys());
        fs::remove_dir_all(&output).unwrap();
        fs::remove_dir_all(place.path("whole")).unwrap();
        fs::remove_dir_all(place.path("small")).unwrap();
    }
    for mine in ["out-of-mine.txt", "shard-000000.tar", "input/notes.txt"] {
        assert_eq!(fs::read(place.path(mine)).unwrap(), b"mine", "{mine}");
    }
    assert!(
        files(&place.path("input/Kiwi")) == input,
        "the input changed"
    );
}

/// Holds one of the requests that write to a bucket until a process is gone.
#[derive(Default)]
struct Gate {
    /// Which, from 1 on.
    wanted: AtomicUsize,
    seen: AtomicUsize,
    is_gone: AtomicBool,
}

impl Gate {
    fn plan(self: &Arc<Self>) -> FaultPlan {
        let gate = Arc::clone(self);
        Box::new(move |line| {
            if !line.writes() || !line.path.starts_with("/results") {
                return None;
            }
            let number = gate.seen.fetch_add(1, SeqCst) + 1;
            let held = Arc::clone(&gate);
            let is_gone = Condition::new(move || held.is_gone.load(SeqCst));
            (number == gate.wanted.load(SeqCst)).then_some(Fault::Held(is_gone))
        })
    }

    fn close(&self, wanted: usize) {
        self.is_gone.store(false, SeqCst);
        self.seen.store(0, SeqCst);
        self.wanted.store(wanted, SeqCst);
    }

    fn is_reached(&self) -> bool {
        self.seen.load(SeqCst) >= self.wanted.load(SeqCst)
    }
}

#[test]
fn a_pack_into_a_bucket_that_is_killed_at_any_request_goes_on_to_the_same_bytes() {
    let gate = Arc::new(Gate::default());
    let server = S3Server::start_faulty(&["results"], gate.plan()).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    // Two shards, each more than the 10 MiB that go up in one request.
    write_images(&place.path("input"), 24);
    let bucket = server.bucket("results");
    let mine = ["shards-of-mine/shard-000000.tar", "shards.txt"];
    fs::create_dir(bucket.join("shards-of-mine")).unwrap();
    for name in mine {
        fs::write(bucket.join(name), "mine").unwrap();
    }
    let pack = |output: &'static str| ["pack", "-i", "input", "-o", output, "--shard-size", "13m"];
    place.pomona(pack("s3://results/whole")).code(0);
    let whole = files(&bucket.join("whole"));
    assert_eq!(whole.len(), 3, "{:?}", whole.keys());
    let in_parts = server
        .requests()
        .into_iter()
        .filter(|line| line.query.contains("partNumber="));
    assert_eq!(in_parts.count(), 4);

    let shards = bucket.join("shards");
    let mut wanted = 1;
    loop {
        let _ = fs::remove_dir_all(&shards);
        gate.close(wanted);
        let child = start(&place, &pack("s3://results/shards"));
        let killed = kill_when(child, || gate.is_reached());
        // The server does what it was asked, as far as it knows it.
        gate.is_gone.store(true, SeqCst);
        if !killed {
            break;
        }
        place.pomona(pack("s3://results/shards")).code(0);
        let found = files(&shards);
        assert!(found == whole, "{wanted}: {:?}", found.keys());
        wanted += 1;
    }
    // The record, five requests for each shard, and none after the last.
    assert_eq!(wanted, 1 + 2 * 5 + 1);
    for name in mine {
        assert_eq!(fs::read(bucket.join(name)).unwrap(), b"mine", "{name}");
    }
}
