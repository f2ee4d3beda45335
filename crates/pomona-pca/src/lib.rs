//! Principal component analysis from mergeable moments: accumulate, merge, solve, project.
//!
//! The results are those of scikit-learn's `PCA(svd_solver="covariance_eigh")` on the same rows, of
//! `f32` or `f64`: explained variances to 1e-9 relative and components to 1e-7 up to sign, however the
//! rows are split into partitions and in whatever order these are merged. Where features are far from
//! zero, scikit-learn's own products lose digits; there, up to offsets of 1e9 times the spread, the
//! results are those of exact arithmetic (see [`Moments`]).
//!
//! ```text
//! rows ──> Moments ─┐
//! rows ──> Moments ─┼─ merge ──> Moments ── solve ──> PcaModel ── projection ──> Projection
//! rows ──> Moments ─┘            6.6 MB for 1280 features          rows x d ──> rows x k
//! ```
//!
//! ```
//! use pomona_pca::{Components, Moments};
//!
//! // Two partitions of points along the diagonal of the plane.
//! let mut left = Moments::new(2);
//! left.update(&[1.0, 1.0, 2.0, 2.0])?;
//! let mut right = Moments::new(2);
//! right.update(&[3.0, 3.0])?;
//! left.merge(&right)?;
//!
//! let model = left.solve(Components::Count(1))?;
//! assert!((model.explained_variance()[0] - 2.0).abs() < 1e-12);
//! assert!((model.components()[0] - 0.5_f64.sqrt()).abs() < 1e-12);
//!
//! let mut coordinate = [0.0_f64];
//! model.projection(true).apply(&[2.0, 2.0], &mut coordinate);
//! assert!(coordinate[0].abs() < 1e-6);
//! # Ok::<(), pomona_pca::PcaError>(())
//! ```
//!
//! Moments rather than an incremental decomposition, because moments merge exactly, in any order, and
//! give every eigenvalue; rather than sums of products, because centred products keep their digits
//! when the mean is large. A state for d features is d (d + 1) / 2 numbers, so this suits hundreds to
//! a few thousands of features and any number of rows.

mod components;
mod error;
mod feature;
#[expect(
    unsafe_code,
    reason = "vector instructions and tiles, behind checks of the processor and of every range"
)]
mod kernels;
mod mean;
mod model;
mod moments;
mod parts;
mod pending;
mod projection;
mod solve;

pub use components::Components;
pub use error::PcaError;
pub use feature::Feature;
pub use model::PcaModel;
pub use moments::Moments;
pub use parts::MomentsParts;
pub use projection::Projection;
