//! Storing activations as bf16 parts.

use std::arch::x86_64::*;

use super::super::BLOCK;
use super::super::parts::Parts;

/// Where the upper halves of sixteen f32 are among thirty-two words; the rest is not used.
const UPPER_WORDS: [u16; 32] = [
    1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19,
    21, 23, 25, 27, 29, 31,
];

impl Parts {
    /// Stores sixteen channels of a pixel in `PARTS` parts.
    ///
    /// One part is rounded to nearest. Three are truncated, which is cheaper and just as exact
    /// since the last part is the remainder; the weights' parts are rounded, so that the products
    /// left out have either sign.
    ///
    /// # Safety
    /// The processor has AVX-512F, BW and BF16, and the pixel is inside the reach.
    #[inline(always)]
    pub(in super::super) unsafe fn store<const PARTS: usize>(self, pixel: usize, value: __m512) {
        // SAFETY: passed on to the caller.
        unsafe {
            let mut to = self.to.add(pixel * BLOCK).cast::<__m256i>();
            if PARTS == 1 {
                let half: __m256bh = _mm512_cvtneps_pbh(value);
                self.put(to, std::mem::transmute::<__m256bh, __m256i>(half));
                return;
            }
            let upper_words = _mm512_loadu_si512(UPPER_WORDS.as_ptr().cast());
            let mask = _mm512_set1_epi32(0xffff_0000_u32 as i32);
            let mut rest = value;
            for part in 0..PARTS {
                let bits = _mm512_castps_si512(rest);
                let words = _mm512_permutexvar_epi16(upper_words, bits);
                self.put(to, _mm512_castsi512_si256(words));
                if part + 1 < PARTS {
                    let taken = _mm512_castsi512_ps(_mm512_and_si512(bits, mask));
                    rest = _mm512_sub_ps(rest, taken);
                    to = to.cast::<f32>().add(self.stride).cast();
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn put(self, to: *mut __m256i, half: __m256i) {
        // SAFETY: passed on to the caller; a pixel has two halves.
        unsafe {
            _mm256_storeu_si256(to, half);
            if self.clear {
                _mm256_storeu_si256(to.add(1), _mm256_setzero_si256());
            }
        }
    }
}
