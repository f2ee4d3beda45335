//! The classes of a network: from pooled features to probabilities.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor, bail};
use candle_nn::Module;
use pomona_kernels::packing::pad;
use pomona_kernels::{BLOCK, Kernels, Product, Start};

use super::aligned::Aligned;
use super::labels::LabelSource;
use super::weights::Weights;
use super::weights_error::WeightsError;

/// The last layer of a network that was trained to distinguish classes.
///
/// It reads the features that [`MobileNetV2`](super::MobileNetV2) returns, so that features and
/// classes of an image cost one forward pass. A [`Module`] from `N x feature_len` f32 to
/// `N x classes` probabilities. Like the network it is immutable, to be shared by threads.
#[derive(Debug)]
pub struct Classifier {
    labels: Arc<[String]>,
    label_source: LabelSource,
    kernels: Kernels,
    feature_len: usize,
    /// The classes in whole blocks of sixteen, written directly to the output.
    whole: Part,
    /// The remaining classes, fewer than sixteen, which the kernels pad to a block.
    rest: Part,
}

/// Some classes, packed for the kernels.
#[derive(Debug)]
struct Part {
    weights: Aligned,
    bias: Aligned,
}

impl Classifier {
    /// Packs the classifier of `weights`, if there is one.
    pub(super) fn new(kernels: Kernels, weights: &Weights) -> Result<Option<Self>, WeightsError> {
        let (Some(labels), Some(label_source), Some(matrix)) = (
            weights.labels(),
            weights.label_source(),
            weights.get("classifier.weight"),
        ) else {
            return Ok(None);
        };
        let matrix: Vec<f32> = matrix.flatten_all()?.to_vec1()?;
        let bias: Vec<f32> = weights.require("classifier.bias")?.to_vec1()?;
        let feature_len = weights.architecture().features;
        let part = |classes: std::ops::Range<usize>| {
            let packed =
                kernels.pack_product(false, classes.len(), feature_len, |class, feature| {
                    matrix[(classes.start + class) * feature_len + feature]
                });
            Part {
                weights: Aligned::copy_of(&packed),
                bias: Aligned::copy_of(&pad(&bias[classes])),
            }
        };
        let whole = bias.len() / BLOCK * BLOCK;
        Ok(Some(Self {
            labels: Arc::clone(labels),
            label_source,
            kernels,
            feature_len,
            whole: part(0..whole),
            rest: part(whole..bias.len()),
        }))
    }

    /// The name of each class, in the order of the scores; see [`Weights::labels`].
    pub fn labels(&self) -> &Arc<[String]> {
        &self.labels
    }

    /// Where the names come from.
    pub fn label_source(&self) -> LabelSource {
        self.label_source
    }

    /// Length of the feature vectors that it reads.
    pub fn feature_len(&self) -> usize {
        self.feature_len
    }

    /// Probabilities of the classes, in the order of [`labels`](Self::labels): the softmax of
    /// [`logits`](Self::logits).
    ///
    /// `features` is `N x feature_len` floats, the output of the network; `out` is `N x classes`.
    ///
    /// # Panics
    /// If a length is not that of a whole number of images, the same for both slices.
    pub fn scores(&self, features: &[f32], out: &mut [f32]) {
        self.logits(features, out);
        for scores in out.chunks_exact_mut(self.labels.len()) {
            softmax(scores);
        }
    }

    /// The output of the classifier before its softmax; the shapes are those of
    /// [`scores`](Self::scores).
    ///
    /// # Panics
    /// As [`scores`](Self::scores).
    pub fn logits(&self, features: &[f32], out: &mut [f32]) {
        let classes = self.labels.len();
        assert!(
            features.len().is_multiple_of(self.feature_len)
                && out.len() == features.len() / self.feature_len * classes,
            "{} features of {} and {} scores of {classes} are not the same number of images",
            features.len(),
            self.feature_len,
            out.len(),
        );
        let session = self.kernels.session();
        // For the kernels, a row of features is one pixel.
        let product = |part: &Part, features: &[f32], output: &mut [f32]| {
            session.product(Product {
                in_parts: false,
                input: features,
                input_plane: BLOCK,
                depth: self.feature_len,
                pixels: 1,
                weights: &part.weights,
                bias: &part.bias,
                columns: part.bias.len(),
                output,
                output_plane: BLOCK,
                places: None,
                start: Start::Bias,
                relu6: false,
                out_parts: false,
            });
        };
        let rows = features.chunks_exact(self.feature_len);
        for (features, out) in rows.zip(out.chunks_exact_mut(classes)) {
            let (whole, rest) = out.split_at_mut(self.whole.bias.len());
            if !whole.is_empty() {
                product(&self.whole, features, whole);
            }
            if !rest.is_empty() {
                let mut block = [0.0; BLOCK];
                product(&self.rest, features, &mut block);
                rest.copy_from_slice(&block[..rest.len()]);
            }
        }
    }
}

impl Module for Classifier {
    /// [`scores`](Self::scores) of a tensor, computed on the CPU and returned on its device.
    ///
    /// # Errors
    /// A tensor of another shape or type, or the device's own error.
    fn forward(&self, features: &Tensor) -> candle_core::Result<Tensor> {
        let here = features.to_device(&Device::Cpu)?.contiguous()?;
        here.apply_op1_no_bwd(&Scores(self))?
            .to_device(features.device())
    }
}

/// [`Classifier::scores`] as an operation.
struct Scores<'a>(&'a Classifier);

impl CustomOp1 for Scores<'_> {
    fn name(&self) -> &'static str {
        "classifier"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (images, length) = layout.shape().dims2()?;
        let (CpuStorage::F32(features), Some((start, end))) =
            (storage, layout.contiguous_offsets())
        else {
            bail!("expected contiguous features of type F32");
        };
        if length != self.0.feature_len {
            bail!(
                "expected features of shape N x {}, got {:?}",
                self.0.feature_len,
                layout.shape()
            );
        }
        let mut scores = vec![0.0; images * self.0.labels.len()];
        self.0.scores(&features[start..end], &mut scores);
        let shape = Shape::from((images, self.0.labels.len()));
        Ok((CpuStorage::F32(scores), shape))
    }
}

/// Turns logits into probabilities; the largest is subtracted first, so that none overflows.
fn softmax(values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in &mut *values {
        *value = (*value - largest).exp();
        sum += f64::from(*value);
    }
    for value in values {
        *value = (f64::from(*value) / sum) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up_and_do_not_overflow() {
        let mut values = [1000.0, 1000.0 + 2f32.ln(), -1000.0];
        softmax(&mut values);
        assert!((values[0] - 1.0 / 3.0).abs() < 1e-4, "{values:?}");
        assert!((values[1] - 2.0 / 3.0).abs() < 1e-4, "{values:?}");
        assert_eq!(values[2], 0.0);
    }
}
