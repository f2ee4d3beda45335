//! The kernels: the only module of this crate with `unsafe`, vectorised through `pulp`.

mod aligned;
mod gram;
mod project;
mod stream;

pub(crate) use aligned::AlignedBuffer;
pub(crate) use gram::{PANEL, add_gram, row_start};
pub(crate) use project::{PackedComponents, project};
pub(crate) use stream::{add_scaled_outer, all_finite, center_columns, widen_row};
