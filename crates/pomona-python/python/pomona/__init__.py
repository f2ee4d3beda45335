"""Pomona: folders of images to features, principal components and look-ups, in SQL.

    >>> import pomona
    >>> con = pomona.connect(weights="fruits")
    >>> images = con.images("pomona-demo/images", name="images")
    >>> features = con.sql("SELECT label, mobilenet_v2(content) AS features FROM images WHERE label LIKE $1", ["Apple%"])
    >>> features.to_numpy("features").shape
    (12, 1280)

`import pomona` imports no other package. NumPy, pandas, pyarrow, Polars and scikit-learn are imported by the methods that return
their objects, and an error says what to install where one is missing: `pip install 'pomona[all]'` brings all of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pomona._native import __version__
from pomona.errors import (
    BadImagesWarning,
    ClusterError,
    ImageError,
    MissingPackageError,
    OutputError,
    PomonaError,
    SqlError,
    StorageError,
    UsageError,
    VersionError,
    WeightsError,
)

if TYPE_CHECKING:
    from pomona.connection import Connection, connect
    from pomona.foreign import ImageTable, register
    from pomona.lookups import outliers, similar, suspects
    from pomona.mobilenet import MobileNetV2
    from pomona.pca import PCA
    from pomona.relation import Relation
    from pomona.reports import Report
    from pomona.runs import Run, open, run

# What is imported where it is asked for first, and the module that has it: the command needs none of it, and scikit-learn alone
# takes a second.
_LATER = {
    "Connection": "connection",
    "ImageTable": "foreign",
    "MobileNetV2": "mobilenet",
    "PCA": "pca",
    "Relation": "relation",
    "Report": "reports",
    "Run": "runs",
    "connect": "connection",
    "open": "runs",
    "outliers": "lookups",
    "register": "foreign",
    "run": "runs",
    "similar": "lookups",
    "suspects": "lookups",
}

__all__ = [
    "BadImagesWarning",
    "ClusterError",
    "Connection",
    "ImageError",
    "ImageTable",
    "MissingPackageError",
    "MobileNetV2",
    "OutputError",
    "PCA",
    "PomonaError",
    "Relation",
    "Report",
    "Run",
    "SqlError",
    "StorageError",
    "UsageError",
    "VersionError",
    "WeightsError",
    "__version__",
    "connect",
    "open",
    "outliers",
    "register",
    "run",
    "similar",
    "suspects",
]


def __getattr__(name: str) -> Any:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module 'pomona' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"pomona.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
