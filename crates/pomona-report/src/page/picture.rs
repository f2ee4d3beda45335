//! A picture on a card: with its thumbnail, or with an empty frame.

use maud::{Markup, html};

use crate::Picture;
use crate::phrases::Phrases;

pub(super) fn picture(picture: &Picture, words: &Phrases) -> Markup {
    let label = words.label_or_none(&picture.label);
    // The label stands above the path, so it need not begin it.
    let below = picture.path.strip_prefix(&picture.label);
    let below = below.and_then(|path| path.strip_prefix('/'));
    html! {
        figure.picture {
            @if let Some(small) = &picture.thumbnail {
                img src=(small.data_uri()) width=(small.width) height=(small.height) alt=(label);
            } @else {
                span.no-image aria-hidden="true" { "?" }
            }
            figcaption {
                bdi.label { (label) }
                bdi.path { (below.unwrap_or(&picture.path)) }
            }
        }
    }
}
