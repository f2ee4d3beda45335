"""Whole numbers as arguments, with errors that name them."""

from __future__ import annotations

import operator
from typing import Any

from pomona.errors import UsageError

# What the engine counts to.
MOST = 2**63 - 1


def whole(name: str, value: Any, least: int = 0, most: int = MOST) -> int:
    """A whole number, of Python or of NumPy, from `least` to `most`.

        >>> whole("n", 3)
        3
        >>> whole("n", -3)
        Traceback (most recent call last):
        pomona.UsageError: n is a whole number from 0, and not -3

    Raises:
        UsageError: It is none, or out of these bounds; the message has its name.
    """
    try:
        # A bool is an int of Python, and none that anybody means.
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        bounds = f"from {least}" if most == MOST else f"from {least} to {most}"
        shown = repr(value)
        raise UsageError(f"{name} is a whole number {bounds}, and not {shown if len(shown) <= 80 else shown[:79] + '…'}")
    return number
