"""Reference numbers in exact arithmetic for the tests of pomona-pca on rows of f64.

    python exact_reference.py                              # writes data/exact_*.json beside this file
    python exact_reference.py --column f FILE.parquet...   # rows of a column list<double> -> JSON

Needs mpmath, and pyarrow for Parquet. Where features are far from zero, scikit-learn's own products lose the digits that
are to be compared. So the mean and the covariance are computed with fractions, without rounding,
and its eigenvalues and eigenvectors with 50 digits. `exact.rs` makes the same rows bit by bit;
`checksum` proves it.
"""

import argparse
import json
import pathlib
import struct
import sys
from fractions import Fraction

import mpmath

MASK = (1 << 64) - 1

# name: (rows, features, latent factors, decay of a factor against the one before, scale, offset,
# drift a row)
DATASETS = {
    "near": (300, 24, 24, 0.8, 1.0, 0.0, 0.0),
    "far": (320, 12, 12, 0.7, 1.0, 1e9, 0.0),
    "drifting": (700, 8, 8, 0.7, 1.0, 1e9, 0.01),
    "few": (30, 64, 64, 0.9, 1.0, 1e7, 0.0),
    "large": (90, 8, 8, 0.7, 1e39, 1e46, 0.0),
    "small": (90, 8, 8, 0.7, 1e-140, 1e-133, 0.0),
}


class Generator:
    """Knuth's MMIX generator; the upper 53 bits make a uniform f64 in [-1, 1)."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 11) / (1 << 52) - 1.0


def dataset(name):
    """Rows = latent @ mixing * scale + drift * row + offset, whose sign is that of the column: plus
    in even columns."""
    n, d, factors, decay, scale, offset, drift = DATASETS[name]
    generator = Generator(len(name) + n * d)
    amplitude = [1.0]
    for _ in range(factors - 1):
        amplitude.append(amplitude[-1] * decay)
    mixing = [[generator.uniform() for _ in range(d)] for _ in range(factors)]
    rows = []
    for i in range(n):
        latent = [generator.uniform() * a for a in amplitude]
        row = []
        for j in range(d):
            value = 0.0
            for f in range(factors):
                value += latent[f] * mixing[f][j]
            value = value * scale + drift * i
            row.append(value + (offset if j % 2 == 0 else -offset))
        rows.append(row)
    return rows


def checksum(rows):
    """A polynomial hash of the bit patterns of the f64 numbers."""
    total = 0
    for row in rows:
        for value in row:
            bits = struct.unpack("<Q", struct.pack("<d", value))[0]
            total = (total * 31 + bits) & MASK
    return f"{total:016x}"


def to_mpf(fraction):
    return mpmath.mpf(fraction.numerator) / mpmath.mpf(fraction.denominator)


def reference(rows, first):
    n, d = len(rows), len(rows[0])
    exact = [[Fraction(value) for value in row] for row in rows]
    mean = [sum(row[j] for row in exact) / n for j in range(d)]
    centred = [[row[j] - mean[j] for row in exact] for j in range(d)]
    covariance = mpmath.matrix(d, d)
    for a in range(d):
        for b in range(a, d):
            product = sum(x * y for x, y in zip(centred[a], centred[b])) / (n - 1)
            covariance[a, b] = covariance[b, a] = to_mpf(product)
    values, vectors = mpmath.eigsy(covariance)
    order = sorted(range(d), key=lambda i: -values[i])
    components = []
    for i in order[:first]:
        vector = [vectors[j, i] for j in range(d)]
        sign = 1 if max(vector, key=abs) > 0 else -1
        components.append([float(sign * value) for value in vector])
    return {
        "mpmath": mpmath.__version__,
        "n_samples": n,
        "dimension": d,
        "checksum": checksum(rows),
        "mean": [float(to_mpf(value)) for value in mean],
        "explained_variance": [max(float(values[i]), 0.0) for i in order],
        "components": components,
    }


def of_parquet(path, column):
    import pyarrow.parquet as parquet

    answer = reference(parquet.read_table(path, columns=[column])[column].to_pylist(), 3)
    answer["file"] = pathlib.Path(path).name
    return answer


def main():
    mpmath.mp.dps = 50
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--column")
    arguments.add_argument("files", nargs="*", metavar="FILE.parquet")
    given = arguments.parse_args()
    if given.files:
        json.dump([of_parquet(path, given.column) for path in given.files], sys.stdout, indent=0)
        print()
        return
    data = pathlib.Path(__file__).parent / "data"
    for name in DATASETS:
        answer = reference(dataset(name), 4)
        (data / f"exact_{name}.json").write_text(json.dumps(answer, indent=0) + "\n")
        print(name, answer["checksum"], answer["explained_variance"][:6])


if __name__ == "__main__":
    main()
