"""Errors, by what is wrong. Their sentences are those of the command, and say the way out.

| class | also | when |
|---|---|---|
| `PomonaError` | `Exception` | the class of all of them |
| `UsageError` | `ValueError` | an argument is wrong as it is written |
| `ImageError` | `ValueError` | an image cannot be decoded |
| `WeightsError` | | weights cannot be had, or are those of another network |
| `StorageError` | `OSError` | a file, an object or a bucket cannot be read or written |
| `SqlError` | | SQL cannot be parsed or planned, or fails while it runs |
| `ClusterError` | | a scheduler or an executor cannot be reached, or a job failed there |
| `OutputError` | | an output holds other results, is locked, or is no output of a run |
| `VersionError` | | another program has a version that does not go with this one |
| `MissingPackageError` | `ImportError` | a method needs a Python package that is not installed |
"""

from __future__ import annotations

import importlib
from types import ModuleType

from pomona._native import (
    ClusterError,
    ImageError,
    OutputError,
    PomonaError,
    SqlError,
    StorageError,
    UsageError,
    VersionError,
    WeightsError,
)

__all__ = [
    "BadImagesWarning",
    "ClusterError",
    "ImageError",
    "MissingPackageError",
    "OutputError",
    "PomonaError",
    "SqlError",
    "StorageError",
    "UsageError",
    "VersionError",
    "WeightsError",
]


class MissingPackageError(PomonaError, ImportError):
    """A method needs a Python package that is not installed; the message says which, and how to install it."""


class BadImagesWarning(UserWarning):
    """More images of a run have no features than `max_error_rate` allows. The results are there, with the reasons."""


def need(asked_by: str, *packages: str) -> tuple[ModuleType, ...]:
    """Imports packages that Pomona itself does without, in the order in which they are named.

    Raises:
        MissingPackageError: A package is not installed. A package that is there and fails to import raises its own error.
    """
    modules: list[ModuleType] = []
    for package in packages:
        try:
            modules.append(importlib.import_module(package))
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != package.partition(".")[0]:
                raise
            names = " ".join(name.partition(".")[0] for name in packages)
            raise MissingPackageError(
                f"{asked_by} needs {package}, which is not installed: pip install {names} (or pip install 'pomona[all]')",
                name=package,
            ) from None
    return tuple(modules)
