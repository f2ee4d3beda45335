//! One forward pass of a vision transformer.
//!
//! ```text
//! each block:  all tokens, a chunk at a time:  norm ── keys and values, packed as weights
//!              again:  norm ── queries ── scores ── softmax ── product with the values, each head
//!                      ── projection, added ── norm ── perceptron, added
//! ```
//!
//! Of the last block only the class token is used, and no other is computed.

use pomona_kernels::{
    Activation, BLOCK, Base, Convolution, LayerNorm, Run, Session, Softmax, Strides,
};

use super::buffers::Buffers;
use super::layer::Dense;
use super::transformer::{Block, CHUNK, Transformer};

/// Floats from a plane of a chunk to the next.
const PLANE: usize = CHUNK * BLOCK;

/// The buffers of the chunk that is computed.
struct Chunk<'a> {
    normed: &'a mut [f32],
    queries: &'a mut [f32],
    keys: &'a mut [f32],
    values: &'a mut [f32],
    scores: &'a mut [f32],
    attended: &'a mut [f32],
    hidden: &'a mut [f32],
}

impl Transformer {
    /// From `S x S x 3` bytes to the features.
    pub(super) fn run(&self, buffers: &mut Buffers, bytes: &[u8], features: &mut [f32]) {
        let [
            image,
            tokens,
            normed,
            queries,
            keys,
            values,
            scores,
            attended,
            hidden,
            ..,
        ] = &mut buffers.0[..]
        else {
            unreachable!("there is a buffer for each use")
        };
        let session = self.kernels.session();
        self.normalization.run(bytes, self.input_size, 0, image);
        self.embed(&session, image, tokens);
        let mut chunk = Chunk {
            normed,
            queries,
            keys,
            values,
            scores,
            attended,
            hidden,
        };
        // What pads them to whole blocks stays so.
        chunk.keys.fill(0.0);
        for (index, block) in self.blocks.iter().enumerate() {
            for (first, count) in chunks(self.tokens) {
                self.norm(
                    &session,
                    &block.attention_norm,
                    tokens,
                    first,
                    count,
                    chunk.normed,
                );
                let (input, output) = (&chunk.normed, &mut chunk.queries);
                linear(&session, &block.keys_values, input, output, count);
                self.pack(&mut chunk, first, count);
            }
            let needed = match index + 1 == self.blocks.len() {
                true => 1,
                false => self.tokens,
            };
            for (first, count) in chunks(needed) {
                self.block(&session, block, &mut chunk, tokens, first, count);
            }
        }
        session.layer_norm(LayerNorm {
            input: tokens,
            input_plane: self.tokens * BLOCK,
            scale: &self.norm[0],
            shift: &self.norm[1],
            epsilon: self.epsilon,
            pixels: 1,
            output: features,
            output_plane: BLOCK,
        });
    }

    /// Patches to tokens, the class token first.
    fn embed(&self, session: &Session<'_>, image: &[f32], tokens: &mut [f32]) {
        let plane = self.tokens * BLOCK;
        for (class, plane) in self.class.chunks_exact(BLOCK).zip(tokens.chunks_mut(plane)) {
            plane[..BLOCK].copy_from_slice(class);
        }
        let patch = self.patch.taps.size;
        let side = self.input_size / patch;
        let strides = Strides {
            image: 0,
            plane,
            row: side * BLOCK,
        };
        session.convolution(Convolution {
            input: image,
            input_image: 0,
            input_row: patch * self.input_size * 3,
            step: patch * 3,
            runs: &self.patch.runs,
            chunk: self.patch.chunk,
            images: 1,
            height: side,
            width: side,
            weights: &self.patch.weights,
            bias: &self.patch.bias,
            columns: self.patch.columns(),
            output: &mut tokens[BLOCK..],
            strides,
            base: Base::Tensor(&self.positions[BLOCK..], strides),
            activation: self.patch.activation,
        });
    }

    /// Normalises some tokens into a chunk.
    fn norm(
        &self,
        session: &Session<'_>,
        norm: &[Vec<f32>; 2],
        tokens: &[f32],
        first: usize,
        count: usize,
        normed: &mut [f32],
    ) {
        session.layer_norm(LayerNorm {
            input: &tokens[first * BLOCK..],
            input_plane: self.tokens * BLOCK,
            scale: &norm[0],
            shift: &norm[1],
            epsilon: self.epsilon,
            pixels: count,
            output: normed,
            output_plane: PLANE,
        });
    }

    /// Puts the keys and values of a chunk in the order in which the products read weights: keys are
    /// outputs, values are the depth.
    fn pack(&self, chunk: &mut Chunk<'_>, first: usize, count: usize) {
        let (width, panel) = (self.width, self.kernels.panel());
        let head = width / self.heads;
        let padded = self.mask.len();
        for channel in (0..width).step_by(BLOCK) {
            let (index, inner) = (channel / head, channel % head);
            let keys = &mut chunk.keys[index * head * padded..][..head * padded];
            let values = &mut chunk.values[index * head * self.tokens..][..head * self.tokens];
            let from = [channel, width + channel].map(|channel| channel * CHUNK);
            for token in 0..count {
                let [key, value] = from.map(|from| &chunk.queries[from + token * BLOCK..][..BLOCK]);
                let to = first + token;
                let (start, columns) = panel_of(to, padded, panel);
                let column = start * head + (to - start);
                for (lane, key) in key.iter().enumerate() {
                    keys[column + (inner + lane) * columns] = *key;
                }
                let (start, columns) = panel_of(inner, head, panel);
                let row = start * self.tokens + to * columns + (inner - start);
                values[row..row + BLOCK].copy_from_slice(value);
            }
        }
    }

