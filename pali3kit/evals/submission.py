"""The file of answers that the server of a data set scores: every question's or image's id once, with a text."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pali3kit.benchmarks.benchmark import Submission
from pali3kit.data.fields import shown
from pali3kit.data.task import Example
from pali3kit.errors import DataError


def submission_ids(form: Submission, examples: Sequence[Example], file: str) -> list[int | str]:
    """The ids of all examples, as the server knows them: whole numbers may have been written as texts.

    Raises DataError, which names the `file` of the data, the example and the field, for an id that is absent, of
    another type, or of two examples.
    """
    found: dict[int | str, int] = {}
    for number, example in enumerate(examples):
        where = f"{file}: test example {number} ('{example.prompt[:60]}')"
        identity = _as_number(example.id) if form.numbers else example.id
        if not isinstance(identity, int if form.numbers else str) or isinstance(identity, bool) or identity == "":
            kind = "a whole number" if form.numbers else "a text"
            raise DataError(f"{where}: '{form.key}' should be {kind}, not {shown(example.id)}.")
        if (first := found.setdefault(identity, number)) != number:
            raise DataError(f"{where}: '{form.key}' {identity} is already that of test example {first}.")
    return list(found)


def written_submission(form: Submission, ids: Sequence[int | str], answers: Sequence[str]) -> bytes:
    """The content of the file, JSON in ASCII. Raises DataError unless there is an answer for each id."""
    if len(ids) != len(answers):
        raise DataError(f"a submission needs {len(ids)} answers, not {len(answers)}.")
    rows = ({form.key: identity, form.text: answer} for identity, answer in zip(ids, answers, strict=True))
    return ("[" + ",\n".join(map(json.dumps, rows)) + "]\n").encode()


def _as_number(value: int | str | None) -> int | str | None:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else value
