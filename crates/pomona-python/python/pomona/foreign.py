"""Sessions of the package `datafusion`: Pomona's functions, aggregates and image table in them.

    >>> import datafusion, pomona
    >>> ctx = datafusion.SessionContext()
    >>> pomona.register(ctx, weights="fruits")
    >>> ctx.register_table("images", pomona.ImageTable("pomona-demo/images"))
    >>> ctx.sql("SELECT label, mobilenet_v2(content) AS features FROM images WHERE label = 'Kiwi'").count()
    6

The two packages exchange structs whose layout belongs to a major version of DataFusion. Where the versions differ nothing is
exchanged: `VersionError` names both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pomona._native import Foreign, datafusion_version
from pomona.errors import UsageError, VersionError, need

if TYPE_CHECKING:
    from datafusion import SessionContext

__all__ = ["ImageTable", "register"]

# Options of Pomona's own sessions that a session of others should have, and why.
_OPTIONS = {
    # A row may be an image of a megabyte or a vector of 5 KB, and a constant is sent to a function once a row: the model of
    # pca_transform is half a megabyte.
    "datafusion.execution.batch_size": "256",
    # The fields of a struct would move below the projection that makes it, and image_info(content) be computed once a field.
    "datafusion.optimizer.enable_leaf_expression_pushdown": "false",
}


def register(
    ctx: SessionContext,
    *,
    weights: str | os.PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
    tune: bool = True,
) -> None:
    """Puts the SQL functions, the aggregates and `STORED AS IMAGES` into a session of the package `datafusion`.

    Images are then a table by SQL too: `CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://bucket/Training/' OPTIONS
    (glob '*.jpg')`. They are decoded on the session's own threads, outside its memory limit; a cancelled query ends with the batch that it
    computes. Object stores are those of the environment (`AWS_*`), not those registered in the session.

    Args:
        ctx: The session. Functions and a table format of these names are replaced.
        weights: `"imagenet"` (the default), `"fruits"`, or a path or URL of a safetensors file: `pomona.weights`.
        settings: Other `pomona.*` settings of the functions, such as `{"pomona.max_pixels": 10_000_000}`. They hold from now
            on: `SET pomona.…` is unknown in such a session. Call `register` again for others.
        tune: Also sets `datafusion.execution.batch_size` to 256, as Pomona's own sessions have it (with 8192 rows a batch, images
            and models fill the memory), and `datafusion.optimizer.enable_leaf_expression_pushdown` to false.

    Raises:
        VersionError: The package has another major version of DataFusion than this one. Nothing was exchanged.
        UsageError: `ctx` is no session, or a setting is unknown or has a value that it does not accept.
        MissingPackageError: The package `datafusion` is not installed.
    """
    package = _datafusion("pomona.register")
    if not isinstance(ctx, package.SessionContext):
        raise UsageError(f"pomona.register takes a datafusion.SessionContext, not {type(ctx).__qualname__}")
    given = {name: _text(value) for name, value in (settings or {}).items()}
    if weights is not None:
        given["pomona.weights"] = os.fspath(weights)
    foreign = Foreign(given)
    for scalar in foreign.scalar_functions():
        ctx.register_udf(package.udf(scalar))
    for aggregate in foreign.aggregate_functions():
        ctx.register_udaf(package.udaf(aggregate))
    ctx.register_table_factory("IMAGES", foreign.table_factory(ctx))
    if tune:
        for name, value in _OPTIONS.items():
            ctx.sql(f"SET {name} = {value}")


class ImageTable:
    """Images of a folder, an object or a glob, for `SessionContext.register_table` of the package `datafusion`.

    `ctx.register_table("images", pomona.ImageTable("s3://bucket/Training/", glob="*.jpg", missing="null"))` makes a table of them.
    The columns are `path`, `label`, `length`, `modification_time`, `e_tag` and `content`; a query that does not name `content`
    reads no image. Conditions on the other columns narrow the listing.
    """

    def __init__(self, location: str | os.PathLike[str], *more: str | os.PathLike[str], **options: object) -> None:
        """Asks the store whether the locations are there.

        Args:
            location: A path or a URL (`s3://bucket/folder/`, `photos/*.jpg`); `more` are others of the same table.
            options: Those of `STORED AS IMAGES`: `glob`, `recursive`, `depth`, `concurrency`, `batch_bytes`, `missing`, `shards`, …

        Raises:
            StorageError: A location is not there or may not be listed.
            UsageError: An option is unknown or has a value that it does not accept.
        """
        self._locations = [os.fspath(one) for one in (location, *more)]
        self._table = Foreign().table(self._locations, {name: _text(value) for name, value in options.items()})

    def __repr__(self) -> str:
        return f"ImageTable({', '.join(map(repr, self._locations))})"

    def __datafusion_table_provider__(self, session: Any) -> Any:
        """The table as a capsule, for the package `datafusion`."""
        _datafusion("pomona.ImageTable")
        return self._table.__datafusion_table_provider__(session)


def _datafusion(asked_by: str) -> ModuleType:
    """The package, if it goes with this one."""
    (package,) = need(asked_by, "datafusion")
    found, wanted = str(package.__version__), datafusion_version.partition(".")[0]
    if found.partition(".")[0] != wanted:
        raise VersionError(
            f"the package datafusion is version {found}, and this pomona goes with version {wanted} "
            f"(it has DataFusion {datafusion_version}): pip install 'datafusion=={wanted}.*'"
        )
    return package


def _text(value: object) -> str:
    """A value as SET takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
