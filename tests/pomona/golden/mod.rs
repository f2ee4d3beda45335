//! The golden numbers: Pillow's bytes, Keras's features, scikit-learn's PCA; by the library and in SQL.

mod network;
mod preprocessing;
mod sql;
