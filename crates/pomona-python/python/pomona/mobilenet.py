"""`MobileNetV2`: images to features, as a transformer of scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pomona import _native
from pomona.errors import UsageError, need
from pomona.estimator import Transformer

if TYPE_CHECKING:
    from pomona.estimator import Array


class MobileNetV2(Transformer):
    """The features of images, of the network without its classifier, as Keras computes them.

        >>> from pathlib import Path
        >>> paths = sorted(Path("pomona-demo/images").glob("*/*.jpg"))
        >>> network = pomona.MobileNetV2("fruits")
        >>> network.transform(paths[:3]).shape
        (3, 1280)
        >>> network.transform([path.read_bytes() for path in paths[:2]]).dtype
        dtype('float32')

    An image is decoded and resized as Pillow does it, and its features equal those of
    `keras.applications.MobileNetV2(weights="imagenet", include_top=False, pooling="avg")` to 1e-4. All cores compute.

    It learns nothing from what it is fitted to. With scikit-learn installed it is one of its estimators and goes first in a `Pipeline`; it
    needs NumPy alone.

    Args:
        weights: `imagenet` (fetched once from the Hugging Face Hub), `fruits` (inside the package), or the path or URL of a MobileNetV2
            safetensors file.
        device: Where the network runs: `auto`, which is the first graphics processor that the package is compiled for and the machine has,
            else the CPU; `cpu`, `cuda:0` or `metal`. The package as it is published is compiled for the CPU.
        precision: What the network computes in: `f32`, or `bf16`, which is faster where the processor has AMX or AVX512_BF16.
        errors: What becomes of an image that cannot be decoded: `raise` an error that names it by its position and its path, or a row of
            `nan`.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] = "imagenet",
        *,
        device: str = "auto",
        precision: Literal["f32", "bf16"] = "f32",
        errors: Literal["raise", "nan"] = "raise",
    ) -> None:
        self.weights = weights
        self.device = device
        self.precision = precision
        self.errors = errors

    def fit(self, X: Any = None, y: Any = None) -> MobileNetV2:
        """Returns the transformer as it is."""
        return self

    def transform(self, X: Any) -> Array:
        """Returns the features of images: [n, 1280] float32.

        Args:
            X: The images: a list, an array or a column of encoded files (`bytes`) or their paths.

        Raises:
            ImageError: An image cannot be decoded; the message has its position, from 0, and the path that was passed. So do `index` and
                `path` of the error.
            StorageError: A file cannot be read.
            WeightsError: The weights cannot be had.
        """
        (numpy,) = need("MobileNetV2", "numpy")
        features: Array = numpy.asarray(self._extractor().features(images_of(X), self.errors))
        return features if features.flags.writeable else features.copy()

    @property
    def _n_features_out(self) -> int:
        return self._extractor().feature_length

    def _extractor(self) -> _native.Extractor:
        # The process loads the weights once, and again when their file has been replaced.
        return _native.Extractor(os.fspath(self.weights), self.device, self.precision)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        base: Any = super()
        tags = base.__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def images_of(X: Any) -> list[bytes | str | os.PathLike[str]]:
    """Images as a list: of a list, an array or a column, or of a table with one column.

    Raises:
        UsageError: It is one image and no list, or holds something else than images.
    """
    if isinstance(X, (str, bytes, bytearray, memoryview, os.PathLike)):
        raise UsageError("MobileNetV2 takes a list of images: write [image] for one")
    # A frame of one column, as scikit-learn's ColumnTransformer passes it on.
    if getattr(X, "ndim", 1) == 2 and X.shape[1] == 1:
        X = X.iloc[:, 0] if hasattr(X, "iloc") else X[:, 0]
    for method in ("tolist", "to_pylist", "to_list"):
        if hasattr(X, method):
            X = getattr(X, method)()
            break
    if not isinstance(X, Iterable):
        raise UsageError(f"MobileNetV2 takes a list of images, not {type(X).__name__}")
    images: list[bytes | str | os.PathLike[str]] = []
    for position, image in enumerate(X):
        if isinstance(image, (bytearray, memoryview)):
            image = bytes(image)
        if not isinstance(image, (bytes, str, os.PathLike)):
            raise UsageError(
                f"image {position} is no bytes of a file and no path, but {type(image).__name__}: MobileNetV2 takes files as they are, not pixels"
            )
        images.append(image)
    return images
