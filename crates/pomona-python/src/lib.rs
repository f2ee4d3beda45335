//! `pomona._native`: the engine as a module of Python.

mod foreign;
