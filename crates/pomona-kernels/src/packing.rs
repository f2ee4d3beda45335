//! Weights in the order in which the kernels read them.

use super::BLOCK;

/// Rounds channels up to whole blocks of sixteen.
pub fn padded(channels: usize) -> usize {
    channels.next_multiple_of(BLOCK)
}

/// Packs `columns` outputs of `depth` weights each into panels.
///
/// `weight(column, depth)` returns one weight; columns beyond `columns` are zero. A panel holds
/// `panel` outputs, the last one 16 where the padded columns do not fill it:
/// `[panel][depth][panel width]`.
pub fn pack(
    columns: usize,
    depth: usize,
    panel: usize,
    weight: impl Fn(usize, usize) -> f32,
) -> Vec<f32> {
    let padded_columns = padded(columns);
    let mut packed = Vec::with_capacity(padded_columns * depth);
    let mut first = 0;
    while first < padded_columns {
        let width = if first + panel <= padded_columns {
            panel
        } else {
            BLOCK
        };
        for step in 0..depth {
            for column in first..first + width {
                packed.push(if column < columns {
                    weight(column, step)
                } else {
                    0.0
                });
            }
        }
        first += width;
    }
    packed
}

/// Pads per-channel values with zeros to whole blocks.
pub fn pad(values: &[f32]) -> Vec<f32> {
    let mut padded_values = values.to_vec();
    padded_values.resize(padded(values.len()), 0.0);
    padded_values
}

/// Packs depthwise kernels (the same number of taps a channel, in order) and biases: for each block
/// of sixteen channels, a vector of each tap and one of biases.
pub fn pack_depthwise(kernel: &[f32], bias: &[f32]) -> Vec<f32> {
    let channels = bias.len();
    let taps = kernel.len() / channels;
    let mut packed = Vec::with_capacity(padded(channels) * (taps + 1));
    for first in (0..padded(channels)).step_by(BLOCK) {
        for tap in 0..=taps {
            for channel in first..first + BLOCK {
                packed.push(match channel {
                    _ if channel >= channels => 0.0,
                    _ if tap == taps => bias[channel],
                    _ => kernel[channel * taps + tap],
                });
            }
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_hold_every_weight_once_and_zeros_beyond() {
        // 40 columns pad to 48: one panel of 32, one of 16.
        let packed = pack(40, 3, 32, |column, step| (column * 10 + step + 1) as f32);
        assert_eq!(packed.len(), 48 * 3);
        assert_eq!(packed[32 + 5], 52.0);
        assert_eq!(packed[32 * 3 + 2 * 16 + 7], 393.0);
        assert_eq!(packed[32 * 3 + 2 * 16 + 8], 0.0);
        assert_eq!(packed.iter().filter(|w| **w != 0.0).count(), 120);
    }

    #[test]
    fn depthwise_blocks_end_with_the_bias() {
        let kernel: Vec<f32> = (0..24 * 9).map(|value| value as f32 + 1.0).collect();
        let bias: Vec<f32> = (0..24).map(|value| -(value as f32) - 1.0).collect();
        let packed = pack_depthwise(&kernel, &bias);
        assert_eq!(packed.len(), 2 * 160);
        assert_eq!(packed[16 + 3], (3 * 9 + 1 + 1) as f32);
        assert_eq!(packed[144], -1.0);
        assert_eq!(packed[160 + 144 + 7], -24.0);
        assert_eq!(packed[160 + 8], 0.0);
    }
}
