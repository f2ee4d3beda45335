//! Images drawn by code, so that tests need no photographs.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// An image whose colours depend on `seed`: soft waves with a disc, so that neighbouring
/// pixels differ and no two seeds look alike.
pub fn draw(seed: u32, width: u32, height: u32) -> RgbImage {
    let phase = seed as f32 * 0.7;
    let (cx, cy) = (width as f32 / 2.0, height as f32 / 2.0);
    let radius = cx.min(cy) * (0.4 + 0.05 * (seed % 8) as f32);
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (x as f32, y as f32);
        let inside = (x - cx).hypot(y - cy) < radius;
        let wave = |frequency: f32, shift: f32| {
            let value = (x * frequency + phase).sin() + (y * frequency * 0.6 + shift + phase).cos();
            (127.5 + 63.0 * value) as u8
        };
        let shade = if inside { 40 } else { 0 };
        Rgb([
            wave(0.07, 0.0).saturating_add(shade),
            wave(0.11, 1.0),
            wave(0.05 + 0.01 * (seed % 5) as f32, 2.0).saturating_sub(shade),
        ])
    })
}

/// The file of an image in a format.
pub fn encode(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(image.clone())
        .write_to(&mut file, format)
        .expect("an RGB image can be written in every format that is compiled in");
    file.into_inner()
}

/// A PNG file of [`draw`].
pub fn png(seed: u32, width: u32, height: u32) -> Vec<u8> {
    encode(&draw(seed, width, height), ImageFormat::Png)
}

/// Writes `count` images a label below `folder`, in `folder/label/N.png`.
pub fn write_folder(folder: &Path, labels: &[&str], count: u32) {
    for (index, label) in labels.iter().enumerate() {
        let below = folder.join(label);
        fs::create_dir_all(&below).expect("a temporary folder can be written");
        for number in 0..count {
            let seed = index as u32 * count + number;
            fs::write(below.join(format!("{number}.png")), png(seed, 100, 100))
                .expect("a temporary folder can be written");
        }
    }
}
