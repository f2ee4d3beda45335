"""Reads the results of `pomona run` with PySpark, fits MLlib's PCA to the features, and writes what a
Spark job would leave, to be compared with `pomona verify`.

    python3 -m venv venv && venv/bin/pip install pyspark
    venv/bin/python tests/spark_mllib.py RESULTS SPARK
    pomona verify RESULTS --against SPARK

Needs a Java runtime, 17 or 21. SPARK gets one folder of Parquet files with path, label, features
(array<float>) and pcaFeatures (a VectorUDT), with the paths as a cluster would have them.
"""

import json
import sys
from pathlib import Path

from pyspark.ml.feature import PCA
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def main(results: Path, out: Path) -> None:
    counts = json.loads((results / "manifest.json").read_text())["counts"]
    spark = (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    print(f"Spark {spark.version}")
    features = spark.read.parquet(str(results / "features"))
    features.printSchema()
    assert features.count() == counts["images"], "an image is lost"
    pca = spark.read.parquet(str(results / "pca/parquet"))
    assert pca.count() == counts["features"]
    assert pca.select(F.size("pca")).distinct().collect()[0][0] == counts["components"]
    model = spark.read.parquet(str(results / "model")).select("model.*")
    assert model.first()["n_samples"] == counts["features"]
    moments = spark.read.parquet(str(results / "moments")).select("moments.*")
    assert moments.first()["count"] == counts["features"]
    stats = spark.read.csv(str(results / "stats"), header=True, inferSchema=True)
    assert stats.agg(F.sum("images")).first()[0] == counts["images"]

    good = features.where(F.col("features").isNotNull())
    vectors = good.withColumn("vector", array_to_vector("features"))
    fitted = PCA(k=counts["components"], inputCol="vector", outputCol="pcaFeatures").fit(vectors)
    elsewhere = F.regexp_replace("path", "^file://", "hdfs://namenode:8020")
    spark_rows = fitted.transform(vectors).select(
        F.regexp_replace(elsewhere, " ", "%20").alias("path"), "label", "features", "pcaFeatures"
    )
    spark_rows.write.mode("overwrite").parquet(str(out))
    spark.read.parquet(str(out)).printSchema()
    print(f"{counts['images']} rows read back, {good.count()} projected by MLlib")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
