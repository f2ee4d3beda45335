//! A stage of a job: its operators and its tasks.

use maud::{Markup, html};

use super::job::{error, stage_badge};
use super::parts::{DASH, Headings, badge, cell, number, or_dash, pager, part, tile, titled};
use super::{Frame, Page};
use crate::model::{Job, Stage, Task, TaskState};
use crate::order::{Column, Key, sort};
use crate::redact::redacted;
use crate::times::moment;
use crate::view::View;

pub(super) fn page(job: &Job, id: usize, view: &View, frame: &Frame<'_>) -> Option<Page> {
    let words = frame.words();
    let stage = job.stages.iter().find(|stage| stage.id == id)?;
    let title = format!(
        "{} {}, {}",
        words.job,
        job.row.id,
        (words.stage_name)(&id.to_string())
    );
    let regions = vec![
        ("state", state(job, stage, frame)),
        ("error", error(stage.error.as_deref(), frame)),
        ("operators", operators(stage, frame)),
        ("tasks", tasks(stage, view, frame)),
    ];
    Some(Page::new(title, regions, job.row.state.has_ended()))
}

fn state(job: &Job, stage: &Stage, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let skew = stage.skew();
    let back = View::of_job(&job.row.id);
    html! {
        p { a href=(frame.address(&back)) { (words.job) " " (job.row.id) } }
        p.headline role="status" { (stage_badge(stage, frame)) }
        dl.tiles {
            (tile(words.tasks, &format!("{} / {}", frame.count(stage.tasks_done()), frame.count(stage.partitions)), None))
            (tile(words.slowest_task, &or_dash(skew.map(|(slowest, _)| frame.seconds(slowest))), None))
            (tile(words.median_task, &or_dash(skew.map(|(_, median)| frame.seconds(median))), None))
            (tile(words.rows_in, &frame.count(stage.rows_in), None))
            (tile(words.rows_out, &frame.count(stage.rows_out), None))
            (tile(words.bytes_in, &frame.language.bytes(stage.bytes_in), None))
            (tile(words.bytes_out, &frame.language.bytes(stage.bytes_out), None))
        }
    }
}

fn operators(stage: &Stage, frame: &Frame<'_>) -> Markup {
    let plan = html! { pre tabindex="0" { (redacted(&stage.plan)) } };
    titled("plan-of-stage", frame.words().operators, plan)
}

fn tasks(stage: &Stage, view: &View, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    // Those that failed, then those that run, then the others.
    let mut sorted: Vec<&Task> = stage.tasks.iter().collect();
    sorted.sort_by_key(|task| match task.state {
        TaskState::Failed => 0,
        TaskState::Running => 1,
        TaskState::Completed => 2,
    });
    if let Some(order) = view.list().order {
        let now = frame.cluster.now;
        sort(&mut sorted, order, |task, column| key(task, column, now));
    }
    let (shown, pages) = part(&sorted, view.list().page);
    let head = Headings { frame, view };
    let content = html! {
        @if sorted.is_empty() { p { (words.no_tasks) } }
        @else {
            table.stacked {
                thead {
                    tr data-label=(words.sort_by) {
                        (head.numbers(Column::Task, words.task))
                        (head.words(Column::State, words.state))
                        th scope="col" { (words.partitions) }
                        (head.words(Column::Executor, words.executor))
                        (head.words(Column::Started, words.started))
                        (head.numbers(Column::Duration, words.duration))
                        th scope="col" { (words.error) }
                    }
                }
                tbody { @for task in shown { (row(task, frame)) } }
            }
            (pager(frame, pages, view))
        }
    };
    titled("tasks-list", words.tasks, content)
}

/// What a task is sorted by.
fn key(task: &Task, column: Column, now: u64) -> Key {
    match column {
        Column::Executor => Key::Text(task.executor.clone()),
        Column::State => Key::count(match task.state {
            TaskState::Failed => 0,
            TaskState::Running => 1,
            TaskState::Completed => 2,
        }),
        Column::Started => Key::count(task.started),
        Column::Duration => Key::Number(seconds(task, now)),
        _ => Key::count(task.id as u64),
    }
}

/// How long a task ran, or runs.
fn seconds(task: &Task, now: u64) -> Option<f64> {
    let end = match task.ended {
        0 => now,
        ended => ended,
    };
    (task.started > 0).then(|| end.saturating_sub(task.started) as f64 / 1000.0)
}

fn row(task: &Task, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let seconds = seconds(task, frame.cluster.now);
    let class = match task.state {
        TaskState::Running => "running",
        TaskState::Completed => "completed",
        TaskState::Failed => "failed",
    };
    let partitions: Vec<String> = task.partitions.iter().map(ToString::to_string).collect();
    html! {
        tr {
            th.number scope="row" { (task.id) }
            (cell(words.state, "", badge(class, words.task_state(task.state))))
            (cell(words.partitions, "", html! { (partitions.join(", ")) }))
            // One that failed is not known by its executor.
            @if task.executor.is_empty() { (cell(words.executor, "long none", html! { (DASH) })) }
            @else { (cell(words.executor, "long", html! { (task.executor) })) }
            (cell(words.started, "long", html! { (moment(task.started)) }))
            (number(words.duration, or_dash(seconds.map(|seconds| frame.seconds(seconds)))))
            @match &task.error {
                Some(error) => (cell(words.error, "wide", html! { span.bad { (redacted(error)) } })),
                None => (cell(words.error, "wide none", html! { (DASH) })),
            }
        }
    }
}
