//! Compares every kernel with plain loops, on buffers that end where the kernel's reach ends.
//!
//! Under the address sanitizer these buffers show an access beyond what the checks allow; the whole
//! network's buffers are larger. On a nightly toolchain:
//!
//! ```text
//! RUSTFLAGS=-Zsanitizer=address cargo test -p pomona-kernels --test exact_kernels \
//!     --target x86_64-unknown-linux-gnu
//! ```

mod functions;
mod layers;
mod products;
