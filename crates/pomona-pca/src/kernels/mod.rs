//! The kernels: the only module of this crate with `unsafe`, vectorised through `pulp`; the
//! tile unit, which `pulp` does not support, has assembly.

mod aligned;
mod gram;
mod project;
mod stream;
#[cfg(target_arch = "x86_64")]
mod tiles;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_tiles.rs"]
mod tiles;

pub(crate) use aligned::AlignedBuffer;
pub(crate) use gram::{PANEL, add_gram, row_start};
pub(crate) use project::{PackedComponents, project};
pub(crate) use stream::{add_scaled_outer, all_finite, center_columns, widen_row};
pub(crate) use tiles::{ROWS as TILE_ROWS, SIDE as STRIP, TileGram};
