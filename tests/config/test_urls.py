"""What is wrong with a URL, before anything is opened."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.config.urls import url_problem, without_secrets
from pali3kit.errors import ConfigError

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "pretrain_siglip.yaml"


@pytest.mark.parametrize("url", ["https://lab.org/{000..127}.tar", "memory://x/*.tar", "s3://lab/0?.tar", "file:///x"])
def test_what_can_be_opened(url: str) -> None:
    assert url_problem(url) == ""


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("htp://lab.org/x", "unknown protocol 'htp' of 'htp://lab.org/x'. Did you mean 'http'?"),
        ("https://me:secret@lab.org/x", "'https://lab.org/x' has a user name or credentials: leave it out, as reports"),
        ("https://lab.org/x?Signature=secret", "'https://lab.org/x' has a query, which may hold credentials: leave it"),
        (
            "zip://a.csv::https://lab.org/x.zip?secret",
            "'zip://a.csv::https://lab.org/x.zip' has a query, which may hold",
        ),
        ("simplecache::https://lab.org/x?secret", "'simplecache::https://lab.org/x' has a query, which may hold cred"),
        ("s3://lab/../other", "'s3://lab/../other' leads out of its folder: write it without '..'."),
    ],
)
def test_what_is_wrong(url: str, problem: str) -> None:
    assert url_problem(url).startswith(problem) and "secret" not in url_problem(url)


@pytest.mark.parametrize(("url", "package", "extra"), [("s3://lab/x", "s3fs", "s3"), ("gs://lab/x", "gcsfs", "gs")])
def test_a_missing_package_names_the_extra(url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert url_problem(url) == f"'{url}' cannot be opened without {package}: pip install 'pali3kit[{extra}]'."


def test_texts_lose_what_their_urls_hold_of_credentials() -> None:
    text = "403, url='https://a:b@lab.org/x.tar?X-Amz-Signature=1&y=2', and s3://k:s@lab/y"
    assert without_secrets(text) == "403, url='https://lab.org/x.tar', and s3://lab/y"
    assert without_secrets("what? s3://lab/0.tar: is it?") == "what? s3://lab/0.tar: is it?"


def test_an_experiment_is_checked_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked for, and what is wrong is told at once."""
    monkeypatch.setattr("pali3kit.storage.systems.attempt", None)
    source = "{name: records, path: 'https://lab.invalid/a.jsonl', test: 's3://lab/b.jsonl'}"
    pairs = "{name: pairs, path: 'https://lab.invalid/{000..127}.tar', window: 16}"
    words = ["scale=smoke", "evaluate=[coco]", f"data.source={source}", f"stages.vision.source={pairs}"]
    assert load(EXPERIMENT, words).data.source.name == "records"
    with pytest.raises(ConfigError, match=r"stages\.vision\.source\.path: unknown protocol 'htps'"):
        load(EXPERIMENT, [*words[:3], f"stages.vision.source={pairs.replace('https', 'htps')}"])
