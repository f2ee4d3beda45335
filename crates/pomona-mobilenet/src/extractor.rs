//! [`FeatureExtractor`]: picture files in, feature vectors out.

use std::sync::Arc;

use crate::ImageError;
use crate::network::{Classifier, MobileNetV2, Scratch};
use crate::preprocess::{DecodeLimits, Preprocessor};

/// Pictures that go through the network together. The last stages are bound by the traffic of
/// their weights, which a group shares; more than this many pictures gain nothing and leave the
/// second-level cache.
const GROUP: usize = 8;

/// Decodes, resizes and runs pictures through a network, on one thread, with buffers that are
/// allocated once.
#[derive(Debug)]
pub struct FeatureExtractor {
    network: Arc<MobileNetV2>,
    limits: DecodeLimits,
    preprocessor: Preprocessor,
    scratch: Scratch,
    /// The pictures of a group, after resizing.
    pixels: Vec<u8>,
    /// Their features, before they go to their rows.
    features: Vec<f32>,
}

impl FeatureExtractor {
    /// An extractor for one thread.
    pub fn new(network: Arc<MobileNetV2>, limits: DecodeLimits) -> Self {
        let preprocessor = Preprocessor::new(network.input_size(), limits);
        Self {
            limits,
            scratch: Scratch::new(&network),
            pixels: vec![0; GROUP * preprocessor.output_len()],
            features: vec![0.0; GROUP * network.feature_len()],
            preprocessor,
            network,
        }
    }

    /// Whether this extractor does what one of [`new`](Self::new) with these arguments does.
    pub fn serves(&self, network: &Arc<MobileNetV2>, limits: &DecodeLimits) -> bool {
        Arc::ptr_eq(&self.network, network) && self.limits == *limits
    }

    /// What turns the features into classes; none where the weights have no head.
    pub fn classifier(&self) -> Option<&Classifier> {
        self.network.classifier()
    }

    /// The features of `files`, a row of [`MobileNetV2::feature_len`] values in `out` each.
    ///
    /// A picture that cannot be decoded goes to `failed` with its row; its values, like those of
    /// a row without a file, are left as they are.
    ///
    /// # Panics
    /// When `out` is not as long as `files` times the length of a row.
    pub fn extract(
        &mut self,
        files: &[Option<&[u8]>],
        out: &mut [f32],
        mut failed: impl FnMut(usize, ImageError),
    ) {
        let row_len = self.network.feature_len();
        assert_eq!(out.len(), files.len() * row_len, "a row of features a file");
        let mut rows = [0; GROUP];
        let mut filled = 0;
        for (row, file) in files.iter().enumerate() {
            let Some(file) = file else { continue };
            let picture_len = self.preprocessor.output_len();
            let picture = &mut self.pixels[filled * picture_len..][..picture_len];
            match self.preprocessor.run(file, picture) {
                Ok(()) => {
                    rows[filled] = row;
                    filled += 1;
                }
                Err(error) => failed(row, error),
            }
            if filled == GROUP {
                self.run_group(&rows, out);
                filled = 0;
            }
        }
        if filled > 0 {
            self.run_group(&rows[..filled], out);
        }
    }

    fn run_group(&mut self, rows: &[usize], out: &mut [f32]) {
        let (pictures, row_len) = (rows.len(), self.network.feature_len());
        let pixels = &self.pixels[..pictures * self.preprocessor.output_len()];
        let features = &mut self.features[..pictures * row_len];
        self.network
            .features_into(&mut self.scratch, pixels, features);
        for (&row, features) in rows.iter().zip(features.chunks_exact(row_len)) {
            out[row * row_len..][..row_len].copy_from_slice(features);
        }
    }
}
