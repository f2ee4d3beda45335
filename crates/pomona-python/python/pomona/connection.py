"""`connect`, and the `Connection` that it returns: tables of images, and SQL."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from pomona import _native
from pomona.arguments import whole
from pomona.errors import UsageError
from pomona.relation import Relation

if TYPE_CHECKING:
    from pomona.runs import Run


def connect(
    url: str | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
    standalone: bool = False,
    tls: Mapping[str, str | os.PathLike[str]] | None = None,
    memory_limit: int | str | None = None,
    partitions: int | None = None,
    settings: Mapping[str, object] | None = None,
    config: str | os.PathLike[str] | None = None,
) -> Connection:
    """Connects to this process, or to a cluster.

        >>> con = pomona.connect(weights="fruits")
        >>> con.sql("SELECT 1 + 1 AS two").fetchall()
        [(2,)]

    Args:
        url: The scheduler of a cluster, such as `df://10.0.0.7:50050`. Without it, and without `POMONA_SCHEDULER`, queries run in this process.
        weights: The weights of the network: `imagenet` (fetched once from the Hugging Face Hub), `fruits` (inside the package), or the path or
            URL of a MobileNetV2 safetensors file. Without it those of `POMONA_WEIGHTS`, or `imagenet`.
        standalone: Whether queries run on a cluster inside this process, to try what a cluster does.
        tls: The certificates of a cluster with mutual TLS: the files `ca`, `cert` and `key`, in PEM.
        memory_limit: The most memory of queries, in bytes or as `"10g"`. Without it there is no limit.
        partitions: How many parts of a query are computed in parallel, from 1 to 1024. Without it as many as there are cores.
        settings: Options of the session by their names, such as `{"pomona.truncated": "pad"}`; `SET` in SQL does the same.
        config: A file of settings as the command has it, such as `"pomona.toml"`: `weights`, `scheduler`, `standalone`, `tls-…`, `memory-limit`
            and `partitions` of it hold where they are not arguments and not in the environment. Without it no file is read, whatever lies
            in the current folder.

    Raises:
        UsageError: An argument, an option or a setting of the file is wrong as it is written.
        ClusterError: The cluster cannot be reached, or a certificate cannot be read.
    """
    if url is not None and standalone:
        raise UsageError("url names a cluster and standalone asks for one inside this process: choose one of them")
    return Connection(
        _native.connect(
            url,
            weights=None if weights is None else os.fspath(weights),
            standalone=standalone,
            tls=None if tls is None else {name: os.fspath(file) for name, file in tls.items()},
            memory_limit=memory_limit,
            partitions=None if partitions is None else whole("partitions", partitions, 1, 1024),
            settings=None if settings is None else {name: written(value) for name, value in settings.items()},
            config=None if config is None else os.fspath(config),
        )
    )


def written(value: object) -> str:
    """A value of an option as SQL writes it: `True` is `true`.

    Raises:
        UsageError: It is no single value.
    """
    if not isinstance(value, (bool, str, int, float, os.PathLike)):
        raise UsageError(f"the value of an option is a text, a number or a bool, and not a {type(value).__name__}")
    return str(value).lower() if isinstance(value, bool) else str(value)


class Connection:
    """A session: its tables, its options, and where its queries run. Threads may share it; a child of `os.fork` may not.

    As a context manager it closes itself at the end.
    """

    def __init__(self, native: _native.Connection) -> None:
        self._native = native

    def images(self, location: str | os.PathLike[str], name: str = "images", **options: object) -> Relation:
        """Makes a folder of images a table, and returns it: `CREATE EXTERNAL TABLE name STORED AS IMAGES LOCATION location`.

            >>> images = con.images("pomona-demo/images", name="fruit_images", depth=1)
            >>> images.columns
            ['path', 'label', 'length', 'modification_time', 'e_tag', 'content']
            >>> con.sql("SELECT count(*), count(DISTINCT label) FROM fruit_images").fetchone()
            (48, 8)

        Nothing is read before a query asks for it, and `content` only where a query names it.

        Args:
            location: A folder, a glob, a file that lists images, an archive: a path, or a URL `s3://…` or `file://…`.
            name: The name of the table, in upper or lower case alike, as in SQL. A table of this name is replaced.
            options: Those of the table, such as `glob="*.png"`, `recursive=False` or `missing="null"` (a row without content for an
                object that cannot be read).

        Raises:
            UsageError: An option is unknown or has a wrong value.
            StorageError: There is nothing at the location, or it cannot be listed.
        """
        texts = {key: written(value) for key, value in options.items() if value is not None}
        return Relation(self._native.images(os.fspath(location), name, texts))

    def table(self, name: str) -> Relation:
        """The rows of a table, by its name.

        Raises:
            SqlError: There is no table of this name.
        """
        return self.sql(f"SELECT * FROM {quoted(name.lower() if name.isascii() and name.isidentifier() else name)}")

    def sql(self, query: str, parameters: Sequence[object] | Mapping[str, object] | None = None) -> Relation:
        """Plans one statement and returns its rows, which are computed when they are read.

            >>> con.sql("SELECT label FROM images WHERE label LIKE $1 GROUP BY label ORDER BY label", ["%an%"]).fetchall()
            [('Banana',), ('Orange',)]
            >>> con.sql("SELECT $n * 2 AS doubled", {"n": 21}).fetchone()
            (42,)

        Args:
            query: One statement. `execute` runs several.
            parameters: Values of `$1`, `$2`, …, or of `$name`. Values never become a part of the statement. `None`, `pandas.NA` and every
                `NaT` are NULL; NaN is the number NaN.

        Raises:
            SqlError: The statement cannot be parsed or planned: a name is unknown, types do not fit.
        """
        return Relation(self._native.sql(query, given(parameters)))

    def query(self, query: str, parameters: Sequence[object] | Mapping[str, object] | None = None) -> Relation:
        """`sql`, by its name in DuckDB."""
        return self.sql(query, parameters)

    def execute(self, script: str) -> Relation | None:
        """Runs statements one after the other, and returns the rows of the last one if it has any.

            >>> con.execute("SET pomona.precision = 'f32'; CREATE VIEW kiwis AS SELECT * FROM images WHERE label = 'Kiwi'")
            >>> con.execute("DROP VIEW kiwis; SELECT 7 AS seven").fetchone()
            (7,)

        Raises:
            SqlError: A statement fails; those before it have run.
        """
        result = self._native.execute(script)
        return None if result is None else Relation(result)

    def register(self, name: str, data: object) -> Relation:
        """Makes data of another library a table: whatever has `__arrow_c_stream__`, such as a table of pyarrow, a frame of pandas or
        Polars, a relation of DuckDB, or a `Relation`.

            >>> calories = con.register("calories", con.sql("SELECT 'Kiwi' AS label, 61 AS calories"))
            >>> con.sql("SELECT count(*) FROM images JOIN calories USING (label)").fetchone()
            (6,)

        The data is read to its end now, and its batches are shared, not copied. What a generator behind a `pyarrow.RecordBatchReader` raises
        is raised as it is; of any other stream the C interface has but the text, which is that of a `PomonaError`, or of the
        `KeyboardInterrupt` of Ctrl-C.

        Raises:
            UsageError: The data is no Arrow stream.
        """
        if hasattr(data, "read_next_batch") and hasattr(data, "schema"):
            self._native.register_reader(name, data)
        else:
            self._native.register(name, data._native if isinstance(data, Relation) else data)
        return self.table(name)

    def unregister(self, name: str) -> None:
        """Removes a table or a view, and what was registered, by its name. That there is none is no error.

            >>> gone = con.register("gone", con.sql("SELECT 1 AS n"))
            >>> con.unregister("gone")
        """
        self._native.deregister(name)

    def set(self, name: str, value: object) -> None:
        """Sets an option of the session, such as `pomona.weights`.

        Raises:
            UsageError: The option is unknown, or the value is wrong.
        """
        self._native.set(name, written(value))

    def run(self, *, input: str | os.PathLike[str], output: str | os.PathLike[str], **options: Any) -> Run:
        """`pomona.run` on this connection, with its weights, its options and its cluster."""
        from pomona.runs import run

        return run(input=input, output=output, connection=self, **options)

    def open(self, output: str | os.PathLike[str]) -> Run:
        """`pomona.open` on this connection: the results of a finished run."""
        from pomona.runs import open

        return open(output, connection=self)

    def close(self) -> None:
        """Ends the session. Relations that were made of it have what they need, and a cluster inside this process ends with the last of them."""
        self._native.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._native.closed

    def __repr__(self) -> str:
        return repr(self._native)

    def __reduce__(self) -> NoReturn:
        """A connection belongs to this process: its tables, and where it computes."""
        raise TypeError(
            "a Connection cannot be pickled or copied: it belongs to this process. Pass the arguments of connect(), and call it in the other process"
        )

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def quoted(name: str) -> str:
    """A name as SQL writes it, whatever it holds.

        >>> print(quoted('12" pizza'))
        "12"" pizza"
    """
    return '"' + name.replace('"', '""') + '"'


def given(parameters: Sequence[object] | Mapping[str, object] | None) -> list[object] | dict[str, object] | None:
    """Parameters as the native module takes them: plain values, where NumPy's have a method for that."""
    if parameters is None:
        return None
    if isinstance(parameters, (str, bytes)):
        raise UsageError("parameters are a list or a dictionary: write [value] for one value")
    if isinstance(parameters, Mapping):
        return {name: plain(value) for name, value in parameters.items()}
    if not isinstance(parameters, Iterable):
        raise UsageError(f"parameters are a list or a dictionary, and not a {type(parameters).__name__}: write [value] for one value")
    return [plain(value) for value in parameters]


def plain(value: object) -> object:
    """A value as the native module reads it: a column of another library as a list, and anything else as it is."""
    # Arrays of NumPy keep their types, and a view of memory is bytes. A masked array says NULL in its list alone.
    if isinstance(value, memoryview) or (hasattr(value, "__array_interface__") and not hasattr(value, "mask")):
        return value
    for method in ("tolist", "to_pylist", "to_list", "as_py"):
        as_python = getattr(value, method, None)
        if as_python is not None:
            return as_python()
    return value
