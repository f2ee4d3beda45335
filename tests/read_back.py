"""Reads the results of `pomona run` with pandas, Polars, DuckDB and Spark, and checks them.

    python3 -m venv venv && venv/bin/pip install pandas pyarrow scikit-learn polars duckdb pyspark
    venv/bin/python tests/read_back.py RESULTS [READER ...]

Spark needs a Java runtime. Without READERs all four read. Every reader must give the same rows, the
same numbers bit for bit, from Parquet and, where the run wrote it, from CSV; and the model must be
scikit-learn's on the features that were read. Prints what it finds, fails at the first difference.
The results should have images that cannot be decoded, whose features are NULL.

tests/read_back_versions.sh does this with the oldest and the newest versions.
"""

import inspect
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.decomposition import PCA


# Columns beside the features, which every form of them has.
TEXT = ["path", "label", "e_tag", "format", "color"]
NUMBERS = ["length", "width", "height"]

# Spark's pandas has times without a zone.
os.environ["TZ"] = "UTC"
time.tzset()


class Pandas:
    """pandas over pyarrow."""

    name = "pandas"
    versions = ("pandas", "pyarrow")

    def __init__(self, results: Path):
        self.results = results

    def parquet(self, folder: str, vector: str | None = None) -> pd.DataFrame:
        return pd.read_parquet(self.results / folder)

    def csv(self, folder: str, vector: str | None = None) -> pd.DataFrame:
        files = sorted((self.results / folder).glob("*.csv"))
        frame = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
        if vector:
            text = frame[vector]
            frame[vector] = [None if pd.isna(row) else np.array(json.loads(row), np.float32) for row in text]
        return frame


class Polars(Pandas):
    """Polars' own readers."""

    name = "Polars"
    versions = ("polars",)

    def parquet(self, folder: str, vector: str | None = None) -> pd.DataFrame:
        import polars

        return self.to_pandas(polars.read_parquet(self.results / folder / "*.parquet"), vector)

    def csv(self, folder: str, vector: str | None = None) -> pd.DataFrame:
        import polars

        # The first rows may hold no error, of which Polars would conclude that it is a number.
        types = {"error": polars.Utf8, "e_tag": polars.Utf8}
        parameters = inspect.signature(polars.read_csv).parameters
        overrides = "schema_overrides" if "schema_overrides" in parameters else "dtypes"
        files = self.results / folder / "*.csv"
        frame = polars.read_csv(files, infer_schema_length=None, **{overrides: types})
        if vector:
            numbers = polars.col(vector).str.json_decode(polars.List(polars.Float32))
            frame = frame.with_columns(numbers)
        return self.to_pandas(frame, vector)

    def to_pandas(self, frame, vector: str | None) -> pd.DataFrame:
        plain = frame.drop(vector) if vector else frame
        pandas = pd.DataFrame({name: plain[name].to_list() for name in plain.columns})
        if vector:
            pandas[vector] = list(frame[vector].to_numpy()) if frame[vector].null_count() == 0 else [
                None if row is None else np.array(row, np.float32) for row in frame[vector].to_list()
            ]
        return pandas


class DuckDB(Pandas):
    """DuckDB's own readers."""

    name = "DuckDB"
    versions = ("duckdb",)

    def parquet(self, folder: str, vector: str | None = None) -> pd.DataFrame:
        import duckdb

        return duckdb.sql(f"SELECT * FROM '{self.results / folder}/*.parquet'").df()

    def csv(self, folder: str, vector: str | None = None) -> pd.DataFrame:
        import duckdb

        cast = f"REPLACE ({vector}::FLOAT[] AS {vector})" if vector else ""
        return duckdb.sql(f"SELECT * {cast} FROM read_csv_auto('{self.results / folder}/*.csv', header=true, max_line_size=10000000)").df()


class Spark(Pandas):
    """Spark on this machine."""

    name = "Spark"
    versions = ("pyspark",)

    def __init__(self, results: Path):
        super().__init__(results)
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[2]").appName("read back")
        for key, value in {
            "spark.driver.memory": "8g",
            "spark.driver.maxResultSize": "0",
            "spark.sql.execution.arrow.pyspark.enabled": "true",
            "spark.ui.enabled": "false",
            "spark.sql.session.timeZone": "UTC",
            "spark.log.level": "ERROR",
        }.items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()

    def parquet(self, folder: str, vector: str | None = None) -> pd.DataFrame:
        return self.session.read.parquet(str(self.results / folder)).toPandas()

    def csv(self, folder: str, vector: str | None = None) -> pd.DataFrame:
        from pyspark.sql.functions import from_json

        read = self.session.read.option("header", True).option("escape", '"').option("maxCharsPerColumn", -1)
        frame = read.csv(f"{self.results / folder}/*.csv")
        if vector:
            frame = frame.withColumn(vector, from_json(vector, "array<float>"))
        return frame.toPandas()


READERS = {reader.name.lower(): reader for reader in (Pandas, Polars, DuckDB, Spark)}


