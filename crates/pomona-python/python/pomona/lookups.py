"""`similar`, `outliers` and `suspects`: questions to a finished run."""

from __future__ import annotations

import os
from typing import Literal

from pomona import _native
from pomona.arguments import whole
from pomona.relation import Relation
from pomona.runs import Run


def similar(
    image: str | bytes | os.PathLike[str],
    in_: Run | str | os.PathLike[str],
    n: int = 10,
    *,
    by: Literal["features", "pca"] = "features",
) -> Relation:
    """Returns the images of a run most like an image: path, label, similarity (the cosine, from -1 to 1), the nearest first.

        >>> nearest = pomona.similar("Kiwi/0.jpg", "pomona-demo/results", n=3)
        >>> nearest.columns
        ['path', 'label', 'similarity']
        >>> nearest.count()
        3

    Every image is compared, so that the answer is exact; the image itself is left out.

    Args:
        image: An image of the run (its URL, its path, or the end of its path where only one image ends so), or any other: a path, a URL
            or the bytes of a file, which goes through the network with the weights of the run.
        in_: The run, or its folder.
        n: How many images to return.
        by: What is compared: `features`, or the principal components (`pca`).

    Raises:
        UsageError: No image, or more than one, is meant.
        OutputError: There is no finished run, or another has taken the place of this one.
        ImageError: The image cannot be decoded.
    """
    connection, output, run = _where(in_)
    asked = bytes(image) if isinstance(image, (bytes, bytearray, memoryview)) else os.fspath(image)
    return Relation(_native.similar(connection, output, asked, whole("n", n, 1), by, run))


def outliers(in_: Run | str | os.PathLike[str], n: int = 20) -> Relation:
    """Returns the images of a run that its principal components describe worst: path, label, error (the squared length of what the
    components leave out), unexplained (its share, from 0 to 1), z_score (how far from usual; 3.5 and more is far).

        >>> pomona.outliers("pomona-demo/results", n=2).columns
        ['path', 'label', 'error', 'unexplained', 'z_score']

    Raises:
        OutputError: There is no finished run, or it has no components.
    """
    connection, output, run = _where(in_)
    return Relation(_native.outliers(connection, output, whole("n", n, 1), run))


def suspects(
    in_: Run | str | os.PathLike[str],
    n: int = 20,
    *,
    neighbours: int = 5,
    by: Literal["features", "pca"] = "pca",
) -> Relation:
    """Returns the images whose label is not that of most of their nearest images: path, label, suggested, agreement and support (shares
    of the neighbours, from 0 to 1), similarity (the mean cosine).

        >>> pomona.suspects("pomona-demo/results").columns
        ['path', 'label', 'suggested', 'agreement', 'support', 'similarity']

    Raises:
        OutputError: There is no finished run, or it has no components.
    """
    connection, output, run = _where(in_)
    voters = whole("neighbours", neighbours, 1, 1000)
    return Relation(_native.suspects(connection, output, whole("n", n, 1), voters, by, run))


def _where(run: Run | str | os.PathLike[str]) -> tuple[_native.Connection | None, str, str | None]:
    """The connection, the folder and the identifier of a run; the finished one in a folder has any."""
    if isinstance(run, Run):
        return run.connection._native, run.output, run.manifest["run"]
    return None, os.fspath(run), None
