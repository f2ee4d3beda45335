//! Vision transformers (Dosovitskiy et al. 2020, arXiv:2010.11929): their weights, packed.

use pomona_kernels::packing::padded;
use pomona_kernels::{Activation, BLOCK, Isa, Kernels, MOST_ROWS, Run};

use super::super::aligned::Aligned;
use super::super::weights_error::WeightsError;
use super::affine::Affine;
use super::builder::f32_kernels;
use super::image::Normalization;
use super::layer::{Dense, Source, Taps, chunk};
use super::packed::PackedNetwork;

/// Tokens that go through a block together: their activations stay in the second-level cache.
pub(super) const CHUNK: usize = 112;
const _: () = assert!(CHUNK <= MOST_ROWS);

/// The bias of the scores that pad those of the tokens to whole blocks: their exponentials are nothing
/// in a sum with those of tokens.
const NO_TOKEN: f32 = -1e30;

/// A vision transformer whose features are its class token after the last norm.
#[derive(Debug)]
pub struct TransformerWeights {
    /// Side of the square images in pixels.
    pub input_size: usize,
    /// What the first layer reads of a byte.
    pub normalization: Normalization,
    /// From patches to tokens, with a stride of its size.
    pub patch: Affine,
    /// The class token.
    pub class: Vec<f32>,
    /// What is added to each token: the class token's first, then row by row.
    pub positions: Vec<f32>,
    /// The blocks in order.
    pub blocks: Vec<TransformerBlock>,
    /// Factors and summands of the last norm.
    pub norm: [Vec<f32>; 2],
    /// Heads of each attention.
    pub heads: usize,
    /// What norms add to a variance.
    pub epsilon: f32,
}

/// A block: attention, then a perceptron with GELU, each after a norm and added to what it read.
#[derive(Debug)]
pub struct TransformerBlock {
    /// Factors and summands of the norm before the attention.
    pub attention_norm: [Vec<f32>; 2],
    /// Queries, keys and values of all heads, one after the other.
    pub queries_keys_values: Affine,
    /// After the attention, with the layer's scale.
    pub project: Affine,
    /// Factors and summands of the norm before the perceptron.
    pub perceptron_norm: [Vec<f32>; 2],
    /// The first layer of the perceptron.
    pub expand: Affine,
    /// The second layer, with the layer's scale.
    pub contract: Affine,
}

impl TransformerWeights {
    /// Packs the weights for an instruction set; AVX-512 for AMX, whose tiles hold no f32.
    ///
    /// # Errors
    /// When this processor lacks the instruction set.
    ///
    /// # Panics
    /// When shapes do not agree, and when the channels of a head are no multiple of sixteen.
    pub fn pack(self, name: &'static str, isa: Isa) -> Result<PackedNetwork, WeightsError> {
        let transformer = Transformer::new(f32_kernels(isa)?, self);
        Ok(PackedNetwork::transformer(name, transformer))
    }
}

/// The buffers of a forward pass, in their order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    /// The image's values.
    Image,
    /// The tokens: planes of all of them.
    Tokens,
    /// Tokens of a chunk after a norm.
    Normed,
    /// Queries of a chunk, or its keys and values.
    Queries,
    /// Keys and values of all tokens, packed as weights, one head after the other.
    Keys,
    Values,
    /// Scores of a chunk with all tokens, of one head.
    Scores,
    /// The attention's result of a chunk.
    Attended,
    /// What the perceptron expands a chunk to.
    Hidden,
}

/// A vision transformer, ready to run.
#[derive(Debug)]
pub(super) struct Transformer {
    pub kernels: Kernels,
    pub normalization: Normalization,
    pub input_size: usize,
    pub width: usize,
    pub heads: usize,
    pub tokens: usize,
    pub epsilon: f32,
    pub patch: Dense,
    /// The class token with its position.
    pub class: Vec<f32>,
    /// Positions in planes of all tokens.
    pub positions: Aligned,
    pub blocks: Vec<Block>,
    pub norm: [Vec<f32>; 2],
    /// Where the channels of a head's queries lie.
    pub head_runs: Vec<Run>,
    /// Where the scores with all tokens lie.
    pub score_runs: Vec<Run>,
    pub score_chunk: usize,
    /// Zero for each token, [`NO_TOKEN`] beyond them.
    pub mask: Aligned,
    /// Zeros: values of a head have no bias.
    pub no_bias: Vec<f32>,
    sizes: Vec<usize>,
}

/// A block, packed.
#[derive(Debug)]
pub(super) struct Block {
    pub attention_norm: [Vec<f32>; 2],
    /// With the scale of the scores.
    pub queries: Dense,
    pub keys_values: Dense,
    pub project: Dense,
    pub perceptron_norm: [Vec<f32>; 2],
    pub expand: Dense,
    pub contract: Dense,
}

