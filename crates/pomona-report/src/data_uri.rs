//! Images as `data:` URLs, to embed them in the page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Thumbnail;

impl Thumbnail {
    /// The file in base64.
    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(&self.jpeg)
    }

    /// The file as a URL.
    pub(crate) fn data_uri(&self) -> String {
        format!("data:image/jpeg;base64,{}", self.base64())
    }
}
