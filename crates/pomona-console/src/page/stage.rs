//! A stage of a job: its operators and its tasks.

use maud::{Markup, html};

use super::job::{error, stage_badge};
use super::parts::{badge, cell, number, or_dash, pager, part, tile, titled};
use super::{Frame, Page};
use crate::model::{Job, Stage, Task, TaskState};
use crate::redact::redacted;
use crate::times::moment;
use crate::view::View;

pub(super) fn page(job: &Job, id: usize, page: usize, frame: &Frame<'_>) -> Option<Page> {
    let words = frame.words();
    let stage = job.stages.iter().find(|stage| stage.id == id)?;
    let title = format!(
        "{} {}, {}",
        words.job,
        job.row.id,
        (words.stage_name)(&id.to_string())
    );
    let view = View::Stage {
        job: job.row.id.clone(),
        stage: id,
        page,
    };
    let regions = vec![
        ("state", state(job, stage, frame)),
        ("error", error(stage.error.as_deref(), frame)),
        ("operators", operators(stage, frame)),
        ("tasks", tasks(stage, &view, frame)),
    ];
    Some(Page::new(title, regions, job.row.state.has_ended()))
}

fn state(job: &Job, stage: &Stage, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let skew = stage.skew();
    let back = View::Job {
        id: job.row.id.clone(),
    };
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
    let (shown, pages) = part(&sorted, view.page());
    let content = html! {
        @if sorted.is_empty() { p { (words.no_tasks) } }
        @else {
            table.stacked {
                thead {
                    tr {
                        th.number scope="col" { (words.task) }
                        th scope="col" { (words.state) }
                        th scope="col" { (words.partitions) }
                        th scope="col" { (words.executor) }
                        th scope="col" { (words.started) }
                        th.number scope="col" { (words.duration) }
                        th scope="col" { (words.error) }
                    }
                }
                tbody { @for task in shown { (row(task, frame)) } }
            }
            (pager(frame, pages, view, at))
        }
    };
    titled("tasks-list", words.tasks, content)
}

fn at(view: &View, page: usize) -> View {
    match view {
        View::Stage { job, stage, .. } => View::Stage {
            job: job.clone(),
            stage: *stage,
            page,
        },
        other => other.clone(),
    }
}

fn row(task: &Task, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let end = match task.ended {
        0 => frame.cluster.now,
        ended => ended,
    };
    let seconds = (task.started > 0).then(|| end.saturating_sub(task.started) as f64 / 1000.0);
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
            (cell(words.executor, "", html! { (task.executor) }))
            (cell(words.started, "", html! { (moment(task.started)) }))
            (number(words.duration, or_dash(seconds.map(|seconds| frame.seconds(seconds)))))
            (cell(words.error, "wide", html! {
                @if let Some(error) = &task.error { span.bad { (redacted(error)) } } @else { "–" }
            }))
        }
    }
}
