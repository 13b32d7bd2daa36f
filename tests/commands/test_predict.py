from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pali3kit.commands import predict
from pali3kit.commands.command import UsageError
from pali3kit.commands.predict import Predictions
from pali3kit.errors import DataError


class FakePaLI:
    """Answers with what it was asked; fails for a batch with an image that is not there, as a `PaLI` does."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def _answers(self, images: Sequence[Any], texts: Sequence[str], how: str) -> list[str]:
        self.batches.append(len(texts))
        for number, each in enumerate(images):
            for path in each if isinstance(each, tuple) else [each]:
                if not path.exists():
                    raise DataError(f"images[{number}]: {path}: No such file or directory")
        return [f"{how} {text}" for text in texts]

    def ask(self, images: Any, texts: Any, *, language: str, checkpoint: str | None) -> list[str]:
        return self._answers(images, texts, f"{checkpoint} {language}")

    def caption(self, images: Any, *, language: str, checkpoint: str | None) -> list[str]:
        return self._answers(images, ["caption"] * len(images), language)

    def generate(self, images: Any, texts: Any, *, checkpoint: str) -> list[str]:
        return self._answers(images, texts, checkpoint)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lines of every kind; images lie beside their file, not in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for name in ("a.png", "ü.png"):
        Path("data", name).touch()
    lines: list[Any] = [
        {"image": "a.png", "question": "how many?", "id": 7, "prediction": "of another model"},
        {"image": "ü.png", "task": "caption", "language": "de"},
        {"images": ["a.png", "ü.png"], "prompt": "which?"},
        {"image": "a.png", "question": "\ud83d"},
        {"image": "gone.png", "question": "what?"},
        {"image": "a.png", "question": "where?"},
        {"image": "a.png", "prompt": "x", "question": "y"},
        {"imag": "a.png", "prompt": "x"},
        {"image": "a.png", "task": "segment"},
        [1],
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path = Path("data/in.jsonl")
    path.write_text(text.replace("[1]\n", "\n[1]\nnot JSON\n"))
    return path


ERRORS = {
    5: "data/in.jsonl:5: data/gone.png: No such file or directory",
    7: "data/in.jsonl:7: a line needs one of 'prompt', 'question' and 'task': it has prompt and question.",
    8: "data/in.jsonl:8: no field 'image'. Did you mean 'imag'?",
    9: "data/in.jsonl:9: 'task' can be 'caption' alone, not 'segment': ask by 'question' or 'prompt'.",
    10: "data/in.jsonl:11: this should be a mapping, not a list.",
    11: "data/in.jsonl:12: no JSON: Expecting value: line 1 column 1 (char 0)",
}


def made(source: Path, out: Path, checkpoint: str | None = "c") -> Predictions:
    predictions = Predictions(source, out, "m")
    predictions.make(FakePaLI(), checkpoint)  # type: ignore[arg-type]
    return predictions


def test_every_line_is_answered_or_says_why_not(source: Path) -> None:
    predictions = made(source, Path("out.jsonl"))
    rows = [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == {
        "image": "a.png", "question": "how many?", "id": 7, "prediction": "c en how many?", "model": "m",
    }  # fmt: skip
    assert [row.get("prediction") for row in rows[1:6]] == ["de caption", "c which?", "c en ?", None, "c en where?"]
    assert {number: row["error"] for number, row in enumerate(rows, 1) if "error" in row} == ERRORS
    assert rows[-1] == {"line": 12, "error": ERRORS[11], "model": "m"}
    assert (
        predictions.summary().splitlines()[-1]
        == "out.jsonl: 5 of 11 lines answered, 6 with an error, which the same command asks again."
    )
    assert predictions.failures == list(ERRORS.values())


@pytest.mark.parametrize("cut", [0, 1, 200, 333, -1])
def test_a_killed_one_continues(source: Path, cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line at the end is dropped; the file is that of one which was never killed."""
    monkeypatch.setattr(predict, "_WINDOW", 2)
    whole, part = Path("whole.jsonl"), Path("part.jsonl")
    made(source, whole)
    part.write_bytes(whole.read_bytes()[:cut])
    resumed = Predictions(source, part, "m")
    assert resumed.done == part.read_bytes().count(b"\n") and not part.read_bytes()[:cut].endswith(b'"')
    made(source, part)
    assert part.read_bytes() == whole.read_bytes()
    again = Predictions(source, part, "m")
    assert (again.done, again.total, again.failures) == (11, 11, list(ERRORS.values()))


