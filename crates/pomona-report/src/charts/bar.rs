//! [`Bar`]: a bar in a row of a table; the labels stay text of the page.

use maud::{Markup, Render, html};

use super::Px;

/// A bar, part of the length of the longest, with a part of it marked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bar {
    whole: Px,
    marked: Px,
}

impl Bar {
    /// A bar for `value` of at most `longest`, with `marked` of the value at its end.
    pub(crate) fn new(value: f64, marked: f64, longest: f64) -> Self {
        let length = |value: f64| {
            let part = if longest > 0.0 { value / longest } else { 0.0 };
            Px((100.0 * part).clamp(0.0, 100.0))
        };
        Self {
            whole: length(value),
            marked: length(marked.min(value)),
        }
    }
}

impl Render for Bar {
    fn render(&self) -> Markup {
        html! {
            svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
                rect.whole width=(self.whole) height="10" {}
                @if self.marked > Px(0.0) {
                    rect.marked x=(Px(self.whole.0 - self.marked.0)) width=(self.marked) height="10" {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_its_part_of_the_longest() {
        insta::assert_snapshot!(Bar::new(30.0, 10.0, 40.0).render().into_string(), @r#"<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="whole" width="75" height="10"></rect><rect class="marked" x="50" width="25" height="10"></rect></svg>"#);
        assert_eq!(Bar::new(1.0, 0.0, 0.0).whole, Px(0.0));
    }
}