def main(results: Path, names: list[str]) -> None:
    manifest = json.loads((results / "manifest.json").read_text())
    counts = manifest["counts"]
    for file in manifest["files"]:
        assert (results / file["path"]).stat().st_size == file["bytes"], file
    sizes = [file["bytes"] for file in manifest["files"] if file["path"].startswith("features/")]
    print(f"Python {platform.python_version()}; {len(manifest['files'])} files, as manifest.json names them")
    print(f"features: {len(sizes)} Parquet files of {min(sizes) / 1e6:.1f} to {max(sizes) / 1e6:.1f} MB")

    table = pq.read_table(results / "features")
    print(table.schema.remove_metadata())
    expected = rows(table.to_pandas(), "features")
    matrix = numbers(expected, "features")
    good = expected["features"].notna()
    assert len(expected) == counts["images"] and expected["path"].is_unique, "an image is lost"
    assert good.sum() == counts["features"]
    assert expected["error"].notna().sum() == counts["errors"] == (~good).sum()
    assert matrix.dtype == np.float32 and matrix.shape == (counts["features"], 1280)
    assert np.isfinite(matrix).all() and (matrix >= 0).all() and (matrix <= 6).all()
    pca = rows(pq.read_table(results / "pca/parquet").to_pandas(), "pca")
    projected = numbers(pca, "pca")
    assert list(pca["path"]) == list(expected["path"][good])

    for name in names:
        start = time.perf_counter()
        read = check(READERS[name.lower()](results), counts, expected, matrix, projected)
        print(f"{read}, in {time.perf_counter() - start:.1f} s")
    check_model(results, counts, matrix, projected)
    print("all read back")


def check(reader: Pandas, counts: dict, expected: pd.DataFrame, matrix: np.ndarray, projected: np.ndarray) -> str:
    """That a reader finds the same rows and numbers in every file that there is."""
    results = reader.results
    found = []
    for form, folder in [("parquet", "features"), ("csv", "features_csv")]:
        if (results / folder).is_dir():
            features = rows(getattr(reader, form)(folder, "features"), "features")
            check_plain(features, expected, TEXT + NUMBERS + ["modification_time"], f"{reader.name}: {folder}")
            assert features["error"].notna().sum() == counts["errors"], f"{reader.name}: {folder}: errors"
            assert np.array_equal(numbers(features, "features"), matrix), f"{reader.name}: {folder}: features"
            found.append(f"{folder} ({len(features)})")
    for form, folder in [("parquet", "pca/parquet"), ("csv", "pca/csv")]:
        if (results / folder).is_dir():
            pca = rows(getattr(reader, form)(folder, "pca"), "pca")
            assert np.array_equal(numbers(pca, "pca"), projected), f"{reader.name}: {folder}"
            found.append(f"{folder} ({len(pca)})")
    for form, folder in [("parquet", "metadata/parquet"), ("csv", "metadata/csv")]:
        if (results / folder).is_dir():
            metadata = rows(getattr(reader, form)(folder), "path")
            check_plain(metadata, expected, metadata.columns, f"{reader.name}: {folder}")
            found.append(f"{folder} ({len(metadata)})")
    stats = reader.csv("stats")
    assert stats["images"].astype(int).sum() == counts["images"], reader.name
    errors = reader.csv("errors") if counts["errors"] else []
    assert len(errors) == counts["errors"], reader.name
    model = reader.parquet("model")
    moments = reader.parquet("moments")
    assert len(model) == len(moments) == 1
    assert int(moments["moments"][0]["count"]) == counts["features"], reader.name
    versions = ", ".join(f"{name} {version(name)}" for name in reader.versions)
    return f"{versions}: {', '.join(found)}, stats ({len(stats)}), errors ({counts['errors']}), model, moments: equal"


def check_plain(found: pd.DataFrame, expected: pd.DataFrame, columns, where: str) -> None:
    """That columns without vectors have the same values; text may stand for numbers and times."""
    for column in columns:
        assert plain(found, column) == plain(expected, column), f"{where}: {column}"


def plain(frame: pd.DataFrame, column: str) -> list:
    """The values of a column, as text, numbers, or seconds since 1970."""
    if column == "modification_time":
        return [moment.timestamp() for moment in pd.to_datetime(frame[column], utc=True, format="ISO8601")]
    kind = int if column in NUMBERS else str
    return [None if pd.isna(value) else kind(value) for value in frame[column]]


def check_model(results: Path, counts: dict, matrix: np.ndarray, projected: np.ndarray) -> None:
    """That the model is scikit-learn's."""
    model = pq.read_table(results / "model").to_pylist()[0]["model"]
    k = counts["components"]
    features = matrix.astype(np.float64)
    reference = PCA(n_components=k, svd_solver="covariance_eigh").fit(features)
    variance = np.array(model["explained_variance"])[:k]
    components = np.array(model["components"])
    relative = np.abs(variance / reference.explained_variance_ - 1).max()
    signs = np.sign((components * reference.components_).sum(axis=1))
    difference = np.abs(components - signs[:, None] * reference.components_).max()
    transformed = np.abs(projected - signs * reference.transform(features)).max()
    print(f"scikit-learn {version('scikit-learn')} on the {counts['features']} rows that were read:")
    print(f"explained variance, relative difference: {relative:.2e}")
    print(f"components, largest difference:          {difference:.2e}")
    print(f"projected rows, largest difference:      {transformed:.2e}")
    assert relative < 1e-9 and difference < 1e-7 and transformed < 1e-4


def rows(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows in the order of their paths."""
    assert column in frame.columns, frame.columns
    return frame.sort_values("path", ignore_index=True)


def numbers(frame: pd.DataFrame, column: str) -> np.ndarray:
    """The vectors that there are, a row each."""
    return np.stack([np.asarray(row, np.float32) for row in frame[column].dropna()])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(READERS))
