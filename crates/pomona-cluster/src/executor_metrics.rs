//! [`TaskCounters`]: what the tasks of an executor did, for `/metrics`.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use datafusion::physical_plan::metrics::MetricsSet;
use pomona_console::{Exposition, Kind};
use pomona_functions::bad_images;

use crate::role_metrics::add_s3;

/// Counts since the process started.
#[derive(Debug, Default)]
pub(crate) struct TaskCounters {
    slots: AtomicU64,
    running: AtomicU64,
    ended: Mutex<Ended>,
}

/// What tasks that have ended did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Ended {
    completed: u64,
    failed: u64,
    seconds: f64,
    gets: u64,
    get_seconds: f64,
    missing: u64,
    read_bytes: u64,
    network_loads: u64,
    spilled_bytes: u64,
}

impl TaskCounters {
    pub(crate) fn set_slots(&self, slots: usize) {
        self.slots.store(slots as u64, Ordering::Relaxed);
    }

    /// A task begins. Whatever becomes of it is counted when the guard is dropped.
    pub(crate) fn task(self: &Arc<Self>) -> RunningTask {
        self.running.fetch_add(1, Ordering::Relaxed);
        RunningTask {
            counters: Arc::clone(self),
            start: Instant::now(),
            completed: false,
        }
    }

    fn task_ended(&self, completed: bool, took: Duration) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match completed {
            true => ended.completed += 1,
            false => ended.failed += 1,
        }
        ended.seconds += took.as_secs_f64();
    }

    /// Adds what the operators of a task measured.
    pub(crate) fn add(&self, operators: &[MetricsSet]) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        for metrics in operators {
            let sum = |name: &str| {
                let sum = metrics.sum_by_name(name);
                sum.map_or(0, |sum| sum.as_usize() as u64)
            };
            ended.gets += sum("objects_fetched");
            // Times are in nanoseconds.
            ended.get_seconds += sum("fetch_time") as f64 / 1e9;
            ended.missing += sum("objects_missing");
            ended.read_bytes += sum("bytes_scanned");
            ended.network_loads += sum("network_loads");
            ended.spilled_bytes += sum("spilled_bytes") + sum("spill_bytes");
        }
    }

    /// Adds the counts, the memory of the process, and its requests to S3.
    pub(crate) fn write(&self, text: &mut Exposition) {
        let ended = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed) as f64;
        for (name, help, value) in [
            (
                "pomona_slots",
                "Tasks that the executor runs at the same time.",
                load(&self.slots),
            ),
            (
                "pomona_tasks_running",
                "Tasks that it runs now.",
                load(&self.running),
            ),
        ] {
            text.one(name, Kind::Gauge, "", help, value);
        }
        text.family(
            "pomona_tasks",
            Kind::Counter,
            "",
            "Tasks that ended; those that were cancelled are among the failed.",
        );
        text.sample(&[("outcome", "completed")], ended.completed as f64);
        text.sample(&[("outcome", "failed")], ended.failed as f64);
        for (name, unit, help, value) in [
            (
                "pomona_task_seconds",
                "seconds",
                "How long tasks ran together.",
                ended.seconds,
            ),
            (
                "pomona_images",
                "",
                "Images that completed tasks read.",
                ended.gets as f64,
            ),
            (
                "pomona_images_missing",
                "",
                "Images that had vanished or were denied.",
                ended.missing as f64,
            ),
            (
                "pomona_read_bytes",
                "bytes",
                "Bytes that completed tasks read from files and objects.",
                ended.read_bytes as f64,
            ),
            (
                "pomona_network_loads",
                "",
                "Networks that were loaded for tasks.",
                ended.network_loads as f64,
            ),
            (
                "pomona_spilled_bytes",
                "bytes",
                "Bytes that completed tasks wrote to the disk for want of memory.",
                ended.spilled_bytes as f64,
            ),
        ] {
            text.one(name, Kind::Counter, unit, help, value);
        }
        text.family(
            "pomona_get_seconds",
            Kind::Summary,
            "seconds",
            "Times of reading one image, repeated requests and the way of its bytes among them.",
        );
        text.summary(&[], ended.get_seconds, ended.gets);
        text.family(
            "pomona_bad_images",
            Kind::Counter,
            "",
            "Images without features, by the kind of the reason.",
        );
        for (reason, count) in bad_images() {
            text.sample(&[("reason", reason)], count as f64);
        }
        let memory = [
            (
                "pomona_memory_bytes",
                "VmRSS:",
                "Resident memory of the process.",
            ),
            (
                "pomona_memory_peak_bytes",
                "VmHWM:",
                "The most resident memory that the process had.",
            ),
        ];
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        for (name, line, help) in memory {
            if let Some(bytes) = bytes_in(&status, line) {
                text.one(name, Kind::Gauge, "bytes", help, bytes as f64);
            }
        }
        add_s3(text);
    }
}

/// The bytes in a line of `/proc/self/status`, such as `VmRSS:     1234 kB`.
fn bytes_in(status: &str, line: &str) -> Option<u64> {
    let value = status.lines().find_map(|found| found.strip_prefix(line))?;
    let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

/// A task that runs.
#[derive(Debug)]
pub(crate) struct RunningTask {
    counters: Arc<TaskCounters>,
    start: Instant,
    completed: bool,
}

impl RunningTask {
    /// The task is complete.
    pub(crate) fn complete(mut self) {
        self.completed = true;
    }
}

impl Drop for RunningTask {
    fn drop(&mut self) {
        self.counters
            .task_ended(self.completed, self.start.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};

    use super::*;

    #[test]
    fn tasks_and_what_they_measured_are_counted() {
        let counters = Arc::new(TaskCounters::default());
        counters.set_slots(2);
        counters.task().complete();
        drop(counters.task());
        let running = counters.task();
        let metrics = ExecutionPlanMetricsSet::new();
        MetricBuilder::new(&metrics)
            .counter("objects_fetched", 0)
            .add(3);
        MetricBuilder::new(&metrics)
            .counter("bytes_scanned", 0)
            .add(500);
        MetricBuilder::new(&metrics)
            .subset_time("fetch_time", 0)
            .add_duration(Duration::from_millis(1500));
        counters.add(&[metrics.clone_inner()]);
        let mut text = Exposition::default();
        counters.write(&mut text);
        let text = text.finish();
        for line in [
            "pomona_slots 2",
            "pomona_tasks_running 1",
            "pomona_tasks_total{outcome=\"completed\"} 1",
            "pomona_tasks_total{outcome=\"failed\"} 1",
            "pomona_images_total 3",
            "pomona_read_bytes_total 500",
            "pomona_get_seconds_sum 1.5",
            "pomona_get_seconds_count 3",
            "# TYPE pomona_s3_get_seconds histogram",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        drop(running);
    }

    #[test]
    fn memory_is_read_as_linux_writes_it() {
        let status = "Name:\tpomona\nVmHWM:\t    2048 kB\nVmRSS:\t      12 kB\n";
        assert_eq!(bytes_in(status, "VmRSS:"), Some(12 << 10));
        assert_eq!(bytes_in(status, "VmHWM:"), Some(2 << 20));
        assert_eq!(bytes_in(status, "VmSwap:"), None);
    }
}
