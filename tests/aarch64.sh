#!/usr/bin/env bash
# Compiles the pure crates for aarch64, where the portable kernels are NEON, and runs the tests of
# their kernels under QEMU: values, not speed.
#
# Debian has the standard library of aarch64, for its own Rust alone, so this is no part of
# cargo test: run it by hand, as root, after changes of a kernel. Nothing is left behind but the
# packages and the folder target/aarch64.
set -euo pipefail
cd "$(dirname "$0")/.."

dpkg --add-architecture arm64
apt-get update
apt-get install -y --no-install-recommends \
    rustc-web libstd-rust-web-dev:arm64 gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user

export CARGO_TARGET_DIR=target/aarch64 RUSTC=/usr/bin/rustc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
# fp16: the crate gemm-f16 has instructions for halves that lightly optimized builds do not assemble
# without; no kernel of this repository uses them. crt-static: programs that load the C library of
# Debian 12 wait for ever in pthread_create under its QEMU 7.2, static ones do not.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+fp16,+crt-static"
# Clippy is that of another Rust.
unset RUSTC_WORKSPACE_WRAPPER

cargo check -p pomona-pca --target aarch64-unknown-linux-gnu
# The network's kernels against sums in f64 and plain loops; the inverse DCT, upsampling and colors
# of JPEG against libjpeg's numbers; the resize against single windows. The tests of whole networks are
# left out: QEMU computes floating-point numbers by a program.
cargo test -p pomona-kernels --target aarch64-unknown-linux-gnu
cargo test -p pomona-mobilenet --target aarch64-unknown-linux-gnu --lib -- jpeg resize
