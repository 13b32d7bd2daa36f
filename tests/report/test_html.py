"""The page: complete, self-contained, well formed, and safe against what models write."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from made_tables import cell, table
from made_tables import report as made_report

from pali3kit.report.html import _breakable, page

VOID = {"meta", "br", "wbr", "img", "input", "hr", "link"}


class Balance(HTMLParser):
    """Fails on tags that are closed in the wrong order; counts those that are seen."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.ids = [], set(), []

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.add(tag)
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def html(full, report):
    return page(report, full.timings())


def test_tags_are_balanced_and_ids_unique(html):
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids)) == 4


def test_nothing_is_requested_and_nothing_runs(html):
    parser = Balance()
    parser.feed(html)
    assert not parser.seen & {"script", "link", "iframe", "object", "img", "form"}
    assert "default-src 'none'" in html
    assert not re.search(r"https?://|url\(|@import|\son\w+=", html)
    assert set(re.findall(r'href="(data:image/png|#)', html)) == {"data:image/png", "#"}
    assert len(re.findall(r"href=", html)) == len(re.findall(r'href="(?:data:image/png;base64,|#image-)', html))


def test_all_sections_are_there(html):
    assert re.findall(r"<h2>(.*?)</h2>", html) == [
        "After transfer",
        "Notes",
        "Differences to the baseline",
        "Learning curves",
        "Examples",
        "Further numbers",
        "Cost",
        "The paper's numbers",
        "How it was run",
    ]


def test_titles_may_be_broken_after_a_slash_and_nowhere_else(html):
    titles = re.findall(r'<th scope="col">(.*?)<span class="metric">(.*?)</span>', html)
    assert titles[1] == ("doodles/<wbr>coco", "CIDEr × 100")
    assert _breakable("<b>/x") == "&lt;b&gt;/<wbr>x"


def test_the_dagger_stands_beside_every_number_of_the_paper_and_is_explained(html):
    rows = re.findall(r'<tr class="paper.*?</tr>', html, re.DOTALL)
    assert len(rows) == 2
    for row in rows:
        assert all(cell.endswith("†") for cell in re.findall(r"<td>(.*?)</td>", row))
    assert "† recalled, not verified against the paper" in html


def test_failures_are_told_at_the_top_and_in_the_cell(html):
    assert '<p class="alarm">1 of ' in html
    assert '<td class="failed">failed</td>' in html


def test_costs_and_versions_are_shown(html):
    assert "12.5 s" in html
    assert re.search(r"Versions: .*torch \d", html)


def test_names_and_reasons_are_escaped(made_up, add_benchmark):
    add_benchmark("<i>column")
    report = made_up(["<i>column"], name="<b>run</b>", failed=lambda step: step.kind == "evaluate").report()
    html = page(report, {"seconds": 0.0, "stages": []}, {})
    assert "<b>run" not in html and "<i>column" not in html and "&lt;i&gt;column" in html
    assert "&lt;b&gt;run&lt;/b&gt;" in html


def test_a_run_in_which_everything_failed_still_has_a_page(made_up):
    report = made_up(failed=lambda step: not step.parents).report()
    html = page(report, {"stages": [], "seconds": 0.0}, {})
    assert html.count('<td class="failed">failed</td>') == 8
    assert "Learning curves" not in html


def test_columns_along_an_axis_and_what_the_encoder_alone_predicts_are_on_the_page():
    grid = {"pretrain": ["siglip"], "stages.vision.examples": [10, 20, 40, 80, 160]}
    along = table(grid, ["probe", "coco"], lambda point, _: cell(float(point["stages.vision.examples"])))
    html = page(made_report(along), {"seconds": 0.0, "stages": []}, {})
    parser = Balance()
    parser.feed(html)
    assert parser.open == [] and "vision examples (log scale)" in html
    titles = ["After transfer, along the grid", "What the encoder alone predicts"]
    assert [html.count(f">{title}</h") for title in titles] == [1, 1]
    assert "<td>1.00 [1.00, 1.00], n 5</td>" in html


def test_without_a_numeric_axis_the_page_has_no_such_section(html):
    assert "along the grid" not in html and "What the encoder alone predicts" not in html
