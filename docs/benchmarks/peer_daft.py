"""Folders of images to features and principal components, as one writes it with Daft, ONNX Runtime and scikit-learn.

peer_daft.py MODEL.onnx IMAGES OUTPUT COMPONENTS

Writes what the benchmark compares: OUTPUT/features.parquet (path, label, features) and OUTPUT/pca.csv. Daft reads the files and
runs the function on batches of all cores; each process has one ONNX Runtime session. Images are decoded and resized as
Keras's `load_img(target_size=(224, 224), interpolation="bicubic")` does, so that the features are the same.
"""

import io
import os
import sys

import daft
import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet
from PIL import Image
from sklearn.decomposition import PCA

LENGTH = 1280
BATCH = 32


def pixels(content):
    image = Image.open(io.BytesIO(content)).convert("RGB").resize((224, 224))
    return np.asarray(image, np.float32).transpose(2, 0, 1)


@daft.cls
class Network:
    def __init__(self, model):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = os.cpu_count()
        self.session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])

    @daft.method.batch(return_dtype=daft.DataType.fixed_size_list(daft.DataType.float32(), LENGTH), batch_size=BATCH)
    def features(self, content: daft.Series):
        images = np.stack([pixels(image) for image in content.to_pylist()])
        (features,) = self.session.run(None, {"input": images / 127.5 - 1})
        return pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), LENGTH)


def main():
    model, images, output, components = sys.argv[1:]
    os.makedirs(output, exist_ok=True)
    network = Network(model)
    rows = daft.from_glob_path(f"{images}/**/*.jpg")
    content = rows["path"].download()
    label = rows["path"].split("/").get(-2)
    table = rows.select("path", label.alias("label"), network.features(content).alias("features")).to_arrow()
    pyarrow.parquet.write_table(table, f"{output}/features.parquet")
    features = table["features"].combine_chunks().flatten().to_numpy().reshape(-1, LENGTH)
    projected = PCA(int(components), svd_solver="covariance_eigh").fit_transform(features.astype(np.float64))
    with open(f"{output}/pca.csv", "w") as file:
        for path, row in zip(table["path"].to_pylist(), projected):
            file.write(",".join([path, *map(str, row)]) + "\n")


main()
