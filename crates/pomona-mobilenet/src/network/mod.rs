//! The network: weights, the Candle reference and the fast CPU path.
