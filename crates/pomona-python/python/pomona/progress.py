"""The progress of a run: a bar in a notebook, a line on a terminal, nothing elsewhere. What a run warns of goes to the log.

Needs no package: a notebook has IPython.
"""

from __future__ import annotations

import logging
import math
import shutil
import sys
import time
from collections.abc import Callable
from html import escape
from typing import Any, TextIO

# Events as the native module reports them.
Event = dict[str, Any]
Progress = Callable[[Event], object]

logger = logging.getLogger("pomona")

# The seconds between two drawings.
_INTERVAL = 0.2
_CELLS = 30


def reporter(progress: bool | Progress) -> Progress:
    """What a run reports to: the caller's own function, or what fits where this runs."""
    if callable(progress):
        return progress
    if progress and _in_notebook():
        return NotebookBar()
    if progress and sys.stderr is not None and sys.stderr.isatty():
        return TerminalLine(sys.stderr)
    return Messages()


def _in_notebook() -> bool:
    """Whether what is displayed appears in a notebook: IPython runs, in a kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class Messages:
    """What a run has to say besides its progress, to the log `pomona` of Python: warnings are shown without any configuration."""

    def __call__(self, event: Event) -> None:
        if event["event"] == "warned":
            logger.warning("%s", event["message"])
        elif event["event"] == "note":
            logger.info("%s", event["message"])


class Stages(Messages):
    """The stages of a run as it reports them, drawn now and then."""

    def __init__(self) -> None:
        self.images: int | None = None
        self.done: list[tuple[str, float, int]] = []
        self.stage: str | None = None
        self.total = 0
        self.position = 0
        self._began = 0.0
        self._drawn = -math.inf

    def __call__(self, event: Event) -> None:
        kind = event["event"]
        if kind in ("warned", "note"):
            self.clear()
            super().__call__(event)
        elif kind == "found":
            self.images = event["images"]
        elif kind == "started":
            self.stage, self.total, self.position = event["stage"], event["images"], 0
            self._began = time.monotonic()
        elif kind == "advanced":
            # As a cluster counts whole tasks, a task that is repeated counts twice.
            self.position = min(max(self.position, event["images"]), max(self.total, self.position))
        elif kind == "finished":
            self.done.append((event["stage"], event["seconds"], event["images"]))
            if self.stage == event["stage"]:
                self.stage = None
        now = time.monotonic()
        if kind != "advanced" or now - self._drawn >= _INTERVAL:
            self._drawn = now
            self.draw()

    def share(self) -> float:
        """How much of the stage is done, from 0 to 1."""
        return self.position / self.total if self.total > 0 else 0.0

    def pace(self) -> str:
        """Images a second, and the time left; nothing before the first image."""
        seconds = time.monotonic() - self._began
        if self.position <= 0 or seconds <= 0:
            return ""
        rate = self.position / seconds
        return f"{rate:.0f} images/s, {clock((self.total - self.position) / rate)} left"

    def draw(self) -> None:
        """Shows the stages as they are now."""
        raise NotImplementedError

    def clear(self) -> None:
        """Makes room for a line of the log."""

    def end(self) -> None:
        """Draws for the last time: the run is over, done or not."""


class TerminalLine(Stages):
    """One line of a terminal, which is written again and again."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._is_open = False

    def draw(self) -> None:
        if self.stage is None:
            return
        full = round(self.share() * _CELLS)
        line = f"{self.stage:<14}{'━' * full}{'─' * (_CELLS - full)} {self.position:>7}/{self.total} {self.pace()}"
        width = shutil.get_terminal_size().columns - 1
        self._write(f"\r\x1b[K{line[:width]}")
        self._is_open = True

    def clear(self) -> None:
        if self._is_open:
            self._write("\r\x1b[K")
            self._is_open = False

    def end(self) -> None:
        self.clear()

    def _write(self, text: str) -> None:
        # A terminal that cannot show the bar, or is gone, ends no run.
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass


class NotebookBar(Stages):
    """An output of a notebook that is replaced: the stage in progress, and the time of those that are done."""

    def __init__(self) -> None:
        super().__init__()
        from IPython.display import display

        self._display: Any = display
        self._handle: Any = None
        self._is_over = False

    def draw(self) -> None:
        if self._handle is None:
            self._handle = self._display(self, display_id=True)
        else:
            self._handle.update(self)

    def end(self) -> None:
        self._is_over = True
        if self._handle is not None:
            self.draw()

    def __repr__(self) -> str:
        done = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds, _ in self.done)
        if self.stage is None or self._is_over:
            return done
        return f"{done}{', ' if done else ''}{self.stage} {self.position}/{self.total}"

    def _repr_html_(self) -> str:
        done = " · ".join(f"{escape(stage)} {seconds:.2f} s" for stage, seconds, _ in self.done)
        lines = [f'<div style="opacity:.65;font-size:12px">{done}</div>'] if done else []
        if self.stage is not None and not self._is_over:
            lines.insert(
                0,
                f'<div>{escape(self.stage)} <progress value="{self.share():.4f}" max="1" style="width:300px;vertical-align:middle"></progress> '
                f"{self.position:,}/{self.total:,} {self.pace()}</div>",
            )
        return "".join(lines)


def clock(seconds: float) -> str:
    """A time as people read it.

        >>> clock(61.2), clock(3723)
        ('1:02', '1:02:03')
    """
    whole = math.ceil(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