impl Transformer {
    fn new(kernels: Kernels, weights: TransformerWeights) -> Self {
        let (size, patch) = (weights.input_size, weights.patch.size);
        let width = weights.class.len();
        let tokens = 1 + (size / patch) * (size / patch);
        let head = width / weights.heads;
        assert!(size.is_multiple_of(patch) && head.is_multiple_of(BLOCK));
        assert_eq!(weights.positions.len(), tokens * width);

        let taps = Taps {
            size: patch,
            stride: patch,
            before: 0,
        };
        let activation = Activation::Identity;
        let mut embed = Dense::new(&kernels, Source::Image, &weights.patch, taps, activation);
        embed.place(&kernels, size * 3, 0);

        let mut positions = Aligned::zeros(width * tokens);
        for (token, values) in weights.positions.chunks_exact(width).enumerate() {
            for (plane, values) in values.chunks_exact(BLOCK).enumerate() {
                positions[(plane * tokens + token) * BLOCK..][..BLOCK].copy_from_slice(values);
            }
        }
        let class = weights.class.iter().zip(&weights.positions);
        let mut mask = Aligned::zeros(padded(tokens));
        mask[tokens..].fill(NO_TOKEN);
        let blocks: Vec<Block> = weights
            .blocks
            .iter()
            .map(|block| Block::new(&kernels, block, width, head))
            .collect();
        let hidden = blocks.iter().map(|block| block.expand.columns()).max();

        let mut sizes = vec![0; Use::Hidden as usize + 1];
        sizes[Use::Image as usize] = size * size * 3;
        sizes[Use::Tokens as usize] = width * tokens;
        sizes[Use::Normed as usize] = width * CHUNK;
        sizes[Use::Queries as usize] = 2 * width * CHUNK;
        sizes[Use::Keys as usize] = width * padded(tokens);
        sizes[Use::Values as usize] = width * tokens;
        sizes[Use::Scores as usize] = padded(tokens) * CHUNK;
        sizes[Use::Attended as usize] = width * CHUNK;
        sizes[Use::Hidden as usize] = hidden.unwrap_or(0) * CHUNK;
        Self {
            normalization: weights.normalization,
            input_size: size,
            width,
            heads: weights.heads,
            tokens,
            epsilon: weights.epsilon,
            patch: embed,
            class: class.map(|(class, position)| class + position).collect(),
            positions,
            blocks,
            norm: weights.norm,
            head_runs: runs(head),
            score_runs: runs(tokens),
            score_chunk: chunk(&kernels, tokens, padded(tokens) / BLOCK),
            mask,
            no_bias: vec![0.0; head],
            sizes,
            kernels,
        }
    }

    pub(super) fn input_size(&self) -> usize {
        self.input_size
    }

    /// Length of a feature vector.
    pub(super) fn feature_len(&self) -> usize {
        self.width
    }

    pub(super) fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    /// Floats of each buffer.
    pub(super) fn sizes(&self) -> &[usize] {
        &self.sizes
    }
}

/// Where `channels` channels lie in the planes of a chunk.
fn runs(channels: usize) -> Vec<Run> {
    let run = |first: usize| Run {
        offset: (first * CHUNK) as u32,
        len: BLOCK.min(channels - first) as u32,
    };
    (0..channels).step_by(BLOCK).map(run).collect()
}

impl Block {
    fn new(kernels: &Kernels, block: &TransformerBlock, width: usize, head: usize) -> Self {
        let dense = |affine: &Affine, activation: Activation| {
            let taps = Taps {
                size: 1,
                stride: 1,
                before: 0,
            };
            let mut dense = Dense::new(kernels, Source::Vectors, affine, taps, activation);
            dense.place(kernels, 0, CHUNK * BLOCK);
            dense
        };
        let all = &block.queries_keys_values;
        assert!(all.inputs == width && all.outputs() == 3 * width);
        assert!(block.project.inputs == width && block.project.outputs() == width);
        assert!(block.expand.inputs == width && block.contract.outputs() == width);
        assert_eq!(block.expand.outputs(), block.contract.inputs);
        let scale = 1.0 / (head as f32).sqrt();
        let queries = all.outputs_of(0..width).scaled(&vec![scale; width]);
        Self {
            attention_norm: block.attention_norm.clone(),
            queries: dense(&queries, Activation::Identity),
            keys_values: dense(&all.outputs_of(width..3 * width), Activation::Identity),
            project: dense(&block.project, Activation::Identity),
            perceptron_norm: block.perceptron_norm.clone(),
            expand: dense(&block.expand, Activation::Gelu),
            contract: dense(&block.contract, Activation::Identity),
        }
    }
}
