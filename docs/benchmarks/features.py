#!/usr/bin/env python3
"""The features of a run against the network alone: which share of its rate is left with files, decoding, and Parquet around it.

    python3 docs/benchmarks/features.py --weights FILE [--pomona target/debug/pomona]
        [--examples target/debug/examples] [--images DIR] [--count 2000] [--rounds 5]

In every round the stage `features` of `pomona run` over so many images, as its manifest has it, and the example `throughput` on
images that are decoded and resized already, with a thread for each core: images a second of both, and the first divided by the second.
Both programs must be of the same build. Prints the medians. The Python has nothing but its standard library.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from pipeline import copies


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pomona", default="target/debug/pomona")
    parser.add_argument("--examples", default="target/debug/examples")
    data = os.environ.get("POMONA_TEST_DATA", "../shared")
    parser.add_argument("--images", default=f"{data}/fruits360/Training")
    parser.add_argument("--weights", required=True, help="a safetensors file of MobileNetV2")
    parser.add_argument("--count", type=int, default=2000, help="images of a run")
    parser.add_argument("--seconds", type=float, default=3, help="of the network alone")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))

    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        copies(arguments.images, work / "images", arguments.count)
        resized = work / "resized"
        files = "\n".join(map(str, sorted((work / "images").rglob("*.jpg"))[:: max(1, arguments.count // 64)]))
        subprocess.run([f"{arguments.examples}/resize", "224", resized], input=files, text=True, check=True)
        alone = [f"{arguments.examples}/throughput", arguments.weights, resized, str(cores), str(arguments.seconds), "f32"]
        run = [arguments.pomona, "run", "--weights", arguments.weights, "--no-report", "--progress", "off",
               "-i", work / "images", "-o", work / "output"]
        rounds = []
        for _ in range(arguments.rounds):
            subprocess.run(run, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            stages = json.loads((work / "output/manifest.json").read_text())["stages"]
            [seconds] = [stage["seconds"] for stage in stages if stage["name"] == "features"]
            shutil.rmtree(work / "output")
            found = subprocess.run(alone, check=True, capture_output=True, text=True).stdout.split()
            rate = arguments.count / seconds
            rounds.append((rate, float(found[0]), rate / float(found[0])))
            print(f"features {rounds[-1][0]:.0f} images/s, network {rounds[-1][1]:.0f}, share {rounds[-1][2]:.3f}", flush=True)
        medians = [statistics.median(column) for column in zip(*rounds)]
        print(f"\n{cores} cores, medians: features {medians[0]:.0f} images/s, network {medians[1]:.0f}, share {medians[2]:.3f}")


if __name__ == "__main__":
    main()
