//! [`FeatureExtractor`]: image files in, feature vectors out.

use std::sync::Arc;

use candle_core::{CpuStorage, Device, Storage, Tensor, bail};

use crate::ImageError;
use crate::network::{Backbone, MobileNetV2};
use crate::preparation::Preparer;
use crate::preprocess::{DecodeLimits, Decoding};

/// Images in one tensor on the CPU. The last stages of MobileNetV2 are bound by the traffic of
/// their weights, which a batch shares; more images than this gain nothing and leave the
/// second-level cache.
const BATCH: usize = 8;

/// Images in one tensor on another device, which is idle with few.
const DEVICE_BATCH: usize = 64;

/// Decodes, resizes and runs images through a network, on one thread.
///
/// Allocates nothing per image: a batch of images is one tensor of bytes, and its features are
/// another.
#[derive(Debug)]
pub struct FeatureExtractor<B: ?Sized = MobileNetV2> {
    decoding: Decoding,
    preparer: Preparer,
    batch: usize,
    network: Arc<B>,
}

impl<B: Backbone + ?Sized> FeatureExtractor<B> {
    /// An extractor for one thread.
    pub fn new(network: Arc<B>, limits: DecodeLimits) -> Self {
        Self {
            decoding: limits.into(),
            preparer: Preparer::new(&network.preprocessing(), limits),
            batch: match network.device() {
                Device::Cpu => BATCH,
                _ => DEVICE_BATCH,
            },
            network,
        }
    }

    /// The network.
    pub fn network(&self) -> &Arc<B> {
        &self.network
    }

    /// Writes the features of `files` to `out`, a row of [`Backbone::feature_len`] values each.
    ///
    /// An image that cannot be decoded goes to `failed` with its row; its values, like those of a
    /// row without a file, are left as they are. Features are copied once, from the tensor that
    /// the network returns to their rows: which rows are left out is known only after decoding,
    /// and Candle does not release the storage of a tensor.
    ///
    /// # Errors
    /// When the device fails or has no memory. On the CPU, and with weights that were loaded, there
    /// is no reason to.
    ///
    /// # Panics
    /// When `out` is not as long as `files` times the length of a row.
    pub fn extract(
        &mut self,
        files: &[Option<&[u8]>],
        out: &mut [f32],
        failed: impl FnMut(usize, ImageError),
    ) -> candle_core::Result<()> {
        self.extract_with(files, &self.decoding.clone(), out, failed)
    }

    /// As [`extract`](Self::extract), under `decoding` in the place of the limits that this was made
    /// with.
    ///
    /// # Errors
    /// As [`extract`](Self::extract).
    ///
    /// # Panics
    /// As [`extract`](Self::extract).
    pub fn extract_with(
        &mut self,
        files: &[Option<&[u8]>],
        decoding: &Decoding,
        out: &mut [f32],
        mut failed: impl FnMut(usize, ImageError),
    ) -> candle_core::Result<()> {
        let row_len = self.network.feature_len();
        assert_eq!(out.len(), files.len() * row_len, "a row of features a file");
        let image_len = self.preparer.output_len();
        let mut rows = Vec::with_capacity(self.batch);
        let mut pixels = Vec::new();
        for (row, file) in files.iter().enumerate() {
            let Some(file) = file else { continue };
            if pixels.is_empty() {
                let most = self.batch.min(files.len() - row);
                pixels = vec![0; most * image_len];
            }
            let image = &mut pixels[rows.len() * image_len..][..image_len];
            match self.preparer.run_with(file, decoding, image) {
                Ok(()) => rows.push(row),
                Err(error) => failed(row, error),
            }
            if rows.len() == self.batch {
                self.run(std::mem::take(&mut pixels), &rows, out)?;
                rows.clear();
            }
        }
        if !rows.is_empty() {
            pixels.truncate(rows.len() * image_len);
            self.run(pixels, &rows, out)?;
        }
        Ok(())
    }

    /// Runs the network on images and writes their features to rows of `out`.
    fn run(&self, pixels: Vec<u8>, rows: &[usize], out: &mut [f32]) -> candle_core::Result<()> {
        let (size, row_len) = (
            self.network.preprocessing().input_size,
            self.network.feature_len(),
        );
        let images = Tensor::from_vec(pixels, (rows.len(), size, size, 3), &Device::Cpu)?;
        let features = self
            .network
            .forward(&images.to_device(self.network.device())?)?;
        if features.dims() != [rows.len(), row_len] {
            bail!(
                "{} images have {:?} features of {row_len}",
                rows.len(),
                features.shape()
            );
        }
        let features = features.to_device(&Device::Cpu)?.contiguous()?;
        let (storage, layout) = features.storage_and_layout();
        let Storage::Cpu(CpuStorage::F32(values)) = &*storage else {
            bail!("expected features of f32, got {:?}", features.dtype());
        };
        let values = &values[layout.start_offset()..];
        for (&row, features) in rows.iter().zip(values.chunks_exact(row_len)) {
            out[row * row_len..][..row_len].copy_from_slice(features);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Weights;

    /// A grey BMP of one pixel: the smallest file that decodes.
    fn pixel(value: u8) -> Vec<u8> {
        let mut file = b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        file.extend(b"\x01\0\0\0\x01\0\0\0\x01\0\x18\0");
        file.extend([0; 24]);
        file.extend([value, value, value, 0]);
        file
    }

    #[test]
    fn rows_are_those_of_the_files_whatever_is_between_them() {
        let network = Arc::new(MobileNetV2::new(&Weights::fruits().unwrap()).unwrap());
        let len = Backbone::feature_len(&*network);
        let mut extractor = FeatureExtractor::new(Arc::clone(&network), DecodeLimits::default());
        // More than two batches, every third row absent or broken.
        let files: Vec<_> = (0..27_u8).map(|row| pixel(row * 9)).collect();
        let rows: Vec<Option<&[u8]>> = files
            .iter()
            .enumerate()
            .map(|(row, file)| match row % 6 {
                2 => None,
                5 => Some(&b"no image"[..]),
                _ => Some(file.as_slice()),
            })
            .collect();
        let mut out = vec![-1.0; rows.len() * len];
        let mut failed = vec![];
        extractor
            .extract(&rows, &mut out, |row, _error| failed.push(row))
            .unwrap();
        assert_eq!(failed, [5, 11, 17, 23]);
        for (row, features) in out.chunks_exact(len).enumerate() {
            if row % 3 == 2 {
                assert!(features.iter().all(|value| *value == -1.0), "row {row}");
                continue;
            }
            let mut alone = vec![0.0; len];
            let file = [Some(files[row].as_slice())];
            let panics = |row, error| panic!("{row}: {error}");
            extractor.extract(&file, &mut alone, panics).unwrap();
            assert!(alone == features, "row {row}");
        }
        assert!(out[..len] != out[26 * len - 2 * len..25 * len]);
    }
}
