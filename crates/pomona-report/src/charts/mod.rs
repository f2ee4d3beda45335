//! Charts: their geometry, and the templates that draw them as SVG.

mod axis;
mod bar;
mod cumulative;
mod pixels;
mod scatter;
mod scree;

pub(crate) use bar::Bar;
pub(crate) use cumulative::{Cumulative, LEVELS, components_for};
pub(crate) use pixels::Px;
pub(crate) use scatter::{Legend, ScatterPlot};
pub(crate) use scree::Scree;

/// A drawing's size and the edges of its plot, in the drawing's own units. On a wide page a unit is
/// about a CSS pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

/// Two of these stand side by side on a wide page, and below one another on a phone, where they
/// keep nearly their size.
pub(crate) const WIDE: Frame = Frame {
    width: 480.0,
    height: 300.0,
    left: 52.0,
    right: 468.0,
    top: 14.0,
    bottom: 250.0,
};
