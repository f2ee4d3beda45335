//! [`ScatterPlot`]: images along the first two components, and the legend of their labels.

use maud::{Markup, Render, html};

use super::axis::{Axis, Tick, across, up};
use super::{Frame, Px};
use crate::palette::{COLORS, Mark, SHAPES};
use crate::phrases::Phrases;
use crate::{Language, Report};

/// The drawing: as wide as a page next to a legend.
const FRAME: Frame = Frame {
    width: 760.0,
    height: 560.0,
    left: 78.0,
    right: 748.0,
    top: 12.0,
    bottom: 508.0,
};

/// The part of the range of values that is added at each end, so that no mark is cut.
const MARGIN: f64 = 0.03;

/// The map of the images.
pub(crate) struct ScatterPlot {
    title: &'static str,
    description: String,
    groups: Vec<Group>,
    across: Vec<Tick>,
    up: Vec<Tick>,
    across_name: String,
    up_name: String,
}

/// The marks of a label.
struct Group {
    label: usize,
    color: &'static str,
    shape: usize,
    marks: Vec<Placed>,
}

/// A mark in its place.
struct Placed {
    x: Px,
    y: Px,
    path: String,
    /// The position of the point in the report.
    point: usize,
}

/// A label in the legend.
pub(crate) struct Legend {
    pub(crate) label: String,
    pub(crate) color: &'static str,
    pub(crate) shape: &'static str,
    pub(crate) images: String,
}

impl ScatterPlot {
    /// The map, with its legend in the order of the labels' names.
    pub(crate) fn new(report: &Report, language: Language) -> (Self, Vec<Legend>) {
        let words = language.phrases();
        let points = &report.scatter.points;
        let length = axis(
            points.iter().map(|point| point.x),
            (FRAME.left, FRAME.right),
        );
        let height = axis(
            points.iter().map(|point| point.y),
            (FRAME.bottom, FRAME.top),
        );

        let mut order: Vec<usize> = (0..points.len()).collect();
        let label = |point: &usize| report.images[points[*point].image].label.as_str();
        order.sort_by_key(label);
        let mut groups = vec![];
        let mut legend = vec![];
        for (number, members) in order.chunk_by(|a, b| label(a) == label(b)).enumerate() {
            let mark = Mark::of(number);
            let place = |&point: &usize| Placed {
                x: length.at(points[point].x),
                y: height.at(points[point].y),
                path: report.images[points[point].image].path.clone(),
                point,
            };
            groups.push(Group {
                label: number,
                color: COLORS[mark.color],
                shape: mark.shape,
                marks: members.iter().map(place).collect(),
            });
            legend.push(Legend {
                label: words.label_or_none(label(&members[0])),
                color: COLORS[mark.color],
                shape: SHAPES[mark.shape],
                images: language.count(members.len() as u64),
            });
        }
        let write = |value, decimals| language.decimal(value, decimals);
        let plot = Self {
            title: words.scatter,
            description: (words.scatter_description)(
                &language.count(points.len() as u64),
                &language.count(groups.len() as u64),
            ),
            across: length.ticks(6, write),
            up: height.ticks(5, write),
            across_name: axis_name(report, 0, words, language),
            up_name: axis_name(report, 1, words, language),
            groups,
        };
        (plot, legend)
    }

    /// The positions in the report of the points, in the order in which they are drawn.
    pub(crate) fn drawn(&self) -> impl Iterator<Item = usize> {
        let marks = self.groups.iter().flat_map(|group| &group.marks);
        marks.map(|mark| mark.point)
    }
}

impl Render for ScatterPlot {
    fn render(&self) -> Markup {
        let middle = Px((FRAME.top + FRAME.bottom) / 2.0);
        html! {
            svg.chart.scatter id="map" viewBox={ "0 0 " (Px(FRAME.width)) " " (Px(FRAME.height)) } role="img" aria-labelledby="map-title map-description" {
                title id="map-title" { (self.title) }
                desc id="map-description" { (self.description) }
                defs {
                    @for (number, shape) in SHAPES.iter().enumerate() {
                        path id={ "mark-" (number) } d=(shape) {}
                    }
                }
                (up(&FRAME, &self.up))
                @for tick in &self.across {
                    path.grid d={ "M" (tick.at) "," (Px(FRAME.top)) "V" (Px(FRAME.bottom)) } {}
                }
                (across(&FRAME, &self.across, &self.across_name))
                text.axis-name x="18" y=(middle) text-anchor="middle" transform={ "rotate(-90 18 " (middle) ")" } {
                    (self.up_name)
                }
                @for group in &self.groups {
                    g.marks data-label=(group.label) fill=(group.color) {
                        @for mark in &group.marks {
                            use href={ "#mark-" (group.shape) } x=(mark.x) y=(mark.y) { title { (mark.path) } }
                        }
                    }
                }
            }
        }
    }
}

fn axis(values: impl Iterator<Item = f64>, places: (f64, f64)) -> Axis {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let margin = MARGIN * (high - low);
    Axis::new((low - margin, high + margin), places)
}

fn axis_name(report: &Report, index: usize, words: &Phrases, language: Language) -> String {
    let ratio = report.variance.ratios.get(index).copied().unwrap_or(0.0);
    let number = language.count(index as u64 + 1);
    (words.axis)(&number, &language.percent(ratio, 1))
}