def test_an_unreadable_image_costs_few_batches(source: Path) -> None:
    lines = [{"image": "a.png" if number != 37 else "gone.png", "prompt": str(number)} for number in range(128)]
    source.write_text("\n".join(map(json.dumps, lines)))
    pali = FakePaLI()
    Predictions(source, Path("out.jsonl"), "m").make(pali, None)  # type: ignore[arg-type]
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [row.get("prediction") for row in rows] == [f"multimodal {n}" if n != 37 else None for n in range(128)]
    assert len(pali.batches) == 15  # 128, then two halves at each of seven levels


def test_lines_with_errors_are_asked_again(source: Path) -> None:
    """Once its image is there, or the line is another; the others stay as they are."""
    out = Path("out.jsonl")
    made(source, out)
    before = out.read_bytes().splitlines()
    out.chmod(0o600)
    Path(f"out.jsonl.{platform.node()}.{2**31}.partial").touch()  # of a process that was killed
    assert Predictions(source, out, "m").left == 1, (
        "an image may be there now; a line that asks nothing does not change"
    )
    Path("data/gone.png").touch()
    source.write_text(source.read_text().replace("not JSON", '{"image": "a.png", "prompt": "new"}'))
    again = Predictions(source, out, "m")
    assert (again.done, again.left, len(again.failures)) == (11, 2, 6)
    again.make(pali := FakePaLI(), "c")  # type: ignore[arg-type]
    assert sum(pali.batches) == 2 and (again.left, len(again.failures)) == (0, 4)
    after = out.read_bytes().splitlines()
    changed = {
        number: json.loads(new) for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new
    }
    assert {number: row["prediction"] for number, row in changed.items()} == {4: "c en what?", 10: "c new"}
    assert Predictions(source, out, "m").failures == again.failures
    assert sorted(path.name for path in Path().iterdir()) == ["data", "out.jsonl"]
    assert out.stat().st_mode & 0o777 == 0o600, "only its owner may still read it"


def test_what_was_answered_again_is_kept_when_it_is_interrupted(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [{"image": "gone.png", "prompt": str(number)} for number in range(4)]
    source.write_text("\n".join(map(json.dumps, lines)))
    out = Path("out.jsonl")
    made(source, out)
    Path("data/gone.png").touch()
    monkeypatch.setattr(predict, "_WINDOW", 1)
    clock = iter([0.0, 0.0, 0.0, 0.0, 100.0, *[1.0] * 20])
    monkeypatch.setattr(predict, "monotonic", lambda: next(clock))
    pali, asked = FakePaLI(), list[str]()

    def generate(images: Any, texts: Any, *, checkpoint: str) -> list[str]:
        asked.extend(texts)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return pali._answers(images, texts, checkpoint)

    monkeypatch.setattr(pali, "generate", generate)
    with pytest.raises(KeyboardInterrupt):
        Predictions(source, out, "m").make(pali, "c")  # type: ignore[arg-type]
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row.get("prediction") for row in rows] == ["c 0", "c 1", None, None]
    assert Predictions(source, out, "m").left == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("data/in.jsonl", "how many?", "how much?"), r"out\.jsonl:1 answers no such line of data/in\.jsonl: choose"),
        (("out.jsonl", '"model": "m"', '"model": "n"'), r"out\.jsonl:1 is an answer of n, not of m: choose another"),
    ],
)
def test_answers_to_other_lines_or_of_another_model_are_not_continued(
    source: Path, change: tuple[str, str, str], told: str
) -> None:
    made(source, Path("out.jsonl"))
    file, old, new = change
    Path(file).write_text(Path(file).read_text().replace(old, new))
    before = Path("out.jsonl").read_bytes()
    with pytest.raises(UsageError, match=told):
        Predictions(source, Path("out.jsonl"), "m")
    assert Path("out.jsonl").read_bytes() == before


@pytest.mark.parametrize("content", ['{"my": "only line"}', "notes", '{"image": "a.png"}', "{}"])
def test_a_file_of_the_users_own_is_kept(source: Path, tmp_path: Path, content: str) -> None:
    out = tmp_path / "own.json"
    out.write_text(content)
    with pytest.raises(UsageError, match="ends with no answer to a line of"):
        Predictions(source, out, "m")
    assert out.read_text() == content


def test_progress_has_an_estimate(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 10_000, 11))
    monkeypatch.setattr(predict, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(predict, "_WINDOW", 4)
    made(source, Path("out.jsonl"))
    assert capsys.readouterr().err.startswith("4 of 11 lines, about ")
