#!/usr/bin/env bash
# Compiles the pure crates for aarch64, where the portable kernels are NEON, without linking.
#
# Debian has the standard library of aarch64, for its own Rust alone, so this is no part of
# cargo test: run it by hand, as root, after changes of a kernel. Nothing is left behind but the
# packages and the folder target/aarch64.
set -euo pipefail
cd "$(dirname "$0")/.."

dpkg --add-architecture arm64
apt-get update
apt-get install -y --no-install-recommends \
    rustc-web libstd-rust-web-dev:arm64 gcc-aarch64-linux-gnu libc6-dev-arm64-cross

CARGO_TARGET_DIR=target/aarch64 RUSTC=/usr/bin/rustc \
    cargo check -p pomona-mobilenet -p pomona-pca --target aarch64-unknown-linux-gnu
