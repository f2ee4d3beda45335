//! A job's stages as a drawing: a stage stands to the right of those that it reads.

use std::collections::HashMap;

use maud::{Markup, html};

use crate::model::{Job, Stage};
use crate::page::Frame;
use crate::page::job::stage_class;
use crate::phrases::Phrases;
use crate::view::View;

/// A box and the space around it, in pixels.
const WIDTH: usize = 212;
const HEIGHT: usize = 64;
const GAP_X: usize = 48;
const GAP_Y: usize = 18;

/// Where each stage stands: its column, and its row in the column.
fn places(stages: &[Stage]) -> HashMap<usize, (usize, usize)> {
    let mut columns: HashMap<usize, usize> = HashMap::new();
    // Stages are few, and each pass settles one column at least.
    for _ in 0..stages.len() {
        for stage in stages {
            let inputs = stage.inputs.iter();
            let column = inputs
                .map(|input| columns.get(input).map_or(0, |column| column + 1))
                .max()
                .unwrap_or(0);
            columns.insert(stage.id, column.min(stages.len()));
        }
    }
    let mut heights: HashMap<usize, usize> = HashMap::new();
    stages
        .iter()
        .map(|stage| {
            let column = columns[&stage.id];
            let height = heights.entry(column).or_default();
            *height += 1;
            (stage.id, (column, *height - 1))
        })
        .collect()
}

fn corner((column, row): (usize, usize)) -> (usize, usize) {
    (column * (WIDTH + GAP_X) + 1, row * (HEIGHT + GAP_Y) + 1)
}

/// The drawing, as SVG whose boxes are links.
pub(crate) fn drawing(job: &Job, frame: &Frame<'_>) -> Markup {
    let places = places(&job.stages);
    let right = places.values().map(|place| corner(*place).0).max();
    let bottom = places.values().map(|place| corner(*place).1).max();
    let width = right.unwrap_or(0) + WIDTH + 1;
    let height = bottom.unwrap_or(0) + HEIGHT + 1;
    html! {
        svg.stages viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) {
            @for stage in &job.stages {
                @for input in &stage.inputs {
                    @if let Some(from) = places.get(input) { (line(*from, places[&stage.id])) }
                }
            }
            @for stage in &job.stages { (node(job, stage, corner(places[&stage.id]), frame)) }
        }
    }
}

fn line(from: (usize, usize), to: (usize, usize)) -> Markup {
    let (from, to) = (corner(from), corner(to));
    let (x1, y1) = (from.0 + WIDTH, from.1 + HEIGHT / 2);
    let (x2, y2) = (to.0, to.1 + HEIGHT / 2);
    let middle = (x1 + x2) / 2;
    html! { path.edge d={ "M" (x1) "," (y1) " C" (middle) "," (y1) " " (middle) "," (y2) " " (x2) "," (y2) } {} }
}

fn node(job: &Job, stage: &Stage, (x, y): (usize, usize), frame: &Frame<'_>) -> Markup {
    let words = Phrases::of(frame.language);
    let view = View::of_stage(&job.row.id, stage.id);
    let done = stage.tasks_done();
    let all = stage.partitions.max(1);
    let filled = (WIDTH as u64 - 2) * done.min(all) / all;
    html! {
        a href=(view.address(frame.language)) {
            g.node.(stage_class(stage.state)) {
                rect.box x=(x) y=(y) width=(WIDTH) height=(HEIGHT) rx="8" {}
                rect.done x=(x + 1) y=(y + HEIGHT - 7) width=(filled) height="5" {}
                text.name x=(x + 12) y=(y + 23) { ((words.stage_name)(&stage.id.to_string())) }
                text x=(x + 12) y=(y + 42) {
                    (words.stage_state(stage.state)) " · "
                    (frame.tasks_done(done, stage.partitions))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(id: usize, inputs: &[usize]) -> Stage {
        Stage {
            id,
            inputs: inputs.to_vec(),
            ..Stage::default()
        }
    }

    #[test]
    fn a_stage_stands_right_of_what_it_reads() {
        let places = places(&[
            stage(1, &[]),
            stage(2, &[]),
            stage(3, &[1, 2]),
            stage(4, &[3, 1]),
        ]);
        assert_eq!(places[&1], (0, 0));
        assert_eq!(places[&2], (0, 1));
        assert_eq!(places[&3], (1, 0));
        assert_eq!(places[&4], (2, 0));
    }

    /// In HTML, an element of SVG without an end holds all that follows, and is not drawn.
    #[test]
    fn every_element_ends() {
        let job = Job {
            stages: vec![stage(1, &[]), stage(2, &[1])],
            ..Job::default()
        };
        let cluster = crate::model::Cluster::default();
        let frame = Frame {
            cluster: &cluster,
            language: pomona_report::Language::English,
            settings: crate::page::Settings::default(),
        };
        let svg = drawing(&job, &frame).into_string();
        for element in ["svg", "path", "g", "rect", "text", "a"] {
            let begins = svg.matches(&format!("<{element} ")).count();
            let ends = svg.matches(&format!("</{element}>")).count();
            assert!(begins > 0 && begins == ends, "{element}: {svg}");
        }
    }

    #[test]
    fn stages_that_read_each_other_in_a_circle_end_too() {
        let places = places(&[stage(1, &[2]), stage(2, &[1])]);
        assert_eq!(places.len(), 2);
    }
}
