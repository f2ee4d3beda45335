//! Reds, greens and blues in a vector each to pixels of three bytes.

use std::arch::x86_64::*;

/// Writes sixteen pixels, of whose colors in 16 bits each is cut to 0 and 255.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn interleave(r: __m256i, g: __m256i, b: __m256i, out: &mut [u8; 48]) {
    // Reds in the low lane, greens in the high one.
    let rg = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi16(r, g));
    let b = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi16(b, b));
    let b = _mm256_castsi256_si128(b);
    for (third, (rg_order, b_order)) in ORDERS.iter().enumerate() {
        // SAFETY: the tables are one vector long, and a third of the pixels is 16 bytes.
        unsafe {
            let rg_order = _mm256_loadu_si256(rg_order.as_ptr().cast());
            let b_order = _mm_loadu_si128(b_order.as_ptr().cast());
            let rg = _mm256_shuffle_epi8(rg, rg_order);
            let rg = _mm_or_si128(
                _mm256_castsi256_si128(rg),
                _mm256_extracti128_si256::<1>(rg),
            );
            let pixels = _mm_or_si128(rg, _mm_shuffle_epi8(b, b_order));
            _mm_storeu_si128(out.as_mut_ptr().cast::<__m128i>().add(third), pixels);
        }
    }
}

/// For each third of the bytes of sixteen pixels, which red, green and blue goes where; 128 and more is none.
const ORDERS: [([u8; 32], [u8; 16]); 3] = {
    let mut orders = [([128; 32], [128; 16]); 3];
    let mut i = 0;
    while i < 48 {
        let (third, at, pixel) = (i / 16, i % 16, (i / 3) as u8);
        match i % 3 {
            0 => orders[third].0[at] = pixel,
            1 => orders[third].0[16 + at] = pixel,
            _ => orders[third].1[at] = pixel,
        }
        i += 1;
    }
    orders
};
