//! The built-in weights.

use super::weights::Weights;
use super::weights_error::WeightsError;

/// `weights/fruits.safetensors`, whose card is `docs/src/fruits.md`.
static FRUITS: &[u8] = include_bytes!("../../weights/fruits.safetensors");

impl Weights {
    /// The weights that this project has trained on the photographs of Fruits-360: width 1.0,
    /// images of 128 pixels, 114 classes. They are part of the library and need no
    /// file or network.
    ///
    /// # Errors
    /// None but a lack of memory; the signature is that of [`Weights::from_bytes`].
    pub fn fruits() -> Result<Self, WeightsError> {
        Self::from_bytes(FRUITS)
    }

    /// The safetensors file of [`Weights::fruits`], as it is in the library.
    pub fn fruits_file() -> &'static [u8] {
        FRUITS
    }
}
