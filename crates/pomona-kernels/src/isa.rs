//! The instruction set and precision of the kernels.

use std::fmt;

/// The environment variable that chooses the instruction set, by [`Isa::key`]; the best one that
/// the processor has if it is not set or empty. For tests and comparisons.
const VARIABLE: &str = "POMONA_ISA";

/// The environment variable `POMONA_ISA` names an instruction set that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("POMONA_ISA={value}: {reason}; this processor has {available}")]
pub struct IsaError {
    /// The value of the variable.
    pub value: String,
    /// The reason.
    pub reason: String,
    /// The names that this processor supports.
    pub available: String,
}

/// The precision of the dense convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// Values of f32 precision, whatever the instructions.
    #[default]
    F32,
    /// Values rounded to bf16, summed in f32; depthwise convolutions, residual sums and the first
    /// small convolutions stay f32. Faster than f32 with AMX or AVX512_BF16; elsewhere the same
    /// values at about the rate of f32.
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
    /// No intrinsics: arrays of four floats, which the compiler turns into NEON on aarch64 and SSE2 on
    /// x86-64.
    Portable,
}

impl Isa {
    /// Every instruction set, the fastest first.
    pub const ALL: [Self; 4] = [Self::Amx, Self::Avx512, Self::Avx2, Self::Portable];

    /// The best instruction set of this processor.
    pub fn detect() -> Self {
        let available = Self::ALL.into_iter().find(|isa| isa.is_available());
        available.unwrap_or(Self::Portable)
    }

    /// The instruction set that the environment variable `POMONA_ISA` names (`amx`, `avx512`,
    /// `avx2` or `portable`), or [`Isa::detect`] where it is not set or empty.
    ///
    /// # Errors
    /// When the variable names no instruction set, or one that this processor lacks.
    pub fn chosen() -> Result<Self, IsaError> {
        match std::env::var(VARIABLE) {
            Ok(value) if !value.is_empty() => Self::named(&value),
            Err(std::env::VarError::NotUnicode(value)) => Self::named(&value.to_string_lossy()),
            _ => Ok(Self::detect()),
        }
    }

    fn named(value: &str) -> Result<Self, IsaError> {
        let named = Self::ALL.into_iter().find(|isa| isa.key() == value);
        if let Some(isa) = named
            && isa.is_available()
        {
            return Ok(isa);
        }
        let available = Self::ALL.into_iter().filter(|isa| isa.is_available());
        let available: Vec<_> = available.map(Self::key).collect();
        Err(IsaError {
            value: value.to_owned(),
            reason: match named {
                Some(isa) => format!("this processor has no {isa}"),
                None => "there is no such instruction set".to_owned(),
            },
            available: available.join(", "),
        })
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

    /// Its name in `POMONA_ISA`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Amx => "amx",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_used_lists_those_that_can() {
        assert_eq!(Isa::named("portable").unwrap(), Isa::Portable);
        let error = Isa::named("sse9").unwrap_err().to_string();
        assert!(
            error.starts_with("POMONA_ISA=sse9: there is no such instruction set")
                && error.ends_with("portable"),
            "{error}"
        );
        for isa in Isa::ALL {
            match Isa::named(isa.key()) {
                Ok(found) => assert!(found == isa && isa.is_available()),
                Err(error) => {
                    assert!(!isa.is_available());
                    let error = error.to_string();
                    assert!(error.contains(&format!("has no {isa}")), "{error}");
                }
            }
        }
    }
}