    /// Runs a block on some tokens, whose keys and values are there.
    fn block(
        &self,
        session: &Session<'_>,
        block: &Block,
        chunk: &mut Chunk<'_>,
        tokens: &mut [f32],
        first: usize,
        count: usize,
    ) {
        self.norm(
            session,
            &block.attention_norm,
            tokens,
            first,
            count,
            chunk.normed,
        );
        linear(session, &block.queries, chunk.normed, chunk.queries, count);
        for head in 0..self.heads {
            self.attend(session, chunk, head, count);
        }
        let plane = self.tokens * BLOCK;
        let added = &mut tokens[first * BLOCK..];
        add_linear(session, &block.project, chunk.attended, added, plane, count);
        self.norm(
            session,
            &block.perceptron_norm,
            tokens,
            first,
            count,
            chunk.normed,
        );
        linear(session, &block.expand, chunk.normed, chunk.hidden, count);
        let added = &mut tokens[first * BLOCK..];
        add_linear(session, &block.contract, chunk.hidden, added, plane, count);
    }

    /// The attention of a head: the values of all tokens, by the softmax of their scores.
    fn attend(&self, session: &Session<'_>, chunk: &mut Chunk<'_>, head: usize, count: usize) {
        let width = self.width / self.heads;
        let padded = self.mask.len();
        let start = head * width * CHUNK;
        let scores = Factors {
            input: &chunk.queries[start..],
            runs: &self.head_runs,
            chunk: self.head_runs.len(),
            weights: &chunk.keys[head * width * padded..][..width * padded],
            bias: &self.mask,
        };
        attention_product(session, &scores, chunk.scores, count);
        let mut sums = [0.0; CHUNK];
        session.softmax(Softmax {
            scores: chunk.scores,
            planes: padded / BLOCK,
            plane: PLANE,
            rows: count,
            sums: &mut sums,
        });
        let attended = &mut chunk.attended[start..][..width * CHUNK];
        let mixture = Factors {
            input: chunk.scores,
            runs: &self.score_runs,
            chunk: self.score_chunk,
            weights: &chunk.values[head * width * self.tokens..][..width * self.tokens],
            bias: &self.no_bias,
        };
        attention_product(session, &mixture, attended, count);
        for plane in attended.chunks_exact_mut(PLANE) {
            for (values, sum) in plane.chunks_exact_mut(BLOCK).zip(&sums[..count]) {
                let factor = 1.0 / sum;
                values.iter_mut().for_each(|value| *value *= factor);
            }
        }
    }
}

/// The first token and the number of tokens of each chunk.
fn chunks(tokens: usize) -> impl Iterator<Item = (usize, usize)> {
    let firsts = (0..tokens).step_by(CHUNK);
    firsts.map(move |first| (first, CHUNK.min(tokens - first)))
}

/// The first column of the panel of a column, and how many there are in it.
fn panel_of(column: usize, columns: usize, panel: usize) -> (usize, usize) {
    let start = column / panel * panel;
    if start + panel <= columns {
        (start, panel)
    } else {
        (column / BLOCK * BLOCK, BLOCK)
    }
}

/// A linear layer of the tokens of a chunk, from chunk to chunk.
fn linear(session: &Session<'_>, dense: &Dense, input: &[f32], output: &mut [f32], count: usize) {
    let activation = dense.activation;
    let factors = Factors::of(dense, input);
    product(
        session,
        &factors,
        output,
        PLANE,
        count,
        Base::Bias,
        activation,
    );
}

/// A product of the attention, from chunk to chunk.
fn attention_product(
    session: &Session<'_>,
    factors: &Factors<'_>,
    output: &mut [f32],
    count: usize,
) {
    let activation = Activation::Identity;
    product(
        session,
        factors,
        output,
        PLANE,
        count,
        Base::Bias,
        activation,
    );
}

/// A linear layer of the tokens of a chunk, added to these tokens, whose planes are `plane` floats
/// apart.
fn add_linear(
    session: &Session<'_>,
    dense: &Dense,
    input: &[f32],
    tokens: &mut [f32],
    plane: usize,
    count: usize,
) {
    let activation = dense.activation;
    let factors = Factors::of(dense, input);
    product(
        session,
        &factors,
        tokens,
        plane,
        count,
        Base::Output,
        activation,
    );
}

/// What a product multiplies and adds.
struct Factors<'a> {
    input: &'a [f32],
    runs: &'a [Run],
    chunk: usize,
    weights: &'a [f32],
    bias: &'a [f32],
}

impl<'a> Factors<'a> {
    fn of(dense: &'a Dense, input: &'a [f32]) -> Self {
        Self {
            input,
            runs: &dense.runs,
            chunk: dense.chunk,
            weights: &dense.weights,
            bias: &dense.bias,
        }
    }
}

/// The product of `count` tokens of a chunk.
fn product(
    session: &Session<'_>,
    factors: &Factors<'_>,
    output: &mut [f32],
    plane: usize,
    count: usize,
    base: Base<'_>,
    activation: Activation,
) {
    session.convolution(Convolution {
        input: factors.input,
        input_image: 0,
        input_row: 0,
        step: BLOCK,
        runs: factors.runs,
        chunk: factors.chunk,
        images: 1,
        height: 1,
        width: count,
        weights: factors.weights,
        bias: factors.bias,
        columns: factors.bias.len(),
        output,
        strides: Strides {
            image: 0,
            plane,
            row: 0,
        },
        base,
        activation,
    });
}
