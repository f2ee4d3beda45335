//! A job: its state, its stages and its plans.

use maud::{Markup, html};

use super::jobs::{left, progress, rate};
use super::parts::{DASH, Headings, badge, cell, job_class, number, or_dash, tile, titled};
use super::{Frame, Page};
use crate::drawing::drawing;
use crate::model::{Job, Stage, StageState};
use crate::order::{Column, Key, sort};
use crate::redact::redacted;
use crate::times::moment;
use crate::view::View;

pub(super) fn page(job: &Job, view: &View, frame: &Frame<'_>) -> Page {
    let words = frame.words();
    let title = format!("{} {}", words.job, job.row.id);
    let mut regions = vec![
        ("state", state(job, frame)),
        ("error", error(job.row.error.as_deref(), frame)),
        ("drawing", stages_drawn(job, frame)),
        ("stages", stages(job, view, frame)),
        ("query", query(job, frame)),
    ];
    if !frame.settings.read_only {
        regions.insert(1, ("cancel", cancel(job, frame)));
    }
    Page::new(title, regions, job.row.state.has_ended())
}

fn state(job: &Job, frame: &Frame<'_>) -> Markup {
    let (words, row) = (frame.words(), &job.row);
    html! {
        p.headline role="status" {
            (badge(job_class(row.state), words.job_state(row.state)))
            @if !row.name.is_empty() { " " bdi.name { (redacted(&row.name)) } }
        }
        div.wide { (progress(row, frame)) }
        dl.tiles {
            (tile(words.duration, &frame.seconds(row.seconds(frame.cluster.now)), Some(moment(row.started))))
            (tile(words.time_left, &left(row, frame), None))
            (tile(words.images, &or_dash(row.images.map(|images| frame.count(images))), None))
            (tile(words.images_per_second, &rate(row, frame), None))
            (tile(words.stages, &format!("{} / {}", frame.count(row.stages_done), frame.count(row.stages)), None))
        }
    }
}

fn cancel(job: &Job, frame: &Frame<'_>) -> Markup {
    html! {
        @if !job.row.state.has_ended() {
            p {
                a.button href={ "/job/" (job.row.id) "/cancel?lang=" (frame.language) } {
                    (frame.words().cancel)
                }
            }
        }
    }
}

/// An error, where there is one.
pub(super) fn error(error: Option<&str>, frame: &Frame<'_>) -> Markup {
    html! {
        @if let Some(error) = error {
            (titled("reason", frame.words().error, html! { pre.error { (redacted(error)) } }))
        }
    }
}

fn stages_drawn(job: &Job, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    if job.stages.len() < 2 {
        return html! {};
    }
    let content = html! {
        p.detail { (words.drawing_text) }
        div.scrolled tabindex="0" role="group" aria-labelledby="drawn-heading" { (drawing(job, frame)) }
    };
    titled("drawn", words.drawing, content)
}

/// What a stage is sorted by.
fn key(stage: &Stage, column: Column) -> Key {
    let seconds = |of: fn((f64, f64)) -> f64| Key::Number(stage.skew().map(of));
    match column {
        Column::State => Key::count(match stage.state {
            StageState::Failed => 0,
            StageState::Running => 1,
            StageState::Ready => 2,
            StageState::Waiting => 3,
            StageState::Completed => 4,
        }),
        Column::Tasks => Key::count(stage.partitions),
        Column::Failed => Key::count(stage.tasks_failed()),
        Column::Slowest => seconds(|(slowest, _)| slowest),
        Column::Median => seconds(|(_, median)| median),
        Column::RowsIn => Key::count(stage.rows_in),
        Column::RowsOut => Key::count(stage.rows_out),
        Column::BytesIn => Key::count(stage.bytes_in),
        Column::BytesOut => Key::count(stage.bytes_out),
        _ => Key::count(stage.id as u64),
    }
}

fn stages(job: &Job, view: &View, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let mut sorted: Vec<&Stage> = job.stages.iter().collect();
    if let Some(order) = view.list().order {
        sort(&mut sorted, order, key);
    }
    let head = Headings { frame, view };
    let content = html! {
        table.stacked {
            thead {
                tr data-label=(words.sort_by) {
                    (head.words(Column::Stage, words.stage))
                    (head.words(Column::State, words.state))
                    th scope="col" { (words.reads) }
                    (head.numbers(Column::Tasks, words.tasks))
                    (head.numbers(Column::Failed, words.failed_tasks))
                    (head.numbers(Column::Slowest, words.slowest_task))
                    (head.numbers(Column::Median, words.median_task))
                    (head.numbers(Column::RowsIn, words.rows_in))
                    (head.numbers(Column::RowsOut, words.rows_out))
                    (head.numbers(Column::BytesIn, words.bytes_in))
                    (head.numbers(Column::BytesOut, words.bytes_out))
                }
            }
            tbody { @for stage in sorted { (stage_row(job, stage, frame)) } }
        }
    };
    titled("stages-list", words.stages, content)
}

fn stage_row(job: &Job, stage: &Stage, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let view = View::of_stage(&job.row.id, stage.id);
    let skew = stage.skew();
    let failed = stage.tasks_failed();
    let inputs: Vec<String> = stage.inputs.iter().map(ToString::to_string).collect();
    html! {
        tr {
            th scope="row" {
                a href=(frame.address(&view)) { ((words.stage_name)(&stage.id.to_string())) }
            }
            (cell(words.state, "", stage_badge(stage, frame)))
            @if inputs.is_empty() { (cell(words.reads, "none", html! { (DASH) })) }
            @else { (cell(words.reads, "", html! { (inputs.join(", ")) })) }
            (number(words.tasks, format!("{} / {}", frame.count(stage.tasks_done()), frame.count(stage.partitions))))
            (cell(words.failed_tasks, if failed > 0 { "number bad" } else { "number" }, html! { (frame.count(failed)) }))
            (number(words.slowest_task, or_dash(skew.map(|(slowest, _)| frame.seconds(slowest)))))
            (number(words.median_task, or_dash(skew.map(|(_, median)| frame.seconds(median)))))
            (number(words.rows_in, frame.count(stage.rows_in)))
            (number(words.rows_out, frame.count(stage.rows_out)))
            (number(words.bytes_in, frame.language.bytes(stage.bytes_in)))
            (number(words.bytes_out, frame.language.bytes(stage.bytes_out)))
        }
    }
}

/// The state of a stage, and how often it was started again.
pub(super) fn stage_badge(stage: &Stage, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    html! {
        (badge(stage_class(stage.state), words.stage_state(stage.state)))
        @if stage.attempt > 0 {
            span.detail { ((words.attempts)(stage.attempt, &frame.count(stage.attempt))) }
        }
    }
}

/// The class of a stage's state.
pub(crate) fn stage_class(state: StageState) -> &'static str {
    match state {
        StageState::Waiting | StageState::Ready => "waiting",
        StageState::Running => "running",
        StageState::Completed => "completed",
        StageState::Failed => "failed",
    }
}

fn query(job: &Job, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let sql = html! {
        @if let Some(sql) = &job.sql { pre tabindex="0" { (redacted(sql)) } }
        @else { p { (words.no_sql) } }
        details #plan {
            summary { (words.plan) }
            pre tabindex="0" { (redacted(&job.plan)) }
        }
    };
    titled("sql", words.query, sql)
}
