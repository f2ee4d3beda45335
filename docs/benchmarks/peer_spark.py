"""Folders of images to features and principal components, as the usual notebook does it: PySpark, Keras and MLlib.

peer_spark.py WEIGHTS.safetensors IMAGES OUTPUT COMPONENTS

Writes OUTPUT/features (Parquet: path, label, features) and OUTPUT/pca (CSV). Keras's MobileNetV2 gets the weights of the other
contenders, and is sent to the workers once; a pandas function runs it on the batches of a partition.
"""

import io
import os
import sys
from typing import Iterator

import numpy as np
import pandas as pd
from PIL import Image
from pyspark.ml.feature import PCA
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, concat_ws, element_at, pandas_udf, split

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["PYSPARK_PYTHON"] = sys.executable


def network(tensors):
    """Keras's network with these weights, layer by layer in the order of both."""
    import keras

    model = keras.applications.MobileNetV2(include_top=False, weights=None, pooling="avg", input_shape=(224, 224, 3))
    blocks = ["conv_stem.first_conv", "conv_stem.conv_3x3", "conv_stem.reduce_1x1"]
    for block in range(16):
        blocks += [f"layer.{block}.{part}" for part in ("expand_1x1", "conv_3x3", "reduce_1x1")]
    names = iter(f"mobilenet_v2.{name}" for name in [*blocks, "conv_1x1"])
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "Conv2D":
            name = next(names)
            layer.set_weights([tensors[f"{name}.convolution.weight"].transpose(2, 3, 1, 0)])
        elif kind == "DepthwiseConv2D":
            name = next(names)
            layer.set_weights([tensors[f"{name}.convolution.weight"].transpose(2, 3, 0, 1)])
        elif kind == "BatchNormalization":
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([tensors[f"{name}.normalization.{part}"] for part in parts])
    return model


def pixels(content):
    image = Image.open(io.BytesIO(content)).convert("RGB").resize((224, 224))
    return np.asarray(image, np.float32) / 127.5 - 1


def main():
    from safetensors.numpy import load_file

    weights, images, output, components = sys.argv[1:]
    spark = SparkSession.builder.master("local[*]").config("spark.driver.memory", "4g").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    tensors = spark.sparkContext.broadcast(load_file(weights))

    @pandas_udf("array<float>")
    def features(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        model = network(tensors.value)
        for batch in batches:
            rows = model.predict(np.stack(batch.map(pixels)), verbose=0)
            yield pd.Series(list(rows))

    files = spark.read.format("binaryFile").option("pathGlobFilter", "*.jpg").option("recursiveFileLookup", "true")
    rows = files.load(images).repartition(2 * spark.sparkContext.defaultParallelism)
    label = element_at(split(col("path"), "/"), -2)
    rows.select("path", label.alias("label"), features("content").alias("features")).write.parquet(f"{output}/features")

    rows = spark.read.parquet(f"{output}/features").withColumn("vector", array_to_vector("features"))
    model = PCA(k=int(components), inputCol="vector", outputCol="pca").fit(rows)
    projected = model.transform(rows).select("path", concat_ws(";", vector_to_array("pca")).alias("pca"))
    projected.write.csv(f"{output}/pca")
    spark.stop()


main()
