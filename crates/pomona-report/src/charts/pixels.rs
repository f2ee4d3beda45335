//! [`Px`]: a coordinate in a drawing.

use std::fmt::{self, Display, Formatter, Write};

use maud::{Escaper, Render};

/// A coordinate, written to a tenth: finer is invisible, and a drawing has thousands.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub(crate) struct Px(pub(crate) f64);

impl Display for Px {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // Adding zero turns a negative zero into a plain one.
        let tenths = (self.0 * 10.0).round() + 0.0;
        if tenths % 10.0 == 0.0 {
            write!(f, "{}", tenths / 10.0)
        } else {
            write!(f, "{:.1}", tenths / 10.0)
        }
    }
}

impl Render for Px {
    fn render_to(&self, html: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(Escaper::new(html), "{self}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_written_where_there_are_any() {
        let written = [1.0, 1.04, 1.06, -0.01, -2.55].map(|value| Px(value).to_string());
        assert_eq!(written, ["1", "1", "1.1", "0", "-2.6"]);
    }
}
