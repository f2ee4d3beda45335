//! An expansion and its depthwise convolution, some channels and rows at a time.
//!
//! ```text
//! input ── rows of 32 expanded channels, a ring of them ── rows of 32 output channels
//! ```
//!
//! The expanded rows are in the second-level cache when the depthwise convolution reads them, and a
//! tensor of several megabytes is neither written nor read.

use std::mem::take;
use std::ops::Range;

use pomona_kernels::{
    BLOCK, Base, Convolution, Depthwise as DepthwiseTask, Strides, plane_weights,
};

use super::buffers::Buffers;
use super::forward::{Forward, MOST_ROWS};
use super::layer::{Dense, Depthwise};
use super::plan::{PANEL, ROWS, expanded};
use super::planes::Planes;

impl Forward<'_> {
    /// Runs both on some images.
    pub(super) fn expansion(
        &self,
        buffers: &mut Buffers,
        dense: &Dense,
        depthwise: &Depthwise,
        output: &Planes,
        target: &mut [f32],
        images: &Range<usize>,
    ) {
        let input = &self.plan.tensors[dense.tensor().expect("an expansion reads a tensor")];
        let mut rows = take(&mut buffers.0[ROWS]);
        let values = &buffers.0[input.buffer][Self::start(input, images)..];
        let planes = expanded(depthwise, &input.planes, output.size);
        let mut ring = Ring {
            planes: &planes,
            depthwise,
            rows: &mut rows,
        };
        ring.clear();
        for first in (0..dense.columns()).step_by(PANEL) {
            let columns = PANEL.min(dense.columns() - first);
            for image in 0..images.len() {
                let values = &values[image * input.planes.image()..];
                let target = &mut target[image * output.image()..];
                let panel = first..first + columns;
                self.panel(
                    dense,
                    &mut ring,
                    &input.planes,
                    values,
                    panel,
                    output,
                    target,
                );
            }
        }
        buffers.0[ROWS] = rows;
    }

    /// Some channels of one image.
    #[expect(
        clippy::too_many_arguments,
        reason = "two tensors, their geometry and two layers"
    )]
    fn panel(
        &self,
        dense: &Dense,
        ring: &mut Ring<'_>,
        input: &Planes,
        values: &[f32],
        channels: Range<usize>,
        output: &Planes,
        target: &mut [f32],
    ) {
        let depthwise = ring.depthwise;
        let taps = &depthwise.taps;
        let band = (depthwise.ring - taps.size.min(depthwise.ring)) / taps.stride + 1;
        let band = if depthwise.ring == input.size {
            output.size
        } else {
            band
        };
        let mut done = 0;
        for first in (0..output.size).step_by(band) {
            let last = (first + band).min(output.size);
            let needed = ((last - 1) * taps.stride + taps.size).saturating_sub(taps.before);
            let needed = needed.min(input.size);
            while done < needed {
                let slot = done % depthwise.ring;
                let count = (needed - done).min(depthwise.ring - slot);
                let strides = Strides {
                    image: 0,
                    plane: ring.plane(),
                    row: ring.planes.row(),
                };
                let to = slot * strides.row + ring.planes.border * BLOCK;
                self.session.convolution(Convolution {
                    input: &values[input.origin(0) + done * input.row()..],
                    input_image: 0,
                    input_row: input.row(),
                    step: BLOCK,
                    runs: &dense.runs,
                    chunk: dense.chunk,
                    images: 1,
                    height: count,
                    width: input.size,
                    weights: &dense.weights[channels.start * dense.depth..],
                    bias: &dense.bias[channels.clone()],
                    columns: channels.len(),
                    output: &mut ring.rows[to..],
                    strides,
                    base: Base::Bias,
                    activation: dense.activation,
                });
                done += count;
            }
            let mut starts = [0; MOST_ROWS];
            let count = (last - 1 - first) * taps.stride + taps.size;
            for (index, start) in starts[..count].iter_mut().enumerate() {
                *start = ring.start(first * taps.stride + index);
            }
            let block = channels.start / BLOCK;
            self.session.depthwise(DepthwiseTask {
                input: ring.rows,
                input_plane: ring.plane(),
                rows: &starts[..count],
                weights: &depthwise.weights[block * plane_weights(taps.size)..],
                output: &mut target[first * output.size * BLOCK..],
                output_plane: output.plane(),
                planes: block..channels.end / BLOCK,
                output_planes: output.blocks(),
                in_parts: false,
                columns: output.size,
                stride: taps.stride,
                size: taps.size,
                activation: depthwise.activation,
            });
        }
    }
}

/// Rows of expanded planes, and behind them a row of zeros, for what lies above and below an image.
struct Ring<'a> {
    /// The planes, were all rows in memory.
    planes: &'a Planes,
    depthwise: &'a Depthwise,
    rows: &'a mut [f32],
}

impl Ring<'_> {
    /// Floats of the rows of one plane.
    fn plane(&self) -> usize {
        (self.depthwise.ring + 1) * self.planes.row()
    }

    /// Zeroes the ends of the rows, and the last row.
    fn clear(&mut self) {
        let (plane, row) = (self.plane(), self.planes.row());
        let side = self.planes.border * BLOCK;
        for plane in self.rows[..PANEL / BLOCK * plane].chunks_exact_mut(plane) {
            for row in plane.chunks_exact_mut(row) {
                row[..side].fill(0.0);
                let end = row.len() - side;
                row[end..].fill(0.0);
            }
            let last = plane.len() - row;
            plane[last..].fill(0.0);
        }
    }

    /// Where the first pixel lies that the first output of a row reads in an input row, which is
    /// counted from the first that the first output row reads.
    fn start(&self, row: usize) -> u32 {
        let taps = &self.depthwise.taps;
        let inside = row
            .checked_sub(taps.before)
            .filter(|row| *row < self.planes.size);
        let slot = inside.map_or(self.depthwise.ring, |row| row % self.depthwise.ring);
        (slot * self.planes.row() + (self.planes.border - taps.before) * BLOCK) as u32
    }
}
