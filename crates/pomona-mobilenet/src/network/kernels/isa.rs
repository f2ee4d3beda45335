//! Which instruction set the kernels use, and in which precision.

use std::fmt;

/// What the dense convolutions multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// Values of f32 precision, whatever the instructions.
    #[default]
    F32,
    /// Values rounded to bf16, summed in f32; depthwise convolutions, residual sums and the first
    /// small convolutions stay f32. Needs [`Isa::Amx`].
    Bf16,
}

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// AMX tiles of bf16 with AVX-512 around them: f32 as sums of three bf16 parts.
    Amx,
    /// AVX-512F: 32 registers of 16 floats.
    Avx512,
    /// AVX2 and FMA: 16 registers of 8 floats.
    Avx2,
    /// No intrinsics: what the compiler makes of arrays of four floats, which is NEON on aarch64
    /// and SSE2 on x86-64.
    Portable,
}

impl Isa {
    /// The best instruction set of this processor.
    pub fn detect() -> Self {
        [Self::Amx, Self::Avx512, Self::Avx2]
            .into_iter()
            .find(|isa| isa.is_available())
            .unwrap_or(Self::Portable)
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => super::tiles::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Amx | Self::Avx512 | Self::Avx2 => false,
            Self::Portable => true,
        }
    }

    /// Its name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amx => "AMX-BF16 with AVX-512",
            Self::Avx512 => "AVX-512F",
            Self::Avx2 => "AVX2 with FMA",
            Self::Portable => "portable",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
