//! Colours and shapes that distinguish labels.

/// Hues that people with colour blindness can distinguish (the first five are of
/// Okabe and Ito, <https://jfly.uni-koeln.de/color/>, made a little darker or lighter), each with
/// a contrast of at least 3 to 1 to the light page and to the dark one, as WCAG 2.2, 1.4.11 asks
/// of graphics.
pub(crate) const COLORS: [&str; 10] = [
    "#0b7abf", "#d55e00", "#008f68", "#c25f97", "#a97400", "#5f6fd0", "#c8454f", "#5b8c1e",
    "#8b62c4", "#7f7f7f",
];

/// Shapes of about equal area around the origin, as the paths of SVG. With [`COLORS`] they make
/// 50 marks; more labels than that share marks, and the legend and the pointer distinguish them.
pub(crate) const SHAPES: [&str; 5] = [
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
    "M-3.6,-3.6h7.2v7.2h-7.2z",
    "M0,-5l4.6,8h-9.2z",
    "M0,-5.2l5.2,5.2l-5.2,5.2l-5.2,-5.2z",
    "M-1.6,-4.8h3.2v3.2h3.2v3.2h-3.2v3.2h-3.2v-3.2h-3.2v-3.2h3.2z",
];

/// The mark of a label: positions in [`COLORS`] and [`SHAPES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) color: usize,
    pub(crate) shape: usize,
}

impl Mark {
    /// The mark of the label at a position.
    pub(crate) fn of(label: usize) -> Self {
        Self {
            color: label % COLORS.len(),
            shape: label / COLORS.len() % SHAPES.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of WCAG 2.2 of a colour such as `#0b7abf`.
    fn luminance(color: &str) -> f64 {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&color[at..at + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The value of a custom property in a part of the style.
    fn property<'a>(style: &'a str, name: &str) -> &'a str {
        let at = style.find(&format!("--{name}:")).unwrap();
        let value = &style[at + name.len() + 3..];
        value[..value.find(';').unwrap()].trim()
    }

    #[test]
    fn marks_and_words_stand_out_from_both_pages() {
        let style = include_str!("../assets/style.css");
        let (light, dark) = style.split_once("prefers-color-scheme: dark").unwrap();
        for (theme, style) in [("light", light), ("dark", dark)] {
            for surface in ["page", "surface"] {
                let surface = property(style, surface);
                for color in COLORS {
                    let contrast = contrast(color, surface);
                    assert!(
                        contrast >= 3.0,
                        "{theme}: {color} on {surface}: {contrast:.2}"
                    );
                }
                for words in ["ink", "muted", "accent", "alarm"] {
                    let color = property(style, words);
                    let contrast = contrast(color, surface);
                    assert!(
                        contrast >= 4.5,
                        "{theme}: {words} on {surface}: {contrast:.2}"
                    );
                }
            }
        }
    }

    #[test]
    fn fifty_labels_have_marks_of_their_own() {
        let mut marks: Vec<_> = (0..50)
            .map(|label| {
                let mark = Mark::of(label);
                (mark.color, mark.shape)
            })
            .collect();
        marks.sort_unstable();
        marks.dedup();
        assert_eq!(marks.len(), 50);
        assert_eq!(Mark::of(50), Mark::of(0));
    }
}
