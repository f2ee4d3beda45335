//! Drawn images of fruit for `pomona demo`, since the program contains no photograph.

mod canvas;
mod kinds;

use std::fs;
use std::io;
use std::path::Path;

use canvas::{Random, draw};
use kinds::KINDS;
use pomona_analysis::report::encode_jpeg;

/// The side of an image, as in Fruits-360.
const SIDE: usize = 100;

/// JPEG quality at which no difference is visible.
const QUALITY: f32 = 92.0;

/// Draws `each` images of eight kinds of fruit into `folder/KIND/N.jpg`, the same ones at every
/// call, and returns how many there are.
///
/// # Errors
/// When a folder or a file cannot be written.
pub(crate) fn draw_fruit(folder: &Path, each: u32) -> io::Result<u32> {
    let mut count = 0;
    for (index, (label, fruit)) in KINDS.iter().enumerate() {
        let below = folder.join(label);
        fs::create_dir_all(&below)?;
        for number in 0..each {
            let mut chance = Random::new(1000 * index as u64 + u64::from(number));
            let pixels = draw(SIDE, &fruit(&mut chance), &mut chance);
            let jpeg = encode_jpeg(&pixels, SIDE as u32, SIDE as u32, QUALITY)
                .ok_or_else(|| io::Error::other("libjpeg writes no image"))?;
            fs::write(below.join(format!("{number}.jpg")), jpeg)?;
            count += 1;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::HashSet;

    use pomona_mobilenet::preprocess::{DecodeLimits, RgbImage, decode_rgb};

    #[test]
    fn every_image_is_another_and_shows_something_on_white() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(draw_fruit(folder.path(), 3).unwrap(), 24);
        let mut seen = HashSet::new();
        for (label, _) in KINDS {
            for number in 0..3 {
                let file = fs::read(folder.path().join(label).join(format!("{number}.jpg")));
                let mut image = RgbImage::default();
                decode_rgb(&file.unwrap(), &DecodeLimits::default(), &mut image).unwrap();
                assert_eq!((image.width, image.height), (100, 100));
                let (pixels, _) = image.pixels.as_chunks::<3>();
                let white = pixels.iter().filter(|p| p.iter().all(|v| *v > 240)).count();
                let share = white as f64 / pixels.len() as f64;
                assert!((0.2..0.9).contains(&share), "{label} {number}: {share}");
                assert!(pixels[..3].iter().flatten().all(|v| *v > 230), "{label}");
                assert!(seen.insert(image.pixels.clone()), "{label} {number}");
            }
        }
        // Nothing depends on when or where it is drawn.
        let again = tempfile::tempdir().unwrap();
        draw_fruit(again.path(), 1).unwrap();
        let read = |folder: &Path| fs::read(folder.join("Banana/0.jpg")).unwrap();
        assert_eq!(read(folder.path()), read(again.path()));
    }
}
