"""A weights file in Keras's own MobileNetV2: accuracy and reference features.

The network is trained in PyTorch, so that Keras is an independent reader of what was written.
"""

import json
import os
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from safetensors import safe_open

from fruits_images import SIZE, Images


def keras_model(tensors: dict[str, np.ndarray], width: float = 1.0) -> keras.Model:
    """Logits and features of `N x S x S x 3` bytes, from tensors under Hugging Face's names."""
    backbone = keras.applications.MobileNetV2(
        input_shape=(SIZE, SIZE, 3),
        alpha=width,
        include_top=False,
        weights=None,
        pooling="avg",
    )
    values = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            place = _place(layer.name.removesuffix("_BN").removeprefix("bn_").removesuffix("_bn"))
            parts = ["weight", "bias", "running_mean", "running_var"]
            layer.set_weights([values.pop(f"{place}.normalization.{part}") for part in parts])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            kernel = values.pop(f"{_place(layer.name)}.convolution.weight")
            layer.set_weights([kernel.transpose(2, 3, 0, 1)])
        elif isinstance(layer, keras.layers.Conv2D):
            kernel = values.pop(f"{_place(layer.name)}.convolution.weight")
            layer.set_weights([kernel.transpose(2, 3, 1, 0)])
    matrix, bias = values.pop("classifier.weight"), values.pop("classifier.bias")
    if values:
        raise ValueError(f"tensors that Keras has no place for: {sorted(values)}")
    head = keras.layers.Dense(len(bias))
    pixels = keras.Input((SIZE, SIZE, 3))
    features = backbone(keras.layers.Rescaling(1 / 127.5, -1)(pixels))
    model = keras.Model(pixels, [head(features), features])
    head.set_weights([matrix.T, bias])
    return model


def read(file: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    with safe_open(file, "numpy") as stored:
        names = stored.keys()
        return {name: stored.get_tensor(name) for name in names}, stored.metadata()


def measure(model: keras.Model, test: Images) -> dict:
    """Top-1 accuracy on the test images of the classes that were trained."""
    known = np.flatnonzero(test.labels >= 0)
    right, wrong = Counter(), Counter()
    for first in range(0, len(known), 256):
        rows = known[first : first + 256]
        logits = model.predict_on_batch(test.pixels[rows].astype(np.float32))[0]
        for label, guess in zip(test.labels[rows], logits.argmax(1), strict=True):
            if label == guess:
                right[label] += 1
            else:
                wrong[int(label), int(guess)] += 1
    missed = Counter()
    for (label, _), count in wrong.items():
        missed[label] += count
    return {
        "images": len(known),
        "of_other_classes": len(test.labels) - len(known),
        "right": right.total(),
        "accuracy": right.total() / len(known),
        "classes_without_error": len(test.classes) - len(missed),
        "worst": [
            {
                "class": test.classes[label],
                "images": right[label] + missed[label],
                "accuracy": right[label] / (right[label] + missed[label]),
            }
            for label in sorted(
                missed, key=lambda label: right[label] / (right[label] + missed[label])
            )[:10]
        ],
        "confusions": [
            {
                "is": test.classes[label],
                "taken_for": test.classes[guess],
                "images": count,
            }
            for (label, guess), count in wrong.most_common(10)
        ],
    }


def write_reference(file: Path, reference: Path) -> None:
    """Features and classes that Keras gives an image that anyone can draw."""
    tensors, metadata = read(file)
    logits, features = keras_model(tensors, float(metadata["width"])).predict_on_batch(
        drawn_image()[np.newaxis].astype(np.float32)
    )
    scores = np.exp(logits[0].astype(np.float64) - logits[0].max())
    scores /= scores.sum()
    content = {
        "generator": "train_fruits.py reference",
        "keras": keras.__version__,
        "label": json.loads(metadata["labels"])[int(scores.argmax())],
        "scores": [round(float(score), 7) for score in scores],
        "features": [round(float(value), 6) for value in features[0]],
    }
    reference.write_text(json.dumps(content) + "\n")


def drawn_image() -> np.ndarray:
    """A shaded disc with stripes on white, in whole numbers, as the test in Rust draws it."""
    row, column = np.mgrid[0:SIZE, 0:SIZE].astype(np.int64)
    distance = (column - 60) ** 2 + (row - 66) ** 2
    shade = 255 - distance // 16
    stripe = (column * 3 + row * 5) % 64
    disc = np.stack([shade, shade // 3 + stripe, shade // 4], axis=-1)
    return np.where((distance < 50 * 50)[..., np.newaxis], disc, 255).astype(np.uint8)


def _place(layer: str) -> str:
    """The Hugging Face name of a Keras layer."""
    if layer == "Conv1":
        place = "conv_stem.first_conv"
    elif layer == "Conv_1":
        place = "conv_1x1"
    else:
        block, kind = layer.rsplit("_", 1)
        kinds = {
            "expand": "expand_1x1",
            "depthwise": "conv_3x3",
            "project": "reduce_1x1",
        }
        if block == "expanded_conv":
            place = f"conv_stem.{kinds[kind]}"
        else:
            place = f"layer.{int(block.removeprefix('block_')) - 1}.{kinds[kind]}"
    return f"mobilenet_v2.{place}"
