#!/usr/bin/env python3
"""Times whole jobs against those of others: a folder of images to features and principal components.

    python3 docs/benchmarks/pipeline.py --weights FILE [--pomona target/debug/pomona] [--images DIR]
        [--count 300 2000] [--rounds 3] [--spark PYTHON]

The contenders are whole commands, from their start to the last file that they write, and take turns in every round:

- `pomona run`, with its report and without;
- Daft, ONNX Runtime and scikit-learn (`peer_daft.py`);
- with --spark, PySpark, Keras and MLlib (`peer_spark.py`), in a Python of their own that has requirements-spark.txt, because Daft loads
  TensorFlow where it finds it; and Java.

The same images with the same network: the features of all must agree to 1e-4, or the script stops. Prints the median, least and largest
elapsed seconds, the processor seconds, the largest memory of a process, and how many times as long as `pomona run` each
takes. Of Spark, whose work is done by a process of another parent, only the elapsed seconds are right.
Needs requirements-pipeline.txt, in the Python that runs this script.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent


def copies(images, folder, count):
    """So many of the images, in folders by label, each a link to its file where the file system can."""
    for number, source in enumerate(sorted(pathlib.Path(images).rglob("*.jpg"))[:count]):
        place = folder / source.parent.name
        place.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, place / f"{number:05}.jpg")
        except OSError:
            shutil.copy(source, place / f"{number:05}.jpg")


def run(command, environment):
    """Elapsed seconds, processor seconds, MiB of the largest process."""
    began = time.monotonic()
    pid = os.posix_spawnp(
        command[0], command, {**os.environ, **environment},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} ends with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def rows(folder):
    """Features by file name, of whatever a contender wrote."""
    import numpy as np
    import pyarrow.dataset

    table = pyarrow.dataset.dataset(folder, format="parquet").to_table(columns=["path", "features"])
    names = ["/".join(path.split("/")[-2:]) for path in table["path"].to_pylist()]
    return dict(zip(names, (np.asarray(row, np.float32) for row in table["features"].to_pylist())))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pomona", default="target/debug/pomona")
    data = os.environ.get("POMONA_TEST_DATA", "../shared")
    parser.add_argument("--images", default=f"{data}/fruits360/Training")
    parser.add_argument("--weights", required=True, help="a safetensors file of MobileNetV2, width 1.0")
    parser.add_argument("--count", type=int, nargs="+", default=[300, 2000], help="images of a job")
    parser.add_argument("--components", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spark", metavar="PYTHON", help="PySpark and Keras too, with this Python")
    arguments = parser.parse_args()

    import numpy as np
    from network import onnx_model

    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        model = work / "model.onnx"
        model.write_bytes(onnx_model(arguments.weights))
        components = str(arguments.components)
        for count in arguments.count:
            images = work / f"images-{count}"
            copies(arguments.images, images, count)
            pomona = [os.path.abspath(arguments.pomona), "run", "--weights", arguments.weights, "-k", components,
                      "-i", str(images)]
            contenders = {
                "Pomona": (lambda out: [*pomona, "-o", out], "features"),
                "Pomona, no report": (lambda out: [*pomona, "--no-report", "-o", out], "features"),
                "Daft, ONNX Runtime, scikit-learn": (
                    lambda out: [sys.executable, str(HERE / "peer_daft.py"), str(model), str(images), out, components],
                    "features.parquet",
                ),
            }
            if arguments.spark:
                contenders["Spark, Keras, MLlib"] = (
                    lambda out: [arguments.spark, str(HERE / "peer_spark.py"), arguments.weights, str(images), out,
                                 components],
                    "features",
                )
            figures = {name: [] for name in contenders}
            expected = None
            for _ in range(arguments.rounds):
                for name, (command, written) in contenders.items():
                    output = work / "output"
                    figures[name].append(run(command(str(output)), {"NO_COLOR": "1"}))
                    found = rows(output / written)
                    expected = expected or found
                    assert found.keys() == expected.keys(), f"{name}: other images"
                    error = max(np.abs(found[image] - expected[image]).max() for image in found)
                    assert error < 1e-4, f"{name}: features differ by {error}"
                    shutil.rmtree(output)
            print(f"\n{count} images, {os.cpu_count()} cores, {arguments.rounds} rounds\n")
            print("| | seconds, median | least to largest | processor seconds | MiB | times as long | by processor time |")
            print("|---|---|---|---|---|---|---|")
            median = lambda name, column: statistics.median(figure[column] for figure in figures[name])
            for name, rounds in figures.items():
                elapsed = [figure[0] for figure in rounds]
                print(
                    f"| {name} | {median(name, 0):.2f} | {min(elapsed):.2f} to {max(elapsed):.2f} | {median(name, 1):.2f} "
                    f"| {median(name, 2):.0f} | {median(name, 0) / median('Pomona', 0):.2f} "
                    f"| {median(name, 1) / median('Pomona', 1):.2f} |"
                )


if __name__ == "__main__":
    main()
