//! A drawing that no codec finds easy: shades, edges, noise, and transparent parts.

/// RGBA, four bytes a pixel.
pub(crate) fn rgba(width: usize, height: usize, seed: u32) -> Vec<u8> {
    let mut noise = seed | 1;
    let mut pixels = Vec::with_capacity(width * height * 4);
    for y in 0..height {
        for x in 0..width {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = noise >> 27;
            let inside = (x * 7 + y * 5 + seed as usize) % 97 < 40;
            for tint in [3, 5, 9] {
                let shade = (x * tint + y * 2) as u32 % 200;
                let value = if inside {
                    shade + grain
                } else {
                    255 - grain * 2
                };
                pixels.push(value as u8);
            }
            pixels.push(if inside { (x + y) as u8 } else { 255 });
        }
    }
    pixels
}
