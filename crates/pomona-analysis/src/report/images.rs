//! [`Album`]: the images that a report shows, and the sizes they are wanted in.

use std::collections::HashMap;

use pomona_report::{Image, Thumbnail, Thumbnails};

/// How large an image is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Size {
    /// Under the pointer.
    Small,
    /// On a card of its own.
    Large,
}

impl Size {
    /// The longer side in pixels, of images that are not smaller. Small ones are many; large ones
    /// are sharp on screens of two pixels a CSS pixel.
    pub(super) fn side(self) -> u32 {
        match self {
            Self::Small => 72,
            Self::Large => 192,
        }
    }

    /// The quality of the JPEG, on libjpeg's scale.
    pub(super) fn quality(self) -> f32 {
        match self {
            Self::Small => 60.0,
            Self::Large => 75.0,
        }
    }
}

/// The most bytes of small images, as base64 in the page: with them a page of 3,000 points is
/// below 8 MB, which a browser opens in a second and a mail server lets through.
const SMALL_BYTES: usize = 6_000_000;

/// The images of a report in the order in which they were put in.
pub(super) struct Album {
    /// What paths are relative to.
    input: String,
    images: Vec<(String, Image, Size)>,
    places: HashMap<(String, Size), usize>,
}

/// What came of an image that was to be made small.
pub(super) type Made = HashMap<(String, Size), Thumbnail>;

impl Album {
    pub(super) fn new(input: &str) -> Self {
        Self {
            input: input.to_string(),
            images: vec![],
            places: HashMap::new(),
        }
    }

    /// Puts an image in, and returns its position; the same image of the same size has one.
    pub(super) fn add(&mut self, path: &str, label: &str, size: Size) -> usize {
        let next = self.images.len();
        let place = *self.places.entry((path.to_string(), size)).or_insert(next);
        if place == next {
            let image = Image {
                path: self.relative(path),
                label: label.to_string(),
                thumbnail: None,
            };
            self.images.push((path.to_string(), image, size));
        }
        place
    }

    /// A path relative to the input, or as it is.
    pub(super) fn relative(&self, path: &str) -> String {
        let below = path
            .strip_prefix(&self.input)
            .filter(|_| !self.input.is_empty());
        below.unwrap_or(path).to_string()
    }

    /// The paths in order, each with a size that it is wanted in.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (String, Size)> {
        self.images
            .iter()
            .map(|(path, _, size)| (path.clone(), *size))
    }

    /// The images with their thumbnails, as far as there is room for them.
    pub(super) fn filled(self, mut made: Made) -> (Vec<Image>, Thumbnails) {
        let mut counts = Thumbnails::default();
        let mut bytes = 0;
        let mut images = vec![];
        for (path, mut image, size) in self.images {
            image.thumbnail = made.remove(&(path, size));
            if size == Size::Small {
                counts.wanted += 1;
                // Four letters stand for three bytes.
                bytes += image
                    .thumbnail
                    .as_ref()
                    .map_or(0, |small| small.jpeg.len() * 4 / 3);
                if bytes > SMALL_BYTES {
                    image.thumbnail = None;
                }
                counts.made += u64::from(image.thumbnail.is_some());
            }
            images.push(image);
        }
        (images, counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_a_place_a_size() {
        let mut album = Album::new("s3://b/in/");
        assert_eq!(album.add("s3://b/in/A/1.jpg", "A", Size::Small), 0);
        assert_eq!(album.add("s3://b/in/A/1.jpg", "A", Size::Large), 1);
        assert_eq!(album.add("s3://b/in/A/1.jpg", "A", Size::Small), 0);
        assert_eq!(album.relative("s3://b/in/A/1.jpg"), "A/1.jpg");
        assert_eq!(album.relative("s3://c/A/1.jpg"), "s3://c/A/1.jpg");
    }

    #[test]
    fn small_images_are_left_out_when_there_is_no_room() {
        let mut album = Album::new("");
        let mut made = Made::new();
        for number in 0..9 {
            let path = format!("{number}.jpg");
            album.add(&path, "A", Size::Small);
            let jpeg = vec![0; 1_000_000];
            made.insert(
                (path, Size::Small),
                Thumbnail {
                    jpeg,
                    width: 1,
                    height: 1,
                },
            );
        }
        let (images, counts) = album.filled(made);
        assert_eq!(counts, Thumbnails { wanted: 9, made: 4 });
        assert!(images[3].thumbnail.is_some() && images[4].thumbnail.is_none());
    }
}
