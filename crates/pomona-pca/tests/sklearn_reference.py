"""Reference numbers from scikit-learn for the tests of pomona-pca.

    python sklearn_reference.py                              # writes data/*.json beside this file
    python sklearn_reference.py --features FILE.parquet      # a column `features` list<float> -> JSON

Needs numpy, scikit-learn and pyarrow. The synthetic rows come from a 64-bit linear congruential
generator and nothing but additions and products of f64 in a fixed order, so `datasets.rs` makes the
same f32 rows bit by bit; `checksum` proves it.
"""

import argparse
import json
import pathlib
import struct
import sys
import warnings

import numpy as np
import sklearn
from sklearn.decomposition import PCA

MASK = (1 << 64) - 1


class Generator:
    """Knuth's MMIX generator; the upper 53 bits make a uniform f64 in [-1, 1)."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 11) / (1 << 52) - 1.0


# name: (rows, features, latent factors, decay of a factor against the one before, offset of the
# mean, columns held constant, noise)
DATASETS = {
    "tiny": (60, 7, 7, 0.7, 0.0, 0, 0.0),
    "decaying": (500, 64, 64, 0.93, 0.0, 0, 0.0),
    "wide": (300, 200, 40, 0.85, 0.0, 0, 0.05),
    "deficient": (20, 64, 64, 0.8, 0.0, 0, 0.0),
    "constant": (200, 64, 20, 0.75, 0.5, 9, 0.05),
    "offset": (400, 64, 64, 0.93, 1e4, 0, 0.0),
}


def dataset(name):
    """Rows = offset + latent @ mixing (+ noise), rounded to f32. Latent factor f is uniform with
    amplitude decay**f, by repeated product; mixing is uniform."""
    n, d, factors, decay, offset, constant, noise = DATASETS[name]
    generator = Generator(len(name) + n * d)
    amplitude = [1.0]
    for _ in range(factors - 1):
        amplitude.append(amplitude[-1] * decay)
    mixing = [[generator.uniform() for _ in range(d)] for _ in range(factors)]
    rows = np.empty((n, d), np.float32)
    for i in range(n):
        latent = [generator.uniform() * a for a in amplitude]
        for j in range(d):
            value = 0.0
            for f in range(factors):
                value += latent[f] * mixing[f][j]
            value += generator.uniform() * noise
            rows[i, j] = np.float32(offset if j < constant else value + offset)
    return rows


def checksum(rows):
    """A polynomial hash of the bit patterns of the f32 numbers."""
    total = 0
    for value in rows.ravel().tolist():
        bits = struct.unpack("<I", struct.pack("<f", value))[0]
        total = (total * 31 + bits) & MASK
    return f"{total:016x}"


def fit(rows, shift):
    """scikit-learn's fit of f64 rows. It computes X'X - n m m', which loses the digits of a variance
    far below the squared mean; so rows with a large offset are shifted by it first. The subtraction
    is exact in f64, and a shift changes nothing but the mean."""
    rows = rows.astype(np.float64) - shift
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pca = PCA(svd_solver="covariance_eigh").fit(rows)
        # With n < d, scikit-learn keeps n values; all d are what the model holds.
        covariance = np.cov(rows, rowvar=False)
    variance = np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0.0)
    kept = len(pca.explained_variance_)
    variance[:kept] = pca.explained_variance_
    return pca, variance, pca.mean_ + shift


def reference(rows, shift, first):
    pca, variance, mean = fit(rows, shift)
    shifted = rows.astype(np.float64) - shift
    fractions = {}
    for fraction in (0.1, 0.5, 0.8, 0.9, 0.95, 0.99, 0.9999):
        model = PCA(fraction, svd_solver="covariance_eigh").fit(shifted)
        fractions[str(fraction)] = int(model.n_components_)
    return {
        "scikit_learn": sklearn.__version__,
        "numpy": np.__version__,
        "n_samples": int(rows.shape[0]),
        "dimension": int(rows.shape[1]),
        "mean": mean.tolist(),
        "explained_variance": variance.tolist(),
        "explained_variance_ratio": pca.explained_variance_ratio_.tolist(),
        "components": pca.components_[:first].tolist(),
        "k_of_fraction": fractions,
    }


def features_reference(path):
    import pyarrow.parquet as parquet

    column = parquet.read_table(path, columns=["features"])["features"].drop_null()
    rows = np.asarray(column.to_pylist(), np.float32)
    answer = reference(rows, 0.0, 3)
    # Enough to tell two models apart, without megabytes of numbers.
    for name in ("explained_variance", "explained_variance_ratio"):
        answer[name] = answer[name][:50]
    del answer["mean"]
    answer["checksum"] = checksum(rows)
    return answer


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--features", metavar="FILE.parquet")
    given = arguments.parse_args()
    if given.features:
        json.dump(features_reference(given.features), sys.stdout)
        print()
        return
    data = pathlib.Path(__file__).parent / "data"
    data.mkdir(exist_ok=True)
    for name, (_, _, _, _, offset, _, _) in DATASETS.items():
        rows = dataset(name)
        answer = reference(rows, offset, 5)
        answer["checksum"] = checksum(rows)
        (data / f"{name}.json").write_text(json.dumps(answer, indent=0) + "\n")
        variance = np.asarray(answer["explained_variance"])
        print(name, rows.shape, answer["checksum"], variance[:6], variance[-1])


if __name__ == "__main__":
    main()
