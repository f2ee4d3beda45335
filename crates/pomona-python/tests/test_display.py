"""What people see: thumbnails, curves and fields in a notebook, the table of `pomona sql` in a terminal."""

import base64
import html.parser
import io
import re

import numpy
import pytest
from conftest import command
from PIL import Image

import pomona
from pomona.cells import cell
from pomona.display import MOST

VOID = {"br", "hr", "img", "input", "link", "meta"}


class Page(html.parser.HTMLParser):
    """The elements and the text of HTML; it fails where elements are not closed in their order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def thumbnails(page):
    """The images of a page, decoded."""
    return [Image.open(io.BytesIO(base64.b64decode(one["src"].removeprefix("data:image/jpeg;base64,")))) for one in page.all("img")]


def test_a_terminal_shows_what_the_command_prints(con):
    query = "SELECT label, count(*) AS images FROM images GROUP BY label ORDER BY label"
    printed = command("sql", "-q", "-c", query.replace("images GROUP", "'pomona-demo/images/' GROUP")).stdout
    assert repr(con.sql(query)) == printed.rstrip("\n") and printed.count("\n") == 12


def test_a_terminal_shows_the_first_rows_alone(con):
    text = repr(con.sql("SELECT value FROM generate_series(1, 1000000000000000)"))
    assert "| 40 " in text and "| 41 " not in text


def test_a_terminal_shows_images_and_vectors_in_a_line(con):
    lines = repr(con.sql("SELECT path, content, mobilenet_v2(content) AS features FROM images")).splitlines()
    rows = [line for line in lines if ".jpg" in line]
    assert len(rows) == 40 and all(re.search(r"\| [\d,]+ bytes +\| \[[-\d.e, ]+…", row) for row in rows)
    assert max(map(len, lines)) < 400


def test_images_are_thumbnails(con):
    relation = con.sql("SELECT path, content FROM images ORDER BY path LIMIT 3")
    page = Page(relation._repr_html_())
    small = thumbnails(page)
    assert [image.size for image in small] == [(72, 72)] * 3 and len(page.all("tr")) == 4
    assert all(one["alt"].startswith("an image of ") for one in page.all("img"))
    # The thumbnail shows its image.
    whole = Image.open("pomona-demo/images/Apple Green/0.jpg").convert("RGB").resize((72, 72), Image.Resampling.BICUBIC)
    difference = numpy.abs(numpy.asarray(whole, float) - numpy.asarray(small[0].convert("RGB"), float))
    assert difference.mean() < 8
    [large] = thumbnails(Page(con.sql("SELECT content FROM images LIMIT 1").to_html(thumbnail=20)))
    assert large.size == (20, 20)


def test_bytes_that_are_no_image_are_said(con):
    page = Page(con.sql("SELECT X'3c7363726970743e' AS raw, X'' AS nothing, NULL AS missing")._repr_html_())
    assert page.all("img") == [] and "8 bytes" in page.text and "0 bytes" in page.text and "NULL" in page.text


def test_a_vector_is_a_curve(con):
    page = Page(con.sql("SELECT mobilenet_v2(content) AS features FROM images LIMIT 2")._repr_html_())
    paths = page.all("path")
    assert len(page.all("svg")) == 2 and "1,280" in page.text and re.fullmatch(r"(M|L|V|[-\d.,])+", paths[0]["d"])
    rising = cell([float(n) for n in range(100)], 72)
    heights = [float(y) for y in re.findall(r"[ML][\d.]+,([\d.]+)", rising)]
    assert len(heights) == 100 and heights == sorted(heights, reverse=True) and heights[0] == 27 and heights[-1] == 1
    assert "0 to 99" in rising and "49.5 on average" in rising


@pytest.mark.parametrize("values", [
    [float("nan")] * 20, [None] * 20, [float("inf"), -float("inf")] * 10, [1e308, -1e308] * 1000, [7.0] * 20, [5e-324] * 20,
])
def test_a_vector_of_odd_numbers_is_shown(values):
    assert not re.search("nan|inf", " ".join(one["d"] for one in Page(cell(values, 72)).all("path")))


def test_a_struct_is_readable(con):
    page = Page(con.sql("SELECT image_info(content) AS info, classify_image(content, 2) AS classes FROM images LIMIT 1")._repr_html_())
    assert [dict_ for dict_ in page.all("dt")] and "format" in page.text and "JPEG" in page.text and "width" in page.text
    assert page.text.count("score") == 2
    model = pomona.open("pomona-demo/results").model
    page = Page(model._repr_html_())
    assert "n_samples" in page.text and "48" in page.text and "10 rows" in page.text and len(page.all("svg")) >= 3


def test_names_and_values_are_escaped(con):
    hostile = "<script>alert('1')</script>&\"'<img src=x onerror=alert(1)>"
    relation = con.sql(
        f"""SELECT $1 AS "<b>{hostile.replace('"', '')}", named_struct('<i>&', $1) AS s, [$1, $1] AS l, [named_struct('a', $1)] AS d""",
        [hostile],
    )
    page = Page(relation._repr_html_())
    assert page.all("script") == page.all("img") == page.all("b") == page.all("i") == []
    assert page.text.count("alert('1')") >= 4


def test_what_a_notebook_keeps_has_bounds(con):
    long = con.sql("SELECT repeat('<&', 100000) AS text FROM images").to_html()
    assert len(long) < 100_000 and "200,000 characters" in long
    wide = con.sql("SELECT " + ", ".join(f"[{', '.join(['0.25'] * 200)}] AS v{n}" for n in range(150)) + " FROM images").to_html(1000)
    assert len(wide) < 1.2 * MOST and "the first" in wide
    nested = cell({"a": {"b": {"c": {"d": {"e": 1}}}}, **{str(n): n for n in range(100)}}, 72)
    assert "101 fields" in nested and len(nested) < 2000
    page = Page(con.sql("SELECT value FROM generate_series(1, 1000000000000000)")._repr_html_())
    assert len(page.all("tr")) == 21 and "the first 20 rows of more" in page.text
    assert "48 rows" in con.sql("SELECT label FROM images").to_html(max_rows=48)
    assert "1 row<" in con.sql("SELECT 1").to_html() and "0 rows" in con.sql("SELECT 1 AS n WHERE false").to_html()


def test_a_notebook_runs_the_query_once(con):
    bundle = con.sql("SELECT random() AS x")._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    [shown] = re.findall(r'<td class="number">([\d.e-]+)</td>', bundle["text/html"])
    [printed] = re.findall(r"\| (0\.\d+|\d[\d.e-]+) +\|", bundle["text/plain"])
    assert float(shown) == pytest.approx(float(printed), rel=1e-5)


def test_show_prints(con, capsys):
    con.sql("SELECT 1 AS one").show()
    assert capsys.readouterr().out == "+-----+\n| one |\n+-----+\n| 1   |\n+-----+\n"
