"""`run`, `open`, and the `Run` that they return: the results of a finished run as relations."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from html import escape
from typing import Any, Literal

from pomona import _native
from pomona.connection import Connection, connect
from pomona.errors import BadImagesWarning, UsageError
from pomona.progress import Progress, Stages, reporter
from pomona.relation import Relation
from pomona.reports import Report

_REPORT = "report.html"


def run(
    *,
    input: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    components: int | float | str | None = None,
    weights: str | os.PathLike[str] | None = None,
    connection: Connection | None = None,
    progress: bool | Progress = True,
    report: bool = True,
    lang: Literal["en", "fr"] | None = None,
    max_error_rate: float | None = None,
    config: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Run:
    """Computes features and principal components of a folder of images, and writes them: `pomona run`.

        >>> run = pomona.run(input="pomona-demo/images", output="results", components=10, weights="fruits")
        >>> run.counts["images"], run.counts["components"]
        (48, 10)
        >>> run.pca.columns
        ['path', 'label', 'pca']

    The same call again computes what is new or changed, and goes on after a crash. Results appear when all of them are complete. In a
    notebook and on a terminal a bar shows the progress; Ctrl-C, or the notebook's button, cancels, and nothing is published.

    Args:
        input: The images: a folder, a glob, archives, or a file that lists images; a path or a URL `s3://…`.
        output: The folder of the results: a path or a URL `s3://…`.
        components: How many principal components to keep (50, or as many as there are), or the share of the variance (0.95).
        weights: The weights, as in `connect`; those of the connection where there is one.
        connection: Where it runs, with its options and its cluster; this process without it.
        progress: Whether to show progress, or a function of events, which are dictionaries: `{"event": "found", "images": 48}`,
            `{"event": "started", "stage": "features", "images": 48}`, `{"event": "advanced", "images": 16}`, `{"event": "finished",
            "stage": "features", "seconds": 0.4, "images": 48}`, and `{"event": "note", "message": "…"}` or `"warned"`.
        report: Whether to write the report.
        lang: The language of the report: `en` or `fr`.
        max_error_rate: The share of bad images above which there is a `BadImagesWarning`: 0.01, unless it is given.
        config: A file of settings as the command has it, such as `"pomona.toml"`. What it has under `[run]`, and in the environment, holds where
            it is no argument; `input` and `output` may stand there, too. Without it no file is read. Where there is a connection, that
            says where the run computes.
        options: The other options of `pomona run`, with `_` for `-`: `filter="label LIKE 'Apple%'"`, `limit=300`, `overwrite=True`,
            `prune=True`, `checkpoint`, `device="cuda:0"`, `precision="bf16"`, `format="parquet,csv"`, `file_size="64m"`, `force_unlock`,
            `max_pixels`, `truncated="pad"`, …

    Raises:
        UsageError: An option is wrong as it is written.
        OutputError: The output holds other results, or is being written by another run.
        StorageError: Images or results cannot be read or written.
        WeightsError: The weights cannot be had.
    """
    if connection is not None and weights is not None:
        raise UsageError("the connection has weights already: pass weights to connect(), or no connection")
    missing = [name for name, place in (("input", input), ("output", output)) if place is None]
    if missing and config is None:
        raise UsageError(f"run() needs {' and '.join(missing)}, as an argument or in the file of config")
    given: dict[str, object] = {
        "input": None if input is None else os.fspath(input),
        "output": None if output is None else os.fspath(output),
        "components": components,
        "weights": None if weights is None else os.fspath(weights),
        "no_report": not report,
        "lang": lang,
        "max_error_rate": max_error_rate,
        **options,
    }
    shown = reporter(progress)
    try:
        outcome = _native.run(
            None if connection is None else connection._native, given, shown, None if config is None else os.fspath(config)
        )
    finally:
        if isinstance(shown, Stages):
            shown.end()
    finished = Run(outcome["output"], json.loads(outcome["manifest"]), connection, changed=outcome["changed"])
    if outcome["error_rate_exceeded"]:
        counts = finished.counts
        warnings.warn(
            f"{counts['errors']} of {counts['images']} images have no features, more than max_error_rate={outcome['max_error_rate']} allows: "
            "run.errors has the reasons",
            BadImagesWarning,
            stacklevel=2,
        )
    return finished


def open(output: str | os.PathLike[str], *, connection: Connection | None = None) -> Run:
    """Opens the results of a finished run, of Python or of the command, on a disk or in a store.

        >>> run = pomona.open("pomona-demo/results")
        >>> run
        <run pomona-demo/results: 48 images, 48 with features, 0 bad; 10 components>
        >>> run.features.to_numpy("features").shape
        (48, 1280)

    Args:
        output: The folder of the results: a path or a URL `s3://…`.
        connection: Where its relations are computed; this process without it.

    Raises:
        OutputError: There is no finished run.
    """
    location = os.fspath(output)
    manifest = _native.manifest(None if connection is None else connection._native, location)
    return Run(location, json.loads(manifest), connection)


class Run:
    """The results of a finished run: relations over its files, which `manifest.json` names, and its report.

    They are those of this run. When they are removed, or another run has put others in their place, whatever reads them raises an
    `OutputError`, and `pomona.open` opens those that are there.
    """

    def __init__(self, output: str, manifest: dict[str, Any], connection: Connection | None = None, *, changed: bool = False) -> None:
        self.output = output
        """The folder of the results: a path or a URL."""
        self.manifest = manifest
        """`manifest.json`: parameters, versions, the sha256 of the weights, counts, timings, files."""
        self._connection = connection
        self._own: Connection | None = None
        self.changed = changed
        """Whether this call wrote results; it is false where nothing had changed, and for a run that was opened."""

    @property
    def connection(self) -> Connection:
        """Where the relations are computed: what the run was given, or this process."""
        if self._connection is not None:
            return self._connection
        if self._own is None:
            self._own = connect()
        return self._own

    def __getstate__(self) -> dict[str, Any]:
        """What pickle keeps: all but a connection that this object made for itself, and can make again."""
        return {**self.__dict__, "_own": None}

    @property
    def counts(self) -> Mapping[str, int]:
        """How many `images` there are, how many with `features` and how many `errors`, the `components`, and what was `computed`."""
        counts: dict[str, int] = self.manifest["counts"]
        return counts

    @property
    def features(self) -> Relation:
        """A row an image: path, label, length, modification_time, e_tag, width, height, format, color, features ([1280] Float32), error."""
        return self._results("features")

    @property
    def pca(self) -> Relation:
        """A row an image with features: path, label, pca ([components] Float32)."""
        return self._results("pca/parquet")

    @property
    def model(self) -> Relation:
        """One row with the struct model: n_samples, mean [1280], components [components, 1280], explained_variance [1280],
        explained_variance_ratio [1280]."""
        return self._results("model")

    @property
    def moments(self) -> Relation:
        """One row with the struct moments: count, mean, mean_low and comoment, from which the model follows."""
        return self._results("moments")

    @property
    def metadata(self) -> Relation:
        """A row an image: path, label, length (bytes), modification_time, width, height (pixels), format."""
        return self._results("metadata/parquet")

    @property
    def stats(self) -> Relation:
        """A row a label: label, images, bytes, and the least and largest width and height (pixels)."""
        return self._results("stats")

    @property
    def errors(self) -> Relation:
        """A row for each image without features: path, label, error (the reason)."""
        return self._results("errors")

    @property
    def report(self) -> Report:
        """The page of the run.

        Raises:
            OutputError: The run has no report: `write_report` makes one.
        """
        page = _native.read_file(self.connection._native, self.output, _REPORT, self._id)
        return Report(f"{self.output.rstrip('/')}/{_REPORT}", page.decode("utf-8"))

    def write_report(self, lang: Literal["en", "fr"] | None = None) -> Report:
        """Writes the page of the run anew, and returns it: `pomona report`."""
        _native.report(self.connection._native, self.output, lang, self._id)
        return self.report

    def similar(self, image: str | bytes | os.PathLike[str], n: int = 10, *, by: Literal["features", "pca"] = "features") -> Relation:
        """`pomona.similar` in this run."""
        from pomona.lookups import similar

        return similar(image, self, n, by=by)

    def outliers(self, n: int = 20) -> Relation:
        """`pomona.outliers` of this run."""
        from pomona.lookups import outliers

        return outliers(self, n)

    def suspects(self, n: int = 20, *, neighbours: int = 5, by: Literal["features", "pca"] = "pca") -> Relation:
        """`pomona.suspects` of this run."""
        from pomona.lookups import suspects

        return suspects(self, n, neighbours=neighbours, by=by)

    def _results(self, folder: str) -> Relation:
        return Relation(_native.read_results(self.connection._native, self.output, folder, self._id))

    @property
    def _id(self) -> str:
        """The run's identifier, by which it is known from a later one in the same folder."""
        run: str = self.manifest["run"]
        return run

    def _summary(self) -> str:
        counts = self.counts
        return (
            f"{counts['images']:,} images, {counts['features']:,} with features, {counts['errors']:,} bad; "
            f"{counts['components']:,} components"
        )

    def __repr__(self) -> str:
        return f"<run {self.output}: {self._summary()}>"

    def _repr_html_(self) -> str:
        summary = f"<p><b>{escape(self.output)}</b><br>{escape(self._summary())}</p>"
        files: list[dict[str, Any]] = self.manifest["files"]
        if not any(file["path"] == _REPORT for file in files):
            return summary
        return summary + self.report._repr_html_()
