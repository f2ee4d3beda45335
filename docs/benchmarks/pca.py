"""Fits a PCA on the same rows with pomona-pca and scikit-learn in alternation and prints the ratios.

    cargo build --workspace --example fit_throughput
    python docs/benchmarks/pca.py [--rows 57950] [--rounds 5] [--threads 1 2] [--components 50]

Needs numpy, scikit-learn and threadpoolctl. Each round times, one after the other on an otherwise
idle machine, pomona-pca (f32 in, f64 throughout, one partition a thread) and scikit-learn's
PCA(svd_solver='covariance_eigh') on the rows as f64 and as f32; the figures are medians of the
rounds. Converting the rows to f64 is not counted against scikit-learn. Beside the elapsed time stands
the processor time, which a machine shared with others distorts less.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
import sklearn
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

ROOT = pathlib.Path(__file__).resolve().parents[2]


def features(rows, dimension):
    """Rows like pooled ReLU6 features: not negative, many small, with a spectrum that decays."""
    generator = np.random.default_rng(20200518)
    factors = 300
    amplitude = 0.985 ** np.arange(factors)
    mixing = generator.standard_normal((factors, dimension), dtype=np.float32)
    latent = generator.standard_normal((rows, factors), dtype=np.float32) * amplitude.astype(np.float32)
    noise = generator.standard_normal((rows, dimension), dtype=np.float32)
    return np.clip(0.15 * (latent @ mixing) + 0.3 * noise, 0, 6).astype(np.float32)


def processor():
    """The processor's name, as Linux has it."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    names = {line.split(": ", 1)[1].strip() for line in lines if line.startswith("model name")}
    return ", ".join(names) or "unknown"


def processor_seconds(process):
    """User and system time of a process, all threads, to the kernel's tick (10 ms)."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=57950)
    arguments.add_argument("--dimension", type=int, default=1280)
    arguments.add_argument("--components", type=int, default=50)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    arguments.add_argument(
        "--binary", default=pathlib.Path(target) / "debug/examples/fit_throughput"
    )
    given = arguments.parse_args()

    narrow = features(given.rows, given.dimension)
    wide = narrow.astype(np.float64)
    with tempfile.NamedTemporaryFile(suffix=".f32") as file:
        narrow.tofile(file)
        file.flush()
        ours = subprocess.Popen(
            [given.binary, file.name, str(given.dimension), str(given.components)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

        def pomona(threads):
            before = processor_seconds(ours.pid)
            ours.stdin.write(f"{threads}\n")
            ours.stdin.flush()
            answer = json.loads(ours.stdout.readline())
            return answer | {"processor": processor_seconds(ours.pid) - before}

        def scikit(rows, threads):
            with threadpool_limits(threads):
                start, before = time.perf_counter(), time.process_time()
                model = PCA(given.components, svd_solver="covariance_eigh").fit(rows)
                return time.perf_counter() - start, time.process_time() - before, model

        pomona(1)  # The file is read, and every page touched, before anything is timed.
        print(f"{given.rows} x {given.dimension}, {given.components} components, "
              f"scikit-learn {sklearn.__version__}, median of {given.rounds} rounds, seconds")
        for threads in given.threads:
            rounds = []
            for _ in range(given.rounds):
                answer = pomona(threads)
                *in_f64, model = scikit(wide, threads)
                *in_f32, _ = scikit(narrow, threads)
                rounds.append((
                    answer["total"], answer["processor"], *in_f64, *in_f32,
                    answer["moments"], answer["solve"], answer["limit"],
                ))
            print(f"{threads} thread(s)")
            for what, first in (("elapsed", 0), ("processor", 1)):
                ours_, in_f64, in_f32 = (
                    statistics.median(r[column] for r in rounds)
                    for column in (first, first + 2, first + 4)
                )
                to_f64 = statistics.median(r[first + 2] / r[first] for r in rounds)
                to_f32 = statistics.median(r[first + 4] / r[first] for r in rounds)
                print(f"  {what:9} pomona {ours_:.2f}, scikit-learn f64 {in_f64:.2f} "
                      f"({to_f64:.2f}x), f32 {in_f32:.2f} ({to_f32:.2f}x)")
            moments, solve = (statistics.median(r[column] for r in rounds) for column in (6, 7))
            limit = max(r[8] for r in rounds) * threads
            operations = given.rows * given.dimension * (given.dimension + 1)
            fastest = [min(r[column] for r in rounds) for column in (0, 2, 4)]
            print(f"  of which  moments {moments:.2f}, solve {solve:.2f}; fastest elapsed of the three "
                  + ", ".join(f"{seconds:.2f}" for seconds in fastest))
            print(f"  {processor()}: {limit / 1e9:.0f} GFLOP/s of f64 in registers, of which the symmetric "
                  f"product alone is {operations / moments / limit:.0%} over the moments of Pomona, "
                  f"{operations / fastest[0] / limit:.0%} over all of Pomona, "
                  f"{operations / fastest[1] / limit:.0%} over all of scikit-learn", flush=True)
        ours.stdin.close()
        ours.wait()

    kept = given.components
    variance = np.asarray(answer["explained_variance"])[:kept]
    difference = np.abs(variance / model.explained_variance_ - 1).max()
    component = np.asarray(answer["first_component"])
    apart = np.abs(component - model.components_[0]).max()
    print(f"largest relative difference of a variance {difference:.1e}, "
          f"largest difference in the first component {apart:.1e}")
    assert difference < 1e-9 and apart < 1e-7, "the two do not agree"


if __name__ == "__main__":
    main()
