#!/bin/bash
# Builds the crate's example, installs the peers in a virtual environment of their own, prepares 64
# images and compares. Usage: run.sh WEIGHTS.safetensors FOLDER_OF_IMAGES [SECONDS] [ROUNDS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${POMONA_BENCHMARK_DIR:-$root/target/benchmarks}
mkdir -p "$work"
if [ ! -x "$work/venv/bin/python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
fi
(cd "$root" && cargo build --quiet --workspace --example throughput --example resize)
find "$2" -name '*.jpg' | LC_ALL=C sort | awk 'NR % 31 == 1 && n++ < 64' > "$work/list"
"$root/target/debug/examples/resize" 224 "$work/images" < "$work/list"
"$work/venv/bin/python" "$here/compare.py" "$1" "$work/images" \
    "$root/target/debug/examples/throughput" "${3:-2}" "${4:-3}"
