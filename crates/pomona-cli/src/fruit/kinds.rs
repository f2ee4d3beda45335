//! Eight kinds of fruit, as regions of the plane with colours.

use super::canvas::{Color, Random, Shape};

/// A kind of fruit: its label, and one fruit of it.
pub(super) type Kind = (&'static str, fn(&mut Random) -> Shape);

/// Every kind, by label.
pub(super) const KINDS: [Kind; 8] = [
    ("Apple Green", |chance| apple(chance, [0.55, 0.75, 0.2])),
    ("Apple Red", |chance| apple(chance, [0.78, 0.1, 0.12])),
    ("Banana", banana),
    ("Cherry", cherry),
    ("Grape Blue", grapes),
    ("Kiwi", kiwi),
    ("Lemon", lemon),
    ("Orange", orange),
];

const STEM: Color = [0.35, 0.24, 0.12];

/// A colour on a ball of radius 1 that is lit from the upper left; (x, y) is the place on it.
fn lit(color: Color, x: f32, y: f32) -> Color {
    let depth = (1.0 - x * x - y * y).max(0.0).sqrt();
    let light = (-0.5 * x - 0.6 * y + 0.62 * depth).max(0.0);
    let gloss = light.powi(12) * 0.45;
    color.map(|value| value * (0.55 + 0.5 * light) + gloss)
}

/// Whether a point is on a line of some width from a place upwards, bent to the right.
fn on_stem(x: f32, y: f32, from: f32, to: f32, width: f32) -> bool {
    let bend = 0.25 * (from - y) * (from - y);
    y > to && y < from && (x - bend).abs() < width
}

fn apple(chance: &mut Random, color: Color) -> Shape {
    let color = chance.near(color);
    let wide = chance.between(0.95, 1.08);
    let dent = chance.between(0.14, 0.24);
    Box::new(move |x, y| {
        if on_stem(x, y, -0.45, -0.85, 0.035) {
            return Some(STEM);
        }
        let (x, y) = (x / (0.72 * wide), (y - 0.06) / 0.68);
        // The radius shrinks towards the stem, which makes the two shoulders.
        let up = (-y / x.hypot(y).max(1e-3)).max(0.0);
        let radius = 1.0 - dent * up.powi(6);
        (x.hypot(y) < radius).then(|| lit(color, x / radius, y / radius))
    })
}

fn banana(chance: &mut Random) -> Shape {
    let color = chance.near([0.95, 0.82, 0.2]);
    let bend = chance.between(0.55, 0.75);
    let thick = chance.between(0.2, 0.26);
    Box::new(move |x, y| {
        let along = x / 0.85;
        if along.abs() > 1.0 {
            return None;
        }
        let middle = bend * (along * along - 0.5) * -0.8;
        let half = thick * (1.0 - along.powi(4)).sqrt().max(0.2);
        let across = (y + middle) / half;
        if across.abs() > 1.0 {
            return None;
        }
        let color = if along.abs() > 0.93 { STEM } else { color };
        Some(lit(color, 0.4 * along, across * 0.95))
    })
}

fn cherry(chance: &mut Random) -> Shape {
    let color = chance.near([0.5, 0.04, 0.1]);
    let radius = chance.between(0.42, 0.5);
    Box::new(move |x, y| {
        if on_stem(x, y, 0.0, -0.9, 0.03) {
            return Some([0.35, 0.5, 0.15]);
        }
        let (x, y) = (x / radius, (y - 0.35) / radius);
        (x.hypot(y) < 1.0).then(|| lit(color, x, y))
    })
}

fn grapes(chance: &mut Random) -> Shape {
    let color = chance.near([0.22, 0.16, 0.42]);
    let mut berries = vec![];
    for (row, count) in [4, 3, 4, 3, 2, 1].into_iter().enumerate() {
        for berry in 0..count {
            let x = (berry as f32 - (count - 1) as f32 / 2.0) * 0.33;
            let y = row as f32 * 0.26 - 0.55;
            let shifted = |chance: &mut Random| chance.between(-0.04, 0.04);
            berries.push((x + shifted(chance), y + shifted(chance)));
        }
    }
    Box::new(move |x, y| {
        // The last one lies on top.
        let berry = berries
            .iter()
            .rev()
            .map(|(left, down)| ((x - left) / 0.2, (y - down) / 0.2))
            .find(|(x, y)| x.hypot(*y) < 1.0);
        let stem = || on_stem(x, y, -0.6, -0.95, 0.035).then_some(STEM);
        berry.map(|(x, y)| lit(color, x, y)).or_else(stem)
    })
}

fn kiwi(chance: &mut Random) -> Shape {
    let flesh = chance.near([0.5, 0.72, 0.18]);
    let wide = chance.between(1.0, 1.15);
    let turn = chance.between(0.0, 1.0);
    Box::new(move |x, y| {
        let (x, y) = (x / (0.7 * wide), y / 0.7);
        let radius = x.hypot(y);
        let spoke = (y.atan2(x) + turn) * 7.0;
        Some(match radius {
            r if r > 1.0 => return None,
            r if r > 0.93 => [0.45, 0.33, 0.18],
            r if r < 0.24 => [0.9, 0.9, 0.7],
            r if (0.34..0.52).contains(&r) && spoke.sin() > 0.75 => [0.1, 0.08, 0.06],
            r => flesh.map(|value| value + 0.18 * (0.6 - r).abs() + 0.04 * (2.0 * spoke).cos()),
        })
    })
}

fn lemon(chance: &mut Random) -> Shape {
    let color = chance.near([0.95, 0.86, 0.16]);
    let tip = chance.between(0.16, 0.24);
    Box::new(move |x, y| {
        let along = x / (0.74 + tip);
        if along.abs() > 1.0 {
            return None;
        }
        let body = (1.0 - (x / 0.78).powi(2)).max(0.0).sqrt() * 0.52;
        let ends = 0.12 * (1.0 - along * along).sqrt();
        let half = body.max(ends);
        let across = y / half;
        (across.abs() < 1.0).then(|| lit(color, 0.7 * along, across * 0.9))
    })
}

fn orange(chance: &mut Random) -> Shape {
    let color = chance.near([0.95, 0.52, 0.08]);
    let grain = chance.between(30.0, 40.0);
    Box::new(move |x, y| {
        let (x, y) = (x / 0.74, y / 0.72);
        if x.hypot(y) > 1.0 {
            return None;
        }
        if x.hypot(y + 0.55) < 0.06 {
            return Some([0.3, 0.4, 0.12]);
        }
        let pores = 0.04 * (grain * x).sin() * (grain * (y + 0.3 * x)).sin();
        Some(lit(color, x, y).map(|value| value + pores))
    })
}
