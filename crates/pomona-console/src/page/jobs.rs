//! The list of jobs.

use std::cmp::Reverse;
use std::sync::Arc;

use maud::{Markup, html};

use super::parts::{
    Headings, badge, bar, cell, job_class, listed, number, or_dash, pager, part, tile,
};
use super::{Frame, Page};
use crate::model::{Executor, JobRow, JobState};
use crate::order::{Column, Key, sort};
use crate::redact::redacted;
use crate::times::moment;
use crate::view::View;

pub(super) fn page(
    jobs: &[Arc<JobRow>],
    executors: &[Executor],
    view: &View,
    frame: &Frame<'_>,
) -> Page {
    let words = frame.words();
    let mut sorted: Vec<&Arc<JobRow>> = jobs.iter().collect();
    // Those that run or wait are first, the newest of each kind before the others.
    sorted.sort_by_key(|job| {
        let order = match job.state {
            JobState::Running => 0,
            JobState::Queued => 1,
            _ => 2,
        };
        (order, Reverse(job.queued.max(job.started)), job.id.clone())
    });
    if let Some(order) = view.list().order {
        let now = frame.cluster.now;
        sort(&mut sorted, order, |job, column| key(job, column, now));
    }
    let regions = vec![
        ("summary", summary(jobs, executors, frame)),
        ("jobs", list(&sorted, view, frame)),
    ];
    Page::new(words.jobs.to_string(), regions, false)
}

/// What a job is sorted by.
fn key(job: &JobRow, column: Column, now: u64) -> Key {
    match column {
        Column::Job => Key::Text(format!("{} {}", job.name, job.id)),
        Column::State => Key::count(match job.state {
            JobState::Running => 0,
            JobState::Queued => 1,
            JobState::Failed => 2,
            JobState::Cancelled => 3,
            JobState::Completed => 4,
        }),
        Column::Progress => Key::Number(Some(job.share())),
        Column::Images => Key::Number(job.images.map(|images| images as f64)),
        Column::Rate => Key::Number(job.images_per_second(now)),
        Column::Duration => Key::Number(Some(job.seconds(now))),
        Column::Left => Key::Number(job.seconds_left(now)),
        _ => Key::count(job.started.max(job.queued)),
    }
}

fn summary(jobs: &[Arc<JobRow>], executors: &[Executor], frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let count = |state: JobState| {
        let found = jobs.iter().filter(|job| job.state == state).count();
        frame.count(found as u64)
    };
    let live = || executors.iter().filter(|executor| !executor.is_gone);
    let busy: u64 = live().map(|executor| executor.running).sum();
    let slots: u64 = live().map(|executor| executor.slots).sum();
    let rate: f64 = jobs
        .iter()
        .filter(|job| job.state == JobState::Running)
        .filter_map(|job| job.images_per_second(frame.cluster.now))
        .sum();
    html! {
        dl.tiles aria-label=(words.summary) {
            (tile(words.running, &count(JobState::Running), None))
            (tile(words.queued, &count(JobState::Queued), None))
            (tile(words.failed, &count(JobState::Failed), None))
            (tile(words.completed, &count(JobState::Completed), None))
            (tile(words.images_per_second, &frame.language.decimal(rate, 0), None))
            (tile(words.executors, &frame.count(live().count() as u64), None))
            (tile(words.slots_busy, &frame.count(busy), Some((words.of_slots)(&frame.count(slots)))))
        }
    }
}

fn list(jobs: &[&Arc<JobRow>], view: &View, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let (shown, pages) = part(jobs, view.list().page);
    let head = Headings { frame, view };
    let content = html! {
        @if jobs.is_empty() { p { (words.no_jobs) } }
        @else {
            table.stacked {
                thead {
                    tr data-label=(words.sort_by) {
                        (head.words(Column::Job, words.job))
                        (head.words(Column::State, words.state))
                        (head.words(Column::Progress, words.progress))
                        (head.numbers(Column::Images, words.images))
                        (head.numbers(Column::Rate, words.images_per_second))
                        (head.words(Column::Started, words.started))
                        (head.numbers(Column::Duration, words.duration))
                        (head.numbers(Column::Left, words.time_left))
                    }
                }
                tbody { @for job in shown { (row(job, frame)) } }
            }
            (pager(frame, pages, view))
        }
    };
    listed("list", words.jobs, content)
}

fn row(job: &JobRow, frame: &Frame<'_>) -> Markup {
    let (words, now) = (frame.words(), frame.cluster.now);
    let view = View::of_job(&job.id);
    html! {
        tr {
            th scope="row" {
                a href=(frame.address(&view)) {
                    @if job.name.is_empty() { (words.unnamed) } @else { bdi { (redacted(&job.name)) } }
                }
                span.detail { (job.id) }
            }
            (cell(words.state, "", badge(job_class(job.state), words.job_state(job.state))))
            (cell(words.progress, "wide", progress(job, frame)))
            (number(words.images, or_dash(job.images.map(|images| frame.count(images)))))
            (number(words.images_per_second, rate(job, frame)))
            (cell(words.started, "long", html! { (moment(job.started.max(job.queued))) }))
            (number(words.duration, frame.seconds(job.seconds(now))))
            (number(words.time_left, left(job, frame)))
        }
    }
}

/// The bar of a job with the numbers of its tasks.
pub(super) fn progress(job: &JobRow, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let mut text = frame.tasks_done(job.tasks_done, job.tasks);
    if job.tasks_failed > 0 {
        let failed = (words.tasks_again)(job.tasks_failed, &frame.count(job.tasks_failed));
        text = format!("{text}, {failed}");
    }
    bar(job.share(), words.progress, &text)
}

/// Images a second.
pub(super) fn rate(job: &JobRow, frame: &Frame<'_>) -> String {
    let rate = job.images_per_second(frame.cluster.now);
    or_dash(rate.map(|rate| (frame.words().per_second)(&frame.language.decimal(rate, 1))))
}

/// The time that is left.
pub(super) fn left(job: &JobRow, frame: &Frame<'_>) -> String {
    let left = job.seconds_left(frame.cluster.now);
    or_dash(left.map(|left| (frame.words().about)(&frame.age(left.max(1.0)))))
}
