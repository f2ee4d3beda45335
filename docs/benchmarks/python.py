#!/usr/bin/env python3
"""What Python costs: the same work through `import pomona` and through the command, in pairs.

    python3 docs/benchmarks/python.py [--pomona target/debug/pomona] [--images DIR] [--count 2000] [--rounds 9]

Run it with a Python that can import `pomona` (crates/pomona-python/tests/run makes one: its PYTHONPATH and its environment). `--pomona` is
the program that is compared, of the same build as the library.

Each round runs both, in an order that alternates, as whole processes: from the start of a program, or of Python, to the last file. The work is

- `run`: `pomona run` over a folder, with its report;
- `sql`: features in SQL, which the command writes to a Parquet file with COPY and Python too;
- `calls`: what a call of Python costs in a process that is there: 1,000 queries of a constant, and the time of each.

Prints the median seconds of each, and the median and the quartiles of the ratios of the pairs: that is the figure, because what disturbs a machine
disturbs both runs of a pair.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from pipeline import copies

RUN = """
import sys, pomona
images, output = sys.argv[1:]
pomona.run(input=images, output=output, components=10, weights="fruits")
"""

SQL = """
import sys, pomona
images, output = sys.argv[1:]
con = pomona.connect(weights="fruits")
con.images(images, name="images")
con.execute(f"COPY (SELECT path, label, mobilenet_v2(content) AS features FROM images) TO '{output}/features.parquet' STORED AS PARQUET")
"""

CALLS = """
import time, pomona
con = pomona.connect()
con.sql("SELECT 0").fetchall()
began = time.perf_counter()
for n in range(1000):
    con.sql("SELECT $1 + 1", [n]).fetchall()
print(time.perf_counter() - began)
"""


def seconds(command):
    """Elapsed seconds of a process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "NO_COLOR": "1"})
    return time.perf_counter() - began


def sql(images, output):
    """The statements that SQL makes Python run."""
    images, output = (str(one).replace("'", "''") for one in (images, output))
    return (
        f"CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '{images}'; COPY (SELECT path, label, mobilenet_v2(content) AS features "
        f"FROM images) TO '{output}/features.parquet' STORED AS PARQUET"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pomona", default="target/debug/pomona")
    data = os.environ.get("POMONA_TEST_DATA", "../shared")
    parser.add_argument("--images", default=f"{data}/fruits360/Training")
    parser.add_argument("--count", type=int, default=2000, help="images of a run")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.pomona)

    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        images, output = work / "images", work / "output"
        copies(arguments.images, images, arguments.count)
        jobs = {
            "run": (
                [program, "run", "-k", "10", "--weights", "fruits", "-i", images, "-o", output],
                [sys.executable, "-c", RUN, images, output],
            ),
            "sql": (
                [program, "sql", "-q", "--weights", "fruits", "-c", sql(images, output)],
                [sys.executable, "-c", SQL, images, output],
            ),
        }
        print(f"{arguments.count} images, {os.cpu_count()} cores, {arguments.rounds} pairs\n")
        print("| | the command, s | Python, s | ratio, median | quartiles |\n|---|---|---|---|---|")
        for name, (command, python) in jobs.items():
            pairs = []
            # The first pair fills the caches, and does not count.
            for number in range(arguments.rounds + 1):
                pair = {}
                for kind, job in [("command", command), ("python", python)][:: 1 if number % 2 else -1]:
                    output.mkdir()
                    pair[kind] = seconds(list(map(str, job)))
                    shutil.rmtree(output)
                pairs += [pair] if number else []
            ratios = [pair["python"] / pair["command"] for pair in pairs]
            low, middle, high = statistics.quantiles(ratios, n=4)
            median = {kind: statistics.median(pair[kind] for pair in pairs) for kind in ("command", "python")}
            print(f"| {name} | {median['command']:.3f} | {median['python']:.3f} | {middle:.3f} | {low:.3f} to {high:.3f} |")
    took = float(subprocess.run([sys.executable, "-c", CALLS], check=True, capture_output=True, text=True).stdout)
    print(f"\na query of a constant: {took:.2f} ms a call")


if __name__ == "__main__":
    main()
