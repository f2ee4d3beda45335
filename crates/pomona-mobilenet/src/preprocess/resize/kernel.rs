//! Which instructions run the passes, chosen once for a [`Resizer`](super::Resizer).

#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use super::{portable, taps::GROUP, taps::Taps};

/// The instructions that a [`Resizer`](super::Resizer) uses. All give the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Plain Rust, on any processor.
    Portable,
    /// 256-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512-bit vectors with byte dot products (VNNI) and byte permutations (VBMI).
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// The kernels that this processor can run, the fastest last.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let all = [Self::Portable, Self::Avx2, Self::Avx512];
        #[cfg(not(target_arch = "x86_64"))]
        let all = [Self::Portable];
        all.into_iter().filter(|k| k.is_available()).collect()
    }

    /// The fastest of this processor.
    pub(super) fn fastest() -> Self {
        Self::available().pop().unwrap_or(Self::Portable)
    }

    /// Whether this processor can run it. The standard library caches what it asks.
    pub(super) fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("avx512vnni")
            }
        }
    }

    /// Cuts a group of coefficients into the digits that the kernel multiplies with.
    pub(super) fn digits(self, coefficients: [i32; GROUP]) -> [u32; 4] {
        match self {
            Self::Portable => [0; 4],
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::digits(coefficients),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::digits(coefficients),
        }
    }

    /// Resizes along rows of `row` bytes. `copy` is room for one row: vectors are loaded whole, and
    /// the last rows are copied to where there is something behind them.
    pub(super) fn horizontal(
        self,
        source: &[u8],
        row: usize,
        taps: &Taps,
        copy: &mut Vec<u8>,
        out: &mut [u8],
    ) {
        /// Bytes that a kernel may read behind the last tap.
        const SLACK: usize = 16;
        let reach =
            taps.starts.iter().max().map_or(0, |start| start * 3) + taps.groups * GROUP * 3 + SLACK;
        let out_rows = out.chunks_exact_mut(taps.target() * 3);
        for (y, out_row) in out_rows.enumerate() {
            let rest = &source[y * row..];
            let pixels = if rest.len() >= reach {
                rest
            } else {
                copy.resize(reach.max(row), 0);
                copy[..row].copy_from_slice(&rest[..row]);
                copy.as_slice()
            };
            debug_assert!(pixels.len() >= reach);
            match self {
                Self::Portable => portable::row(pixels, taps, out_row),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a `Resizer` is made only with a kernel that is available, and `pixels`
                // reaches `SLACK` bytes behind the last tap.
                Self::Avx2 => unsafe { avx2::row(pixels, taps, out_row) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Self::Avx512 => unsafe { avx512::row(pixels, taps, out_row) },
            }
        }
    }

    /// Resizes along columns; source and output have rows of `row` bytes.
    pub(super) fn vertical(self, source: &[u8], row: usize, taps: &Taps, out: &mut [u8]) {
        assert_eq!(source.len(), taps.source() * row);
        for (y, out_row) in out.chunks_exact_mut(row).enumerate() {
            match self {
                Self::Portable => portable::column(source, row, taps, y, out_row),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a `Resizer` is made only with a kernel that is available; the source has
                // as many rows as the taps are for.
                Self::Avx2 => unsafe { avx2::column(source, row, taps, y, out_row) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Self::Avx512 => unsafe { avx512::column(source, row, taps, y, out_row) },
            }
        }
    }
}
