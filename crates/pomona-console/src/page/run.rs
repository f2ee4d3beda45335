//! A run in one process: its stages.

use maud::{Markup, html};

use super::job::error;
use super::parts::{badge, bar, cell, number, or_dash, tile, titled};
use super::{Frame, Page};
use crate::model::{Run, RunStage};
use crate::redact::redacted;
use crate::times::moment;

pub(super) fn page(run: &Run, frame: &Frame<'_>) -> Page {
    let regions = vec![
        ("state", state(run, frame)),
        ("error", error(run.error.as_deref(), frame)),
        ("stages", stages(run, frame)),
        ("notes", notes(run, frame)),
    ];
    Page::new(frame.words().run.to_string(), regions, run.ended > 0)
}

fn state(run: &Run, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let (class, state) = match (run.ended, &run.error) {
        (0, _) => ("running", words.running),
        (_, Some(_)) => ("failed", words.failed),
        (_, None) => ("completed", words.completed),
    };
    let end = if run.ended > 0 {
        run.ended
    } else {
        frame.cluster.now
    };
    let seconds = end.saturating_sub(run.started) as f64 / 1000.0;
    let pace = run.stages.last().and_then(|stage| stage.pace(end));
    html! {
        p.headline role="status" { (badge(class, state)) " " bdi.name { (redacted(&run.input)) } }
        p.detail { bdi { (redacted(&run.output)) } }
        dl.tiles {
            (tile(words.duration, &frame.seconds(seconds), Some(moment(run.started))))
            (tile(words.images, &or_dash(run.images.map(|images| frame.count(images))), None))
            (tile(words.images_per_second, &or_dash(pace.map(|(rate, _)| frame.language.decimal(rate, 1))), None))
        }
    }
}

fn stages(run: &Run, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let content = html! {
        @if run.stages.is_empty() { p { (words.no_stages) } }
        @else {
            table.stacked {
                thead {
                    tr {
                        th scope="col" { (words.stage) }
                        th scope="col" { (words.state) }
                        th scope="col" { (words.progress) }
                        th.number scope="col" { (words.images_per_second) }
                        th.number scope="col" { (words.duration) }
                        th.number scope="col" { (words.time_left) }
                    }
                }
                tbody { @for stage in &run.stages { (row(stage, run, frame)) } }
            }
        }
    };
    titled("stages-list", words.stages, content)
}

fn row(stage: &RunStage, run: &Run, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let is_done = stage.ended > 0;
    let (class, state) = match (is_done, run.ended > 0) {
        (true, _) => ("completed", words.part_completed),
        (false, false) => ("running", words.running),
        (false, true) => ("failed", words.part_failed),
    };
    let end = match (stage.ended, run.ended) {
        (0, 0) => frame.cluster.now,
        (0, ended) | (ended, _) => ended,
    };
    let share = match stage.images {
        0 => f64::from(u8::from(is_done)),
        images => stage.images_done as f64 / images as f64,
    };
    let pace = stage.pace(end);
    let (done, all) = (stage.images_done, stage.images);
    let text = (words.images_done)(done, all, &frame.count(done), &frame.count(all));
    let left = pace.filter(|_| !is_done && run.ended == 0);
    html! {
        tr {
            th scope="row" { (stage.name) }
            (cell(words.state, "", badge(class, state)))
            (cell(words.progress, "wide", bar(share.min(1.0), words.progress, &text)))
            (number(words.images_per_second, or_dash(pace.map(|(rate, _)| frame.language.decimal(rate, 1)))))
            (number(words.duration, frame.seconds(end.saturating_sub(stage.started) as f64 / 1000.0)))
            (number(words.time_left, or_dash(left.map(|(_, left)| (words.about)(&frame.age(left))))))
        }
    }
}

fn notes(run: &Run, frame: &Frame<'_>) -> Markup {
    let list = html! { ul { @for note in &run.notes { li { (redacted(note)) } } } };
    html! {
        @if !run.notes.is_empty() { (titled("notes-list", frame.words().notes, list)) }
    }
}
