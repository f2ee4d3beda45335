"""`Report`: the page of a finished run, with its charts in a notebook."""

from __future__ import annotations

import re
from html import escape

# The parts of the page that a notebook shows: the charts, and the numbers above them.
_SHOWN = ("summary", "variance", "map-of-images")

# The most characters of what a notebook shows; its file keeps them.
_MOST = 3_000_000


class Report:
    """The report of a run: one page of HTML, whole in itself.

        >>> report = pomona.open("pomona-demo/results").report
        >>> report.path
        'pomona-demo/results/report.html'

    In Jupyter its charts are shown: the variance of the components, and the map of the images. `html` is the whole page, with
    outliers, near duplicates, errors and timings.
    """

    def __init__(self, path: str, html: str) -> None:
        self.path = path
        """Where the page is: a path or a URL."""
        self.html = html
        """The page."""

    def charts(self) -> str:
        """A page of the summary and the charts alone, without the script of the whole and the images that it shows."""
        style = _between(self.html, "<style>", "</style>")
        policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', self.html)
        parts = [section for name in _SHOWN if (section := _section(self.html, name))]
        return (
            f'<!DOCTYPE html><html><head><meta charset="utf-8">{policy.group() if policy else ""}'
            f'<meta name="color-scheme" content="light dark">{style}</head><body><main>{"".join(parts)}</main></body></html>'
        )

    def __repr__(self) -> str:
        return f"<report {self.path}>"

    def _repr_html_(self) -> str:
        page = self.charts()
        link = f"<p>{escape(self.path)}</p>"
        if len(page) > _MOST:
            return link
        # A frame of its own: neither do the page's styles reach the notebook nor the notebook's the page. No script may run in it.
        return f'<iframe sandbox="allow-same-origin" srcdoc="{escape(page)}" style="width:100%;height:900px;border:0" title="report"></iframe>{link}'


def _section(html: str, name: str) -> str:
    section = _between(html, f'<section id="{name}"', "</section>")
    # Text in the page has no `<` of its own.
    return re.sub(r"<script\b.*?</script>", "", section, flags=re.DOTALL)


def _between(html: str, begin: str, end: str) -> str:
    """The text from the first `begin` to the next `end`, both included; nothing where there is none."""
    start = html.find(begin)
    stop = html.find(end, start + len(begin)) if start >= 0 else -1
    return html[start : stop + len(end)] if stop >= 0 else ""
