"""Reads the results of `pomona run` with pandas and pyarrow, and checks them against each other.

    python3 -m venv venv && venv/bin/pip install pandas pyarrow scikit-learn
    venv/bin/python tests/read_back.py RESULTS

Prints what it finds; fails where a row is lost, a type is not the documented one, or the model is
not scikit-learn's on the same features.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.decomposition import PCA


def main(results: Path) -> None:
    manifest = json.loads((results / "manifest.json").read_text())
    counts = manifest["counts"]
    for file in manifest["files"]:
        assert (results / file["path"]).stat().st_size == file["bytes"], file

    table = pq.read_table(results / "features")
    print(table.schema.remove_metadata())
    features = table.to_pandas()
    assert len(features) == counts["images"], "a picture is lost"
    assert features["path"].is_unique
    good = features[features["features"].notna()].sort_values("path")
    assert len(good) == counts["features"]
    assert len(features) - len(good) == features["error"].notna().sum() == counts["errors"]
    matrix = np.stack(good["features"].to_numpy())
    assert matrix.dtype == np.float32 and matrix.shape == (counts["features"], 1280)
    assert np.isfinite(matrix).all() and (matrix >= 0).all() and (matrix <= 6).all()

    metadata = pd.read_parquet(results / "metadata/parquet")
    metadata_csv = pd.read_csv(results / "metadata/csv/metadata.csv")
    assert set(metadata["path"]) == set(metadata_csv["path"]) == set(features["path"])
    stats = pd.read_csv(results / "stats/stats.csv")
    assert stats["images"].sum() == len(features)
    errors = pd.read_csv(results / "errors/errors.csv")
    assert len(errors) == counts["errors"]

    pca = pd.read_parquet(results / "pca/parquet").sort_values("path")
    pca_csv = pd.read_csv(results / "pca/csv/pca.csv").sort_values("path")
    assert list(pca["path"]) == list(pca_csv["path"]) == list(good["path"])
    projected = np.stack(pca["pca"].to_numpy())
    assert np.array_equal(np.array([json.loads(row) for row in pca_csv["pca"]], np.float32), projected)

    model = pq.read_table(results / "model").to_pylist()[0]["model"]
    k = counts["components"]
    reference = PCA(n_components=k, svd_solver="covariance_eigh").fit(matrix.astype(np.float64))
    variance = np.array(model["explained_variance"])[:k]
    components = np.array(model["components"])
    relative = np.abs(variance / reference.explained_variance_ - 1).max()
    signs = np.sign((components * reference.components_).sum(axis=1))
    difference = np.abs(components - signs[:, None] * reference.components_).max()
    transformed = np.abs(projected - signs * reference.transform(matrix.astype(np.float64))).max()
    print(f"{len(features)} rows, {len(good)} with features, {counts['errors']} bad")
    print(f"explained variance, relative to scikit-learn: {relative:.2e}")
    print(f"components, largest difference:               {difference:.2e}")
    print(f"projected rows, largest difference:           {transformed:.2e}")
    assert relative < 1e-9 and difference < 1e-7 and transformed < 1e-4
    print("all read back")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
