"""The native library of Pomona. People import :mod:`pomona`; this module is what it is made of.

Every call that waits releases the interpreter's lock. On the main thread Ctrl-C cancels what is
waited for, on a cluster its job too, and raises ``KeyboardInterrupt``.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, final

__version__: str
"""The version of Pomona."""

datafusion_version: str
"""The version of the engine, DataFusion."""

def main(argv: list[str]) -> int:
    """Runs the command ``pomona`` and returns its exit code.

    ``argv[0]`` names the command: ``pomona-driver`` is the other one. As a command does, it ends the
    process at Ctrl-C. Output goes to the file descriptors of the process, not to ``sys.stdout``.
    """

# Exceptions. The text of each is the sentence that the command prints.

class PomonaError(Exception):
    """An error of Pomona."""

class UsageError(PomonaError, ValueError):
    """An argument, an option or a location is wrong as it is written."""

class ImageError(PomonaError, ValueError):
    """An image cannot be decoded."""

    index: int | None
    """Its place in the list of images that was passed, from 0; None where there was no list."""
    path: str | None
    """Its file, where it was passed as a path."""

class WeightsError(PomonaError):
    """Weights cannot be had, or are not those that are needed."""

class StorageError(PomonaError, OSError):
    """A file, a folder or an object of a store cannot be read, written or listed."""

class SqlError(PomonaError):
    """A statement cannot be planned or run."""

class ClusterError(PomonaError):
    """A cluster cannot be reached, or a job on it failed."""

class OutputError(PomonaError):
    """An output cannot be written or read: it is locked, of another run, or not finished."""

class VersionError(PomonaError):
    """Another version of a package is needed."""

# Sessions.

def connect(
    url: str | None = None,
    *,
    weights: str | None = None,
    standalone: bool = False,
    tls: Mapping[str, str | PathLike[str]] | None = None,
    memory_limit: int | str | None = None,
    partitions: int | None = None,
    settings: Mapping[str, str] | None = None,
    config: str | PathLike[str] | None = None,
) -> Connection:
    """Opens a session, as ``pomona sql`` does.

    url: the scheduler of a cluster, ``df://HOST:PORT``; ``$POMONA_SCHEDULER``, or this process.
    weights: ``imagenet``, ``fruits``, a path or a URL; ``$POMONA_WEIGHTS``, or ``imagenet``.
    standalone: a cluster inside this process.
    tls: ``{"ca": FILE, "cert": FILE, "key": FILE}``, in PEM.
    memory_limit: bytes, or text as ``"10g"``.
    partitions: how many to compute in parallel, 1 to 1024; the number of cores.
    settings: names and values, as with ``SET``.
    config: a file of settings, below the arguments and the environment, as ``pomona --config``.
    """

@final
class Connection:
    """An open session. It may be used by several threads at once."""

    def sql(
        self,
        query: str,
        parameters: Sequence[object] | Mapping[str, object] | None = None,
    ) -> Result:
        """Plans one statement. A query runs when its result is read; a definition, SET, COPY or INSERT
        runs now. ``$1``, ``$2``, … take a sequence, ``$name`` a mapping.

        Values: None, bool, int, float, str, bytes (bytearray, memoryview), date, time, datetime, timedelta,
        Decimal, lists and dictionaries (structs) of these, NumPy's scalars and 1-D arrays with datetime64 and
        timedelta64, pandas' NaT and NA (NULL), and anything with ``__arrow_c_array__`` and one element.
        """
    def execute(self, script: str) -> Result | None:
        """Runs several statements, and returns the result of the last one, not yet run if it is a query."""
    def register(self, name: str, stream: object) -> None:
        """Makes a table of anything with ``__arrow_c_stream__``, in the place of an earlier one of this name.

        The stream is read to its end now, without a copy of its buffers, so that queries can read the
        table as often as they like, on a cluster too.
        """
    def register_reader(self, name: str, reader: object) -> None:
        """``register`` of a reader of pyarrow, with ``schema`` and ``read_next_batch``: what its Python raises is
        raised as it is."""
    def deregister(self, name: str) -> None:
        """Removes a table, if there is one of this name."""
    def images(
        self, location: str, name: str = "images", options: Mapping[str, object] | None = None
    ) -> Result:
        """``CREATE EXTERNAL TABLE name STORED AS IMAGES LOCATION location OPTIONS (…)``, in the place of an
        earlier table of this name. Returns its rows, as ``SELECT * FROM name``."""
    def set(self, name: str, value: object) -> None:
        """``SET name = value``. Raises UsageError with the name, the value and what is wrong."""
    def close(self) -> None:
        """Closes the session; a cluster inside this process ends with the last result that uses it."""
    @property
    def closed(self) -> bool: ...
    @property
    def url(self) -> str | None:
        """The scheduler, if queries run on a cluster."""

@final
class Result:
    """Rows of a query. They are computed when they are read, and again at each reading, unless
    :meth:`collect` was called."""

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
    @property
    def types(self) -> list[str]:
        """Their types, in Arrow's names as ``arrow_typeof`` returns them: ``Utf8``, ``List(Float32)``, …"""
    @property
    def is_collected(self) -> bool:
        """Whether the rows are in memory."""
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        """The rows as an Arrow stream: batch by batch, each computed when it is asked for. It may be read
        on any thread. ``requested_schema`` is not used, which the protocol allows."""
    def __arrow_c_schema__(self) -> Any:
        """The schema of the rows."""
    def collect(self) -> Result:
        """Runs the query, keeps its rows in this object, and returns it."""
    def fetch(self) -> Result:
        """Runs the query, and returns its rows as another, collected result. For what needs all rows at once
        (a DataFrame): there Ctrl-C raises KeyboardInterrupt and errors are Pomona's, while inside a reader
        of another library they are that library's."""
    def head(self, n: int) -> Result:
        """The first n rows, as LIMIT: of a query no more than these are computed."""
    def count(self) -> int:
        """The number of rows. Of a query that is not collected, ``SELECT count(*)``."""
    def select(self, columns: Sequence[str]) -> Result:
        """Some columns, in this order. Of a query no others are computed."""
    def rows(
        self, max_rows: int | None = None, max_bytes: int | None = None
    ) -> list[tuple[Any, ...]]:
        """Rows as Python objects, without pyarrow: None, bool, int, float, str, bytes, list, dict (structs and
        maps), date, time, datetime, timedelta, Decimal; anything else as its text. What is shorter than a
        microsecond is cut off. Ends after the row with which the bytes of values exceed max_bytes."""
    def cursor(self) -> Cursor:
        """One reading of the rows, batch by batch."""
    def whole_numbers(self, column: str) -> list[int | None]:
        """A column of dates, moments or lengths of time as the whole numbers that Arrow has for them."""
    def text(self, max_rows: int | None = 40, max_chars: int | None = None) -> str:
        """The table as ``pomona sql`` prints it, with at most max_rows rows (None: all). With max_chars, bytes are
        their length, ``5,731 bytes``, and texts, lists and structs that are longer are cut, with ``…`` at their
        end. A plan is always whole."""
    def vectors(self, column: str) -> Vectors:
        """A column of lists of Float32 or Float64 that are equally long, as an array ``[n, d]``; a NULL is a
        row of NaN. Without any vector d is that of the type or of the function of the query, and 0 where neither
        says it. No copy where the rows are one batch without NULL, else one copy of each vector."""

