"""One value as HTML: an image as a thumbnail, a vector as a curve, a struct as its fields. Everything else as escaped text."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from pomona import _native

# Characters of a text, fields of a struct and values of a list that a cell shows.
_TEXT = 240
_FIELDS = 16
_VALUES = 8

# How deep values in values are shown.
_DEPTH = 3

# The size of a curve in pixels, and how many of its points are drawn.
_WIDTH, _HEIGHT, _POINTS = 160, 28, 160


def cell(value: object, thumbnail: int, depth: int = 0) -> str:
    """A value of a result as HTML."""
    for kind, written in _WRITERS:
        if isinstance(value, kind):
            return written(value, thumbnail, depth)
    return _text(value)


def _null(value: object, thumbnail: int, depth: int) -> str:
    return '<span class="null">NULL</span>'


def _text(value: object) -> str:
    text = str(value)
    if len(text) <= _TEXT:
        return escape(text)
    return f'<span title="{len(text):,} characters">{escape(text[:_TEXT])}…</span>'


def _float(value: float, thumbnail: int, depth: int) -> str:
    return escape(f"{value:.6g}")


def _bytes(value: bytes, thumbnail: int, depth: int) -> str:
    made = _native.thumbnail(value, thumbnail)
    if made is None:
        digits = value[:8].hex(" ")
        return f'<span class="null">{len(value):,} bytes</span> <code>{digits}{"…" if len(value) > 8 else ""}</code>'
    jpeg, width, height = made
    url = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
    said = f"an image of {len(value):,} bytes"
    return f'<img src="{url}" width="{width}" height="{height}" alt="{said}" title="{said}">'


def _list(value: Sequence[Any], thumbnail: int, depth: int) -> str:
    if len(value) > _VALUES and all(isinstance(one, (int, float)) or one is None for one in value):
        return _vector(value)
    if depth >= _DEPTH:
        return f"{len(value):,} values"
    if value and all(isinstance(one, (list, tuple)) for one in value):
        # A matrix: its first rows stand for the others.
        shown = [cell(one, thumbnail, depth + 1) for one in value[:2]]
        return f'<div class="size">{len(value):,} rows</div>' + "".join(f"<div>{one}</div>" for one in shown)
    shown = [cell(one, thumbnail, depth + 1) for one in value[:_VALUES]]
    rest = [f"… {len(value):,} values"] if len(value) > _VALUES else []
    if any(isinstance(one, Mapping) for one in value[:_VALUES]):
        return "".join(f"<div>{one}</div>" for one in shown + rest)
    return f"[{', '.join(shown + rest)}]"


def _struct(value: Mapping[str, Any], thumbnail: int, depth: int) -> str:
    if depth >= _DEPTH:
        return f"{len(value):,} fields"
    fields = list(value.items())
    shown = [f"<dt>{escape(str(name))}</dt><dd>{cell(one, thumbnail, depth + 1)}</dd>" for name, one in fields[:_FIELDS]]
    if len(fields) > _FIELDS:
        shown.append(f"<dt>…</dt><dd>{len(fields):,} fields</dd>")
    return f"<dl>{''.join(shown)}</dl>"


def _vector(values: Sequence[float | None]) -> str:
    """A curve of a vector: for each of its columns of pixels the smallest and the largest value there."""
    numbers = [math.nan if value is None else float(value) for value in values]
    finite = [number for number in numbers if math.isfinite(number)]
    if not finite:
        return f"{len(values):,} values, none of them a number"
    low, high = min(finite), max(finite)
    # Divided one by one, because a sum of large numbers can be infinite.
    mean = sum(number / len(finite) for number in finite)
    said = f"{len(values):,} values from {low:.4g} to {high:.4g}, {mean:.4g} on average"
    path = "".join(_segments(numbers, low, high))
    return (
        f'<svg role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"><title>{said}</title>'
        f'<path d="{path}" fill="none" stroke="#0b7abf" stroke-width="1"/></svg><div class="size">{len(values):,}</div>'
    )


def _segments(numbers: Sequence[float], low: float, high: float) -> list[str]:
    """The parts of the path. What is not finite is a gap."""
    # Halves, because the difference of two numbers can be infinite.
    spread = high / 2 - low / 2

    def y(number: float) -> float:
        share = (number / 2 - low / 2) / spread if spread > 0 else 0.5
        return 1 + (1 - share) * (_HEIGHT - 2)

    parts = []
    count = min(len(numbers), _POINTS)
    is_drawing = False
    for point in range(count):
        group = numbers[point * len(numbers) // count : (point + 1) * len(numbers) // count]
        finite = [number for number in group if math.isfinite(number)]
        if not finite:
            is_drawing = False
            continue
        x = (point + 0.5) * _WIDTH / count
        parts.append(f"{'L' if is_drawing else 'M'}{x:.1f},{y(min(finite)):.1f}")
        if len(group) > 1:
            parts.append(f"V{y(max(finite)):.1f}")
        is_drawing = True
    return parts


_Writer = Callable[[Any, int, int], str]

# A bool is an int for Python, and is written as text like one.
_WRITERS: list[tuple[type | tuple[type, ...], _Writer]] = [
    (type(None), _null),
    (float, _float),
    ((bytes, bytearray, memoryview), lambda value, thumbnail, depth: _bytes(bytes(value), thumbnail, depth)),
    (Mapping, _struct),
    ((list, tuple), _list),
]
