"""`Relation`: the rows of a query, for every library that reads Arrow, and to look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Any, NoReturn

from pomona import _native, display
from pomona.arguments import whole
from pomona.errors import UsageError, need

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from pomona.estimator import Array

    PolarsFrame = polars.DataFrame

# Rows that a terminal shows, as `pomona sql` does, and those of a notebook, whose cells may be images.
TEXT_ROWS = 40
HTML_ROWS = 20

# The most characters of a cell in a terminal: 1280 numbers of a vector are 10 KB.
TEXT_CHARACTERS = 80

# More rows than that are shown to nobody.
MOST_SHOWN = 2**31

# What a notebook reads of one result, in bytes of values: a table of photographs of 50 MB ends early.
HTML_BYTES = 64 << 20

_DTYPES = {
    "Boolean": "bool",
    **{f"{kind}{bits}": f"{kind.lower()}{bits}" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64)},
    **{f"Float{bits}": f"float{bits}" for bits in (16, 32, 64)},
}


# Dates and times as NumPy has them. It knows no zones: a moment with one stays Python's.
_MOMENT = re.compile(r"(Timestamp|Duration)\((s|ms|µs|ns)\)")
_NAT = -(2**63)


class Relation:
    """The rows of a query. They are computed when they are read, each time anew: `collect` keeps them.

        >>> features = con.sql("SELECT label, mobilenet_v2(content) AS features FROM images ORDER BY path")
        >>> features.columns
        ['label', 'features']

    Without `ORDER BY` rows have no order, and come in another one when they are computed again. So read two columns of one relation, such
    as features and labels, from `collect()`, or from a query with `ORDER BY`.

    It is an Arrow stream (`__arrow_c_stream__`), which Polars, DuckDB, pandas, pyarrow and Lance read without a copy, batch by batch.
    While a query runs the interpreter's lock is released. Ctrl-C cancels it, on a cluster too.

    In Jupyter it is a table in which images are shown, a vector is a curve, and a struct is readable; in a terminal it is the
    table of `pomona sql`, with long values cut and images as their lengths. To show it runs the query for the first rows alone.

    A loop over it has its rows as tuples, a batch in memory at a time. `len(relation)` counts them, which is a query of its own, and so does
    `list(relation)`, which asks for the length first: `fetchall()` does not. `numpy.asarray(relation)` is a matrix of its numbers.
    """

    def __init__(self, native: _native.Result) -> None:
        self._native = native
        self._cursor: Iterator[tuple[Any, ...]] | None = None
        # A handler of a signal may ask for rows while its thread waits for some.
        self._cursor_lock = RLock()

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self._native.columns

    @property
    def types(self) -> list[str]:
        """The types of the columns, as Arrow writes them: `Utf8`, `List(Float32)`."""
        return self._native.types

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow stream, batch by batch: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html."""
        return self._native.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """The columns as an Arrow schema."""
        return self._native.__arrow_c_schema__()

    def select(self, *columns: str) -> Relation:
        """These columns alone, in this order. What the others would cost is not computed."""
        return Relation(self._native.select(list(columns)))

    def head(self, rows: int = 5) -> Relation:
        """The first rows, of as many as there are. Images of other rows are not read."""
        return Relation(self._native.head(whole("rows", rows)))

    def limit(self, rows: int) -> Relation:
        """`head`, by its name in DuckDB."""
        return self.head(rows)

    def collect(self) -> Relation:
        """Runs the query now, and returns a relation that keeps its rows in memory."""
        return Relation(self._native.fetch())

    def count(self) -> int:
        """The number of rows.

            >>> con.sql("SELECT * FROM images WHERE label = 'Kiwi'").count()
            6
        """
        return self._native.count()

    def __len__(self) -> int:
        """`count()`, by the name of Python.

            >>> len(con.sql("SELECT * FROM images WHERE label = 'Kiwi'"))
            6
        """
        return self.count()

    def __bool__(self) -> bool:
        """Whether there is a row; no more than one is computed."""
        return self._native.head(1).count() > 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """The rows as `fetchall` has them, batch by batch as they are computed, from the first.

            >>> for label, images in con.sql("SELECT label, count(*) FROM images GROUP BY label ORDER BY label LIMIT 2"):
            ...     print(label, images)
            Apple Green 6
            Apple Red 6
        """
        cursor = self._native.cursor()
        while (rows := cursor.next_rows()) is not None:
            yield from rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows as tuples of Python's own values: a vector is a list, a struct and a map are dictionaries, bytes are bytes.

        After `fetchone` and `fetchmany` those that are left.
        """
        with self._cursor_lock:
            if self._cursor is None:
                return self._native.rows()
            rows = self._next(None)
            self._cursor = None
            return rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or `None` after the last one. The first call begins the query.

            >>> con.sql("SELECT count(*) FROM images").fetchone()
            (48,)
        """
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """So many of the next rows, or those that are left; an empty list after the last one. The first call begins the query.

            >>> rows = con.sql("SELECT label FROM images GROUP BY label ORDER BY label")
            >>> rows.fetchmany(2)
            [('Apple Green',), ('Apple Red',)]
            >>> len(rows.fetchmany(100))
            6
        """
        size = whole("size", size)
        with self._cursor_lock:
            if self._cursor is None:
                self._cursor = iter(self)
            return self._next(size)

    def _next(self, size: int | None) -> list[tuple[Any, ...]]:
        """The next rows of the cursor. After an error, and after Ctrl-C, it begins again: the rows that are left are not known."""
        try:
            return list(islice(self._cursor or (), size))
        except BaseException:
            self._cursor = None
            raise

    def to_arrow(self) -> pyarrow.Table:
        """All rows as a table of pyarrow, without a copy."""
        (pyarrow,) = need("to_arrow()", "pyarrow")
        # The rows are computed before pyarrow asks for them: what fails here has its type, which an Arrow stream cannot carry.
        return pyarrow.table(self._native.fetch())

    def to_reader(self) -> pyarrow.RecordBatchReader:
        """The rows as a reader of pyarrow, which holds a batch at a time.

        What fails while it is read is an error of pyarrow, with the same sentence.
        """
        (pyarrow,) = need("to_reader()", "pyarrow")
        return pyarrow.RecordBatchReader.from_stream(self)

    def to_pandas(self, **options: Any) -> pandas.DataFrame:
        """All rows as a frame of pandas. A vector is a NumPy array in a cell.

            >>> frame = con.sql("SELECT label, count(*) AS images FROM images GROUP BY label ORDER BY label").to_pandas()
            >>> frame.shape
            (8, 2)

        Args:
            options: Those of `pyarrow.Table.to_pandas`, such as `types_mapper`.
        """
        need("to_pandas()", "pandas", "pyarrow")
        return self.to_arrow().to_pandas(**options)

    def pl(self) -> polars.DataFrame:
        """All rows as a frame of Polars, without a copy."""
        (polars,) = need("pl()", "polars")
        frame: PolarsFrame = polars.DataFrame(self._native.fetch())
        return frame

    def to_numpy(self, column: str | None = None) -> Array:
        """A column as an array of NumPy.

            >>> features = con.sql("SELECT label, mobilenet_v2(content) AS features FROM images").to_numpy("features")
            >>> features.shape, features.dtype
            ((48, 1280), dtype('float32'))

        Vectors become the rows of a matrix, [rows, length], in their own type, with a row of NaN for NULL; NumPy takes the numbers where
        they are. Where there are no vectors the length is that of the type, or of the function that makes them: the features of no images are
        [0, 1280]; where nothing says it, it is 0. Numbers become an array [rows], with NaN for NULL; dates, times and lengths of time
        `datetime64` and `timedelta64`, with NaT; anything else an array of objects, and so do moments with a zone. Other columns are not
        computed. The rows of two calls belong together only after `collect()`, or with `ORDER BY`.

        Args:
            column: The name of the column; where there is one, it need not be named.

        Raises:
            UsageError: There is no such column, or its vectors differ in length.
        """
        (numpy,) = need("to_numpy()", "numpy")
        name = self._named(column)
        kind = self.types[self.columns.index(name)]
        if _is_vector(kind):
            matrix: Array = numpy.asarray(self._native.select([name]).vectors(name))
            return matrix
        moment = _moment(kind)
        if moment is not None:
            wholes = self._native.whole_numbers(name)
            moments: Array = numpy.array([_NAT if one is None else one for one in wholes], "int64").view(moment)
            return moments
        values = [row[0] for row in self._native.select([name]).rows()]
        if kind in _DTYPES:
            return _numbers(numpy, values, kind)
        objects: Array = numpy.empty(len(values), object)
        objects[:] = values
        return objects

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """What `numpy.asarray(relation)` is: one column as `to_numpy` has it, and several columns of numbers as the columns of a matrix.

            >>> import numpy
            >>> numpy.asarray(con.sql("SELECT 1 AS a, 0.5 AS b"))
            array([[1. , 0.5]])

        Raises:
            TypeError: One of several columns has no numbers.
            ValueError: `copy=False` is asked for and cannot be: only one column of vectors is not copied, in its own type.
        """
        (numpy,) = need("numpy.asarray()", "numpy")
        columns, kinds = self.columns, self.types
        is_vector = len(columns) == 1 and _is_vector(kinds[0])
        if len(columns) == 1:
            array = self.to_numpy()
        else:
            for name, kind in zip(columns, kinds):
                if kind not in _DTYPES:
                    raise TypeError(
                        f"numpy.asarray() makes a matrix of columns of numbers, and {name} is {kind}: name the columns with "
                        "select(), or one with to_numpy()"
                    )
            rows = self._native.rows()
            numbers = [_numbers(numpy, [row[place] for row in rows], kind) for place, kind in enumerate(kinds)]
            array = numpy.stack(numbers, 1)
        is_same = dtype is None or array.dtype == dtype
        if copy is False and not (is_vector and is_same):
            raise ValueError("the rows of a relation are computed, so that an array of them is a copy: leave copy=False out")
        if not is_same:
            array = array.astype(dtype)
        elif copy and is_vector:
            array = array.copy()
        return array

    def __reduce__(self) -> NoReturn:
        """A relation belongs to a session of this process."""
        raise TypeError(
            "a Relation cannot be pickled or copied: it belongs to a connection of this process. Pass its rows, to_arrow(), to_pandas() or "
            "fetchall(), or the query, and connect() in the other process"
        )

    def _named(self, column: str | None) -> str:
        """The name of a column that is there."""
        columns = self.columns
        if column is None and len(columns) == 1:
            return columns[0]
        if column is None:
            raise UsageError(f"to_numpy() returns one column: name one of {', '.join(columns)}")
        if column not in columns:
            raise UsageError(f"there is no column '{column}' among {', '.join(columns)}")
        return column

    def df(self) -> pandas.DataFrame:
        """`to_pandas`, by its name in DuckDB."""
        return self.to_pandas()

    def arrow(self) -> pyarrow.Table:
        """`to_arrow`, by its name in DuckDB."""
        return self.to_arrow()

    def show(self, max_rows: int = TEXT_ROWS) -> None:
        """Prints the first rows as `pomona sql` does.

            >>> con.sql("SELECT label, count(*) AS images FROM images GROUP BY label ORDER BY label LIMIT 2").show()
            +-------------+--------+
            | label       | images |
            +-------------+--------+
            | Apple Green | 6      |
            | Apple Red   | 6      |
            +-------------+--------+
        """
        max_rows = whole("max_rows", max_rows, most=MOST_SHOWN)
        print(self._text(self._first(max_rows), max_rows))

    def to_html(self, max_rows: int = HTML_ROWS, thumbnail: int = 72) -> str:
        """The first rows as a table of HTML, as Jupyter shows it.

        Args:
            max_rows: The number of rows.
            thumbnail: The longer side of an image in pixels, at most 512.
        """
        max_rows = whole("max_rows", max_rows, most=MOST_SHOWN)
        return self._html(self._first(max_rows), max_rows, whole("thumbnail", thumbnail))

    def _first(self, rows: int) -> _native.Result:
        """So many rows, and one more where there are more."""
        return self._native.head(rows + 1).fetch()

    def _text(self, first: _native.Result, rows: int) -> str:
        return first.text(rows, TEXT_CHARACTERS).rstrip("\n")

    def _html(self, first: _native.Result, rows: int, thumbnail: int) -> str:
        shown = first.rows(rows, HTML_BYTES)
        return display.table(first.columns, first.types, shown, first.count() > len(shown), min(max(thumbnail, 1), 512))

    def __repr__(self) -> str:
        return self._text(self._first(TEXT_ROWS), TEXT_ROWS)

    def _repr_html_(self) -> str:
        return self.to_html()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Both forms of one run of the query, where a notebook would run it for each."""
        first = self._first(HTML_ROWS)
        return {"text/plain": self._text(first, HTML_ROWS), "text/html": self._html(first, HTML_ROWS, 72)}


def _is_vector(kind: str) -> bool:
    """Whether a type is a list, of whatever kind."""
    return "List" in kind.partition("(")[0].partition("<")[0]


def _moment(kind: str) -> str | None:
    """The type of NumPy of a date, a moment without a zone, or a length of time."""
    if kind == "Date32":
        return "datetime64[D]"
    found = _MOMENT.fullmatch(kind)
    if found is None:
        return None
    unit = found[2].replace("µ", "u")
    return f"datetime64[{unit}]" if found[1] == "Timestamp" else f"timedelta64[{unit}]"


def _numbers(numpy: Any, values: list[Any], kind: str) -> Array:
    """Numbers of one type, or of float64 where one is NULL, which is NaN."""
    has_null = any(value is None for value in values)
    numbers: Array = numpy.array(values, "float64" if has_null else _DTYPES[kind])
    return numbers
