"""The chart of the leaderboard: points where their numbers are, fronts, numbers that do not overlap."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from made_boards import board

from pali3kit.report.leaderboard import Leaderboard
from pali3kit.report.leaderboard_chart import _log_ticks, _overlap, leaderboard_chart


def groups(chart):
    return re.findall(r'<g transform="translate\(\d+ \d+\)">.*?(?=<g transform="translate|</svg>)', str(chart))


def test_a_panel_for_each_cost_and_one_for_the_measures():
    found = groups(leaderboard_chart(board()))
    assert [re.findall('class="name"[^>]*>([^<]*)', panel) for panel in found] == [
        ["Worth against parameters"], ["Worth against FLOPs"], ["Worth against throughput"],
        ["Rank correlation with the worth"],
    ]  # fmt: skip


def points(panel):
    """Style, x and y by label."""
    pattern = r'<g class="(s0|shared)"><circle cx="([\d.]+)" cy="([\d.]+)" r="4"><title>([^:<]*):'
    return {label: (style, float(x), float(y)) for style, x, y, label in re.findall(pattern, panel)}


def test_points_are_where_their_numbers_are():
    flops = points(groups(leaderboard_chart(board()))[1])
    assert {label: style for label, (style, _, _) in flops.items()} == {
        "large": "s0", "small": "s0", "equal to small": "shared", "wasteful": "shared", "untrained": "shared",
    }  # fmt: skip
    left, middle, right = flops["small"][1], flops["large"][1], flops["wasteful"][1]
    assert (middle - left) / (right - left) == pytest.approx(
        2 / 3, abs=1e-3
    )  # 1,000, 4,000 and 8,000 on a logarithmic scale
    best, small, untrained = (flops[name][2] for name in ("large", "small", "untrained"))
    assert round((untrained - small) / (untrained - best), 2) == 0.64  # 37.5, 77.5 and 100


def test_the_front_of_throughput_goes_from_the_fastest_to_the_best():
    panel = groups(leaderboard_chart(board()))[2]
    path = re.search(r'class="curve" d="M([\d.]+) [\d.]+H([\d.]+)V[\d.]+H([\d.]+)V', panel)
    found = points(panel)
    assert path and [float(x) for x in path.groups()] == [found[n][1] for n in ("untrained", "small", "large")]


def test_numbers_beside_points_keep_apart():
    texts = re.findall(r'<text class="tick" x="([\d.]+)" y="([\d.]+)" text-anchor="middle">(\d)</text>',
                       groups(leaderboard_chart(board()))[0])  # fmt: skip
    boxes = [(float(x) - 3.5, float(y) - 9.5, float(x) + 3.5, float(y) + 1.5) for x, y, _ in texts]
    assert sorted(place for *_, place in texts) == ["1", "2", "2", "4", "5"]
    assert not any(_overlap(one, two) for i, one in enumerate(boxes) for two in boxes[:i])


def test_intervals_are_drawn_from_minus_one_to_one():
    panel = groups(leaderboard_chart(board()))[3]
    [(low, high)] = re.findall(r'class="whisker" d="M([\d.]+) [\d.]+H([\d.]+)"', panel)
    [x] = re.findall(r'<circle cx="([\d.]+)"', panel)
    assert 40 <= float(low) < float(x) < float(high) <= 354
    assert "Probe (8 embedded tasks), n 5" in panel


def test_ticks_of_a_logarithmic_scale():
    assert _log_ticks(1, 1000) == [1, 10, 100, 1000]
    assert _log_ticks(3, 60) == [5, 10, 20, 50]
    assert _log_ticks(1.3, 1.4) == [1.3, 1.4]
    assert _log_ticks(7, 7) == [7]


def test_without_a_worth_there_is_no_chart():
    assert leaderboard_chart(Leaderboard((), board().costs, (), ())) == ""


def test_labels_are_escaped():
    found = board()
    entry = found.entries[0]
    evil = replace(found, entries=(replace(entry, row=replace(entry.row, label="<b>x")), *found.entries[1:]))
    assert "<b>x" not in leaderboard_chart(evil) and "&lt;b&gt;x" in leaderboard_chart(evil)
