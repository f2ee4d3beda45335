#!/usr/bin/env python3
"""Measures a cluster on this machine: one slot against two, the overhead of a small query, memory.

    python3 docs/benchmarks/cluster.py [--pomona target/debug/pomona] [--images DIR] [--count 10000]
        [--rounds 3]

Starts the binary's own scheduler and executors on loopback. Prints images per second with one
executor of one slot and with two, their ratio (medians of rounds that alternate in one run), the
time of `SELECT 1` on the cluster beside that on one machine, and the largest resident memory of an
executor after 1,000 and after 20,000 images. Nothing but Python's standard library is needed.
"""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

LIMIT = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def cluster(pomona, executors):
    """A scheduler and executors of one slot each; gives the URL and the executors' pids."""
    processes = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            port = free_port()
            log = open(os.path.join(folder, "log"), "w")
            start = lambda arguments: processes.append(
                subprocess.Popen([pomona, *arguments], stdout=log, stderr=log)
            )
            start(["scheduler", f"--bind-port={port}"])
            for number in range(executors):
                start(
                    [
                        "executor",
                        f"--bind-port={free_port()}",
                        f"--bind-grpc-port={free_port()}",
                        "--external-host=127.0.0.1",
                        "--scheduler-host=127.0.0.1",
                        f"--scheduler-port={port}",
                        "--vcores=1",
                        f"--work-dir={folder}/work-{number}",
                    ]
                )
            began = time.monotonic()
            while True:
                try:
                    url = f"http://127.0.0.1:{port}/api/executors"
                    if len(json.load(urllib.request.urlopen(url))) == executors:
                        break
                except OSError:
                    pass
                if time.monotonic() - began > LIMIT:
                    sys.exit("the cluster does not become ready")
                time.sleep(0.05)
            yield f"df://127.0.0.1:{port}", [process.pid for process in processes[1:]]
        finally:
            for process in processes:
                process.kill()
                process.wait()


def timed(pomona, sql, *options):
    began = time.monotonic()
    command = [pomona, "sql", "-q", "--format", "csv", *options, "-c", sql]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(ran.stderr)
    return time.monotonic() - began, ran.stdout.split()[-1]


def features(images, limit=None):
    rows = f"(SELECT content FROM images LIMIT {limit})" if limit else "images"
    return (
        f"CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '{images}/';"
        f"SELECT count(mobilenet_v2(content)) AS n FROM {rows}"
    )


def link(images, folder, count):
    """Fills a folder with so many images, the same ones over and over."""
    sources = sorted(pathlib.Path(images).rglob("*.jpg"))
    for number in range(count):
        os.symlink(sources[number % len(sources)], f"{folder}/{number:05}.jpg")


def peak_memory(pid):
    """The largest resident size that a process has had, in MiB."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pomona", default="target/debug/pomona")
    data = os.environ.get("POMONA_TEST_DATA", "../shared")
    parser.add_argument("--images", default=f"{data}/fruits360")
    parser.add_argument("--count", type=int, default=10_000, help="images of a round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    pomona = os.path.abspath(arguments.pomona)
    images = os.path.abspath(arguments.images)
    weights = ["--weights", "fruits"]

    rates = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as many:
        link(images, many, arguments.count)
        for _ in range(arguments.rounds):
            for executors in rates:
                with cluster(pomona, executors) as (url, _):
                    options = ["--scheduler", url, "--partitions", "16", *weights]
                    # Every executor has loaded the network, and the images are in the page cache.
                    timed(pomona, features(images), *options)
                    seconds, count = timed(pomona, features(many), *options)
                    rates[executors].append(int(count) / seconds)
    one, two = (statistics.median(rates[executors]) for executors in (1, 2))
    print(f"one slot   {one:8.1f} images/s   {[round(rate, 1) for rate in rates[1]]}")
    print(f"two slots  {two:8.1f} images/s   {[round(rate, 1) for rate in rates[2]]}")
    print(f"ratio      {two / one:8.2f}")

    with cluster(pomona, 2) as (url, _):
        timed(pomona, "SELECT 1", "--scheduler", url)
        here = [timed(pomona, "SELECT 1")[0] for _ in range(20)]
        there = [timed(pomona, "SELECT 1", "--scheduler", url)[0] for _ in range(20)]
        here, there = statistics.median(here), statistics.median(there)
        print(f"SELECT 1   {1000 * here:6.0f} ms here, {1000 * there:6.0f} ms on the cluster: "
              f"{1000 * (there - here):.0f} ms more")

    with tempfile.TemporaryDirectory() as many:
        link(images, many, 20_000)
        for count in (1_000, 20_000):
            with cluster(pomona, 1) as (url, [executor]):
                options = ["--scheduler", url, "--partitions", "16", *weights]
                _, counted = timed(pomona, features(many, count), *options)
                assert int(counted) == count, counted
                print(f"memory     {peak_memory(executor):8.0f} MiB at most in an executor after {count} images")


if __name__ == "__main__":
    main()
