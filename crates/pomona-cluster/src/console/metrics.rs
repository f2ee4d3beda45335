//! `/metrics` of the scheduler.

use std::sync::Arc;

use pomona_console::{Executor, Exposition, JobState, Kind};

use super::pages::Source;
use super::{ClusterView, now};
use crate::role_metrics::add_s3;

/// The states that jobs end in.
const ENDS: [(JobState, &str); 3] = [
    (JobState::Completed, "completed"),
    (JobState::Failed, "failed"),
    (JobState::Cancelled, "cancelled"),
];

/// Adds what a scheduler measures.
pub(crate) async fn scheduler_metrics(source: Arc<ClusterView>, text: &mut Exposition) {
    jobs(&source, text).await;
    let executors = source.executors().await;
    let live: Vec<&Executor> = executors.iter().filter(|known| !known.is_gone).collect();
    cluster(&live, text);
    work(&source, text).await;
    text.one(
        "pomona_scheduler_start_time_seconds",
        Kind::Gauge,
        "seconds",
        "When the scheduler started, in seconds since 1970.",
        source.cluster().started as f64 / 1000.0,
    );
    add_s3(text);
}

async fn jobs(source: &ClusterView, text: &mut Exposition) {
    let rows = source.rows().await;
    let count = |state: JobState| rows.iter().filter(|row| row.state == state).count() as f64;
    text.family("pomona_jobs", Kind::Gauge, "", "Jobs that have not ended.");
    text.sample(&[("state", "running")], count(JobState::Running));
    text.sample(&[("state", "queued")], count(JobState::Queued));
    let ended = source.book().ended_jobs();
    text.family("pomona_jobs_ended", Kind::Counter, "", "Jobs that ended.");
    for (state, name) in ENDS {
        let count = ended.get(&state).copied().unwrap_or(0);
        text.sample(&[("state", name)], count as f64);
    }
    text.one(
        "pomona_queue_partitions",
        Kind::Gauge,
        "partitions",
        "Partitions of running jobs that wait for a slot.",
        source.waiting().await as f64,
    );
}

fn cluster(live: &[&Executor], text: &mut Exposition) {
    let sum = |of: fn(&Executor) -> u64| live.iter().map(|known| of(known)).sum::<u64>() as f64;
    let gauges: [(&str, &str, f64); 3] = [
        (
            "pomona_executors",
            "Executors that live.",
            live.len() as f64,
        ),
        (
            "pomona_slots",
            "Tasks that the executors run at the same time.",
            sum(|known| known.slots),
        ),
        (
            "pomona_slots_busy",
            "Slots that run a task.",
            sum(|known| known.running),
        ),
    ];
    for (name, help, value) in gauges {
        text.one(name, Kind::Gauge, "", help, value);
    }
    let now = now();
    text.family(
        "pomona_executor_silence_seconds",
        Kind::Gauge,
        "seconds",
        "Time since the last heartbeat of an executor.",
    );
    for executor in live {
        let silence = now.saturating_sub(executor.heartbeat) as f64 / 1000.0;
        text.sample(&[("executor", &address(executor))], silence);
    }
    text.family(
        "pomona_executor_memory_bytes",
        Kind::Gauge,
        "bytes",
        "Resident memory of an executor's process, by its last heartbeat.",
    );
    for executor in live {
        if let Some(memory) = executor.memory {
            text.sample(&[("executor", &address(executor))], memory as f64);
        }
    }
}

fn address(executor: &Executor) -> String {
    format!("{}:{}", executor.host, executor.port)
}

async fn work(source: &ClusterView, text: &mut Exposition) {
    let tally = source.tally().await;
    // An executor that is started again is another one: its identifier is the label. It has samples until so many
    // others are gone too that the scheduler forgets it, and none after that.
    let mut by_executor =
        |name: &str, unit: &str, help: &str, of: fn(&super::tally::Work) -> f64| {
            text.family(name, Kind::Counter, unit, help);
            for (executor, work) in &tally.executors {
                text.sample(&[("executor_id", executor)], of(work));
            }
        };
    by_executor(
        "pomona_tasks_completed",
        "",
        "Tasks that executors completed.",
        |work| work.tasks as f64,
    );
    by_executor(
        "pomona_task_seconds",
        "seconds",
        "How long completed tasks ran together.",
        |work| work.task_seconds,
    );
    by_executor(
        "pomona_network_loads",
        "",
        "Networks that executors loaded for completed tasks.",
        |work| work.network_loads as f64,
    );
    for (name, unit, help, value) in [
        (
            "pomona_tasks_failed",
            "",
            "Tasks that failed or were lost; most of them ran again.",
            tally.tasks_failed,
        ),
        (
            "pomona_stages_restarted",
            "",
            "Stages that were started again, because their results were lost.",
            tally.stages_again,
        ),
        (
            "pomona_images",
            "",
            "Images that completed tasks read.",
            tally.images,
        ),
        (
            "pomona_read_bytes",
            "bytes",
            "Bytes that completed tasks read from files and objects.",
            tally.bytes_scanned,
        ),
    ] {
        text.one(name, Kind::Counter, unit, help, value as f64);
    }
}
