#!/usr/bin/env bash
# Builds the kernels for aarch64, where the portable ones are NEON, and runs their tests under QEMU.
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

export CARGO_TARGET_DIR=target/aarch64
export RUSTC=/usr/bin/rustc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
target=aarch64-unknown-linux-gnu

cargo check -p pomona-mobilenet -p pomona-pca --target "$target"
cargo test -p pomona-mobilenet --target "$target" \
    --test network_paths --test network_kernels --test network_golden --test preprocess_golden --test fruits
cargo test -p pomona-pca --target "$target" --lib --test properties
