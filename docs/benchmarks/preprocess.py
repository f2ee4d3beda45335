"""Decodes and resizes drawn photographs with Pomona and with Pillow in turn, and prints the ratios of processor time.

    cargo build --workspace --example preprocess
    python docs/benchmarks/preprocess.py [--rounds 5] [--seconds 0.5] [--peer NAME=PYTHON ...]

Needs numpy and Pillow. A peer is a Python that has Pillow, Pillow-SIMD or Daft: `pillow-simd=venv/bin/python`,
`daft=venv/bin/python`; without any, Pillow of this Python is the peer. Each round times every contender on the same file, one
after the other, on one thread, by processor time (user and system); the figures are medians of the rounds, and of the ratios
within a round. Pomona's bytes must be Pillow's, or the script stops.
"""

import argparse
import io
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIDE = 224
SIZES = [(100, 100), (640, 480), (1920, 1080), (4000, 3000)]
KINDS = {
    "JPEG 4:2:0": ("JPEG", dict(quality=90, subsampling="4:2:0")),
    "JPEG progressive": ("JPEG", dict(quality=90, subsampling="4:2:0", progressive=True)),
    "JPEG 4:4:4": ("JPEG", dict(quality=90, subsampling="4:4:4")),
    "PNG": ("PNG", dict()),
    "WebP": ("WEBP", dict(quality=80)),
    "WebP lossless": ("WEBP", dict(lossless=True, method=2)),
}


def drawn(width, height):
    """Smooth shades of several sizes, edges between them, and the noise of a sensor."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(width)
    image = np.zeros((height, width, 3), np.float32)
    for cells, strength in ((4, 70), (16, 35), (64, 18), (256, 9)):
        coarse = generator.normal(0, 1, (cells * 3 // 4 + 1, cells, 3)).astype(np.float32)
        for channel in range(3):
            plane = Image.fromarray(coarse[:, :, channel]).resize((width, height), Image.BICUBIC)
            image[:, :, channel] += strength * np.asarray(plane)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for _ in range(40):
        at, radius = generator.uniform(0, 1, 2), generator.uniform(0.01, 0.1)
        inside = (x / width - at[0]) ** 2 + (y / width - at[1] * height / width) ** 2 < radius**2
        image[inside] += generator.normal(0, 40, 3).astype(np.float32)
    image += generator.normal(0, 3, image.shape).astype(np.float32)
    return Image.fromarray(np.clip(image + 128, 0, 255).astype(np.uint8))


def work(name):
    """Answers lines `TIMES FILE` as the example does."""
    if name == "daft":
        import daft

        def run(path):
            frame = daft.from_pydict({"content": [pathlib.Path(path).read_bytes()]})
            image = frame["content"].decode_image(mode="RGB").resize(SIDE, SIDE)
            return frame.select(image.alias("image")).to_pydict()["image"][0].tobytes()
    else:
        from PIL import Image

        def run(path):
            content = pathlib.Path(path).read_bytes()
            return Image.open(io.BytesIO(content)).convert("RGB").resize((SIDE, SIDE)).tobytes()

    for line in sys.stdin:
        times, path = line.rstrip("\n").split(" ", 1)
        before = time.process_time()
        for _ in range(int(times)):
            pixels = run(path)
        seconds = (time.process_time() - before) / int(times)
        pathlib.Path(f"{path}.{name}").write_bytes(pixels)
        print(seconds, flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=0.5, help="of each contender in a round")
    arguments.add_argument("--peer", action="append", help="NAME=PYTHON")
    arguments.add_argument("--only", help="kinds with this in their names")
    arguments.add_argument("--work", help=argparse.SUPPRESS)
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    binary = pathlib.Path(target) / "debug/examples/preprocess"
    arguments.add_argument("--binary", default=binary)
    given = arguments.parse_args()
    if given.work:
        return work(given.work)

    peers = dict(peer.split("=", 1) for peer in given.peer or [f"pillow={sys.executable}"])
    commands = {"pomona": [given.binary, str(SIDE)]} | {
        name: [python, __file__, "--work", name] for name, python in peers.items()
    }
    running = {
        name: subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name, command in commands.items()
    }

    def seconds(name, times, path):
        running[name].stdin.write(f"{times} {path}\n")
        running[name].stdin.flush()
        return float(running[name].stdout.readline())

    def calls(name, path):
        """As many as take the time of a round; clocks of processor time tick every few milliseconds."""
        times = 1
        while (spent := times * seconds(name, times, path)) < 0.05:
            times *= 4
        return max(1, round(given.seconds * times / spent))

    print(f"{'image':28} {'kB':>6} {'pomona':>9}  " + "  ".join(f"{name:>22}" for name in peers))
    with tempfile.TemporaryDirectory() as folder:
        for width, height in SIZES:
            image = drawn(width, height)
            for kind, (form, options) in KINDS.items():
                if given.only and given.only not in kind:
                    continue
                path = f"{folder}/{width}-{kind.replace(' ', '-').replace(':', '')}"
                image.save(path, form, **options)
                # The files are read and the pages touched before anything is timed.
                times = {name: calls(name, path) for name in running}
                pixels = {name: pathlib.Path(f"{path}.{name}").read_bytes() for name in peers}
                pixels["pomona"] = pathlib.Path(f"{path}.rgb").read_bytes()
                if "pillow" in pixels and pixels["pillow"] != pixels["pomona"]:
                    sys.exit(f"{width} x {height} {kind}: the bytes are not Pillow's")
                rounds = [
                    {name: seconds(name, times[name], path) for name in running}
                    for _ in range(given.rounds)
                ]
                columns = []
                for name in peers:
                    median = statistics.median(round_[name] for round_ in rounds)
                    ratio = statistics.median(round_[name] / round_["pomona"] for round_ in rounds)
                    same = "" if pixels[name] == pixels["pomona"] else " other bytes"
                    columns.append(f"{f'{median * 1e3:.2f} ms {ratio:.2f}x{same}':>22}")
                ours = statistics.median(round_["pomona"] for round_ in rounds)
                size = os.path.getsize(path) // 1000
                name = f"{width} x {height} {kind}"
                print(f"{name:28} {size:6} {ours * 1e3:6.2f} ms  " + "  ".join(columns), flush=True)
    for process in running.values():
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    main()
