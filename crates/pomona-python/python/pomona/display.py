"""Rows as a table of HTML, for notebooks. It holds its own style and no script, and refers to nothing outside itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from pomona.cells import cell

# The most characters of a table: a notebook keeps them in its file.
MOST = 2_000_000

# Colours follow those of the notebook, light or dark.
STYLE = """<style>
.pomona table { border-collapse: collapse; font-size: 13px; }
.pomona th, .pomona td { padding: 4px 10px; text-align: left; vertical-align: middle; border-bottom: 1px solid rgba(127,127,127,.25); }
.pomona th { vertical-align: bottom; }
.pomona th span, .pomona .size, .pomona .null, .pomona p { opacity: .65; font-weight: normal; font-size: 11px; }
.pomona td.number { text-align: right; font-variant-numeric: tabular-nums; }
.pomona img { background: #fff; display: block; max-width: none; }
.pomona dl { display: grid; grid-template-columns: max-content auto; gap: 1px 8px; margin: 0; align-items: center; }
.pomona dt { opacity: .65; font-weight: normal; margin: 0; }
.pomona dd { margin: 0; }
.pomona div { white-space: nowrap; }
</style>"""


def table(columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]], has_more: bool, thumbnail: int) -> str:
    """A table of these rows.

    Args:
        columns: The names of the columns.
        types: Their types.
        rows: The values, row by row.
        has_more: Whether the result has rows that are not here.
        thumbnail: The longer side of an image in pixels.
    """
    is_number = [kind.startswith(("Int", "UInt", "Float", "Decimal")) for kind in types]
    head = "".join(f"<th>{escape(name)}<br><span>{escape(short(kind))}</span></th>" for name, kind in zip(columns, types))
    parts: list[str] = []
    written = 0
    for row in rows:
        cells = "".join(
            f'<td class="number">{cell(value, thumbnail)}</td>' if number else f"<td>{cell(value, thumbnail)}</td>"
            for value, number in zip(row, is_number)
        )
        written += len(cells)
        # At least one row, however wide it is.
        if written > MOST and parts:
            has_more = True
            break
        parts.append(f"<tr>{cells}</tr>")
    return (
        f'<div class="pomona">{STYLE}<table><thead><tr>{head}</tr></thead><tbody>{"".join(parts)}</tbody></table>'
        f"<p>{_below(len(parts), has_more)}</p></div>"
    )


def short(kind: str) -> str:
    """A type, without the fields of a struct: they stand in the cells.

        >>> short("Struct(format Utf8, width Int32)")
        'Struct'
        >>> short("List(Float32)")
        'List(Float32)'
    """
    return kind if len(kind) <= 24 else kind.partition("(")[0].partition("<")[0]


def _below(rows: int, has_more: bool) -> str:
    if has_more:
        shown = "the first row" if rows == 1 else f"the first {rows:,} rows"
        return f"{shown} of more; to_html(max_rows) shows others, to_pandas() has all"
    return "1 row" if rows == 1 else f"{rows:,} rows"