@final
class Cursor:
    """One reading of the rows of a query. It may be used by several threads, one after the other."""

    def next_rows(self) -> list[tuple[Any, ...]] | None:
        """The rows of the next batch, as ``Result.rows`` has them; None after the last, and after an error."""

@final
class Vectors:
    """Numbers of ``f32`` or ``f64`` in rows: ``numpy.asarray(v)`` makes an array of it without a copy."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Literal["float32", "float64"]: ...
    def __len__(self) -> int: ...
    def tolist(self) -> list[Any]: ...

# Runs and their results.

def run(
    connection: Connection | None,
    options: Mapping[str, object],
    progress: Callable[[dict[str, Any]], object] | None = None,
    config: str | PathLike[str] | None = None,
) -> dict[str, Any]:
    """``pomona run``, in a session of its own with the cluster, the weights and the settings of
    ``connection``.

    options: those of the command, with ``_`` for ``-``: ``input``, ``output``, ``components``, ``filter``,
    ``limit``, ``overwrite``, ``prune``, ``checkpoint``, ``format``, ``file_size``, ``force_unlock``,
    ``max_error_rate``, ``url_hosts``, ``ui``, ``metrics_file``, ``max_pixels``, ``max_decode_bytes``,
    ``decode_timeout``, ``exif_orientation``, ``truncated``, those of the report, and without a
    connection ``weights``, ``scheduler``, ``standalone``, ``tls_ca``, ``tls_cert``, ``tls_key``,
    ``memory_limit``, ``partitions``. None leaves an option out, and so does False one that takes no value. Each
    is checked as the command checks it, and errors have its name here.

    config: a file of settings, below the options and the environment, as ``pomona --config``.

    progress: called on this thread with ``{"event": "note" | "warned", "message"}``,
    ``{"event": "found", "images"}``, ``{"event": "started", "stage", "images"}``,
    ``{"event": "advanced", "images"}`` (several times a second) and
    ``{"event": "finished", "stage", "seconds", "images"}``. An exception in it cancels the run and is
    raised.

    Returns ``{"output": str, "changed": bool, "manifest": str (JSON), "error_rate_exceeded": bool,
    "max_error_rate": float}``.
    """

def manifest(connection: Connection | None, output: str) -> str:
    """The manifest of a finished run, as JSON.

    Raises OutputError where there is none.
    """

# ``run`` is the identifier of a run: OutputError is raised where the folder holds another one.

def read_results(
    connection: Connection | None, output: str, folder: str, run: str | None = None
) -> Result:
    """The rows of a folder of a finished run, such as ``features``, ``pca/parquet``, ``metadata``,
    ``model``, ``stats``, ``errors``: the files that its manifest names, and no others. Each reading raises
    OutputError when they have been removed, or replaced by a later run.

    Raises OutputError where there is no finished run or no such file.
    """

def read_file(
    connection: Connection | None, output: str, path: str, run: str | None = None
) -> bytes:
    """A file of a finished run, such as ``report.html``, from a disk or a store."""

def report(
    connection: Connection | None,
    output: str,
    language: str | None = None,
    run: str | None = None,
) -> None:
    """Writes ``report.html`` of a finished run anew, as ``pomona report``; ``"en"`` or ``"fr"``."""

def thumbnail(content: bytes, side: int) -> tuple[bytes, int, int] | None:
    """An encoded image as a JPEG whose longer side has at most ``side`` pixels, with its width and height; None
    where it cannot be decoded."""

def similar(
    connection: Connection | None,
    output: str,
    image: str | bytes,
    count: int = 10,
    by: Literal["features", "pca"] = "features",
    run: str | None = None,
) -> Result:
    """The images of a run most similar to one, as ``pomona similar``: an image of the run by its path or the
    end of it, a file, a URL, or the bytes of a file."""

def outliers(
    connection: Connection | None, output: str, count: int = 20, run: str | None = None
) -> Result:
    """The images that the principal components describe worst, as ``pomona outliers``."""

def suspects(
    connection: Connection | None,
    output: str,
    count: int = 20,
    neighbours: int = 5,
    by: Literal["features", "pca"] = "pca",
    run: str | None = None,
) -> Result:
    """The images whose nearest neighbours have another label, as ``pomona suspects``."""

# Principal components and features without SQL.

@final
class Moments:
    """Count, mean and centred products of rows of d features: all that a PCA needs of them. Can be
    pickled."""

    def __init__(self, dimension: int) -> None: ...
    @property
    def dimension(self) -> int: ...
    @property
    def count(self) -> int: ...
    def partial(self, rows: object) -> None:
        """Adds rows: anything with ``__array_interface__`` that is a C-contiguous array ``[n, d]`` of float32 or
        float64. They must not be changed meanwhile. Raises UsageError for a number that is not finite;
        then no row has been added."""
    def merge(self, other: Moments) -> None:
        """Adds the rows that another has seen."""
    def copy(self) -> Moments: ...
    def mean(self) -> Vectors:
        """``[d]`` float64."""
    def variance(self) -> Vectors:
        """``[d]`` float64: of each feature, divided by n - 1."""
    def solve(self, components: int | float | str) -> dict[str, Any]:
        """The principal components: a whole number, a share of the variance between 0 and 1, or
        ``"at most 50"``.

        Returns ``n_samples`` and ``k``, int; ``mean`` ``[d]``, ``components`` ``[k, d]``, and for all d
        components in descending order ``explained_variance`` and ``explained_variance_ratio`` ``[d]``, each
        Vectors of float64.
        """

def project(rows: object, mean: object, components: object) -> Vectors:
    """``(rows - mean) @ components.T`` with sums of float64: ``[n, d]``, ``[d]``, ``[k, d]`` -> ``[n, k]`` of the type
    of rows. mean and components are float64."""

@final
class Extractor:
    """MobileNetV2 from encoded images to features, on all cores. It may be used by several threads at once."""

    def __init__(
        self,
        weights: str | None = None,
        device: str = "auto",
        precision: Literal["f32", "bf16"] = "f32",
    ) -> None: ...
    @property
    def feature_length(self) -> int: ...
    @property
    def weights_sha256(self) -> str: ...
    def features(
        self,
        images: Sequence[bytes | str | PathLike[str]],
        errors: Literal["raise", "nan"] = "raise",
    ) -> Vectors:
        """Features ``[n, feature_length]`` float32 of files, as bytes or paths.

        errors: ``raise`` raises ImageError (StorageError for a file that cannot be read), whose text names the
        image by its index from 0 and its path, where it is one; ``nan`` makes its row NaN.
        """
    def image_errors(self, images: Sequence[bytes | str | PathLike[str]]) -> list[str | None]:
        """Why each image cannot be decoded; None where it can."""

# Sessions of the package datafusion. Capsules hold structs of `datafusion_version`'s major version: `pomona.foreign` compares it
# before it asks for one.

@final
class Foreign:
    """Functions and tables for sessions of the package ``datafusion``, with settings that hold for all of them."""

    def __init__(self, settings: Mapping[str, str] = ...) -> None:
        """settings: ``pomona.*``, as with ``SET``. Raises UsageError for another."""
    def scalar_functions(self) -> list[ForeignScalar]: ...
    def aggregate_functions(self) -> list[ForeignAggregate]: ...
    def table(self, locations: Sequence[str], options: Mapping[str, str]) -> ForeignTable:
        """Images at some locations, under the options of ``STORED AS IMAGES``.

        Raises UsageError for an option, StorageError for a location that is not there.
        """
    def table_factory(self, session: object) -> ForeignFactory:
        """What ``STORED AS IMAGES`` makes tables with in a ``SessionContext``."""

@final
class ForeignScalar:
    @property
    def name(self) -> str: ...
    def __datafusion_scalar_udf__(self) -> Any: ...

@final
class ForeignAggregate:
    @property
    def name(self) -> str: ...
    def __datafusion_aggregate_udf__(self) -> Any: ...

@final
class ForeignTable:
    def __datafusion_table_provider__(self, session: object) -> Any: ...

@final
class ForeignFactory:
    def __datafusion_table_provider_factory__(self, codec: object) -> Any: ...
