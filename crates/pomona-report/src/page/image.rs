//! An image on a card: with its thumbnail, or with an empty frame.

use maud::{Markup, html};

use crate::Image;
use crate::phrases::Phrases;

pub(super) fn image(image: &Image, words: &Phrases) -> Markup {
    let label = words.label_or_none(&image.label);
    // The label stands above the path, so the path is shown without it.
    let below = image.path.strip_prefix(&image.label);
    let below = below.and_then(|path| path.strip_prefix('/'));
    html! {
        figure.image {
            @if let Some(small) = &image.thumbnail {
                img src=(small.data_uri()) width=(small.width) height=(small.height) alt=(label);
            } @else {
                span.no-image aria-hidden="true" { "?" }
            }
            figcaption {
                bdi.label { (label) }
                bdi.path { (below.unwrap_or(&image.path)) }
            }
        }
    }
}
