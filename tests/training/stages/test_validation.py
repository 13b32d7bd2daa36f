"""The best weights by validation are kept, not the last, however often the training was cut off."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pali3kit.data.records import Skips
from pali3kit.errors import DataError, StageError
from pali3kit.plan.step import Step
from pali3kit.training import validation
from pali3kit.training.context import UNFINISHED, Execution, StageContext
from tests.training.stages.conftest import altered
from tests.training.stages.conftest import run as run_step

SCORES = [10.0, 30.0, 20.0, 30.0]  # of four validations: the second is the best, the last as good


class Cut(Exception):
    """Stands for whatever ends a process."""


def checked(chain: Any, **training: int) -> Step:
    """A transfer of eight steps with four validations on the last ten images."""
    budget = {"examples": 64, "batch_size": 8, "num_validations": 4, "validation_examples": 6, **training}
    return altered(chain.step("transfer", task="refer"), budget, benchmark="refcoco", validation=10)


def run(chain: Any, made: Step, folder: Path, cut: int = 0) -> dict[str, torch.Tensor]:
    folder.mkdir(exist_ok=True)
    parents = {role: chain.make(parent) for role, parent in made.parents.items()}

    def report(done: int, total: int, **numbers: float) -> None:
        if cut and done == cut + 1:
            raise Cut

    context = StageContext(folder, parents, 0, report, 1, Execution(checkpoint_seconds=0.0))
    run_step(made, context)
    return load_file(folder / "weights.safetensors")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "validation.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, torch.Tensor]]:
    """Scores the validations as `SCORES` say; the weights of each."""
    seen: list[dict[str, torch.Tensor]] = []
    real = validation._KeepBest.__init__

    def init(self: validation._KeepBest, model: Any, measure: Any, *others: Any) -> None:
        def made_up() -> float:
            seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
            return SCORES[len(seen) - 1]

        real(self, model, made_up, *others)

    monkeypatch.setattr(validation._KeepBest, "__init__", init)
    return seen


def test_the_best_weights_are_kept_and_not_the_last(chain: Any, tmp_path: Path, scored: list[Any]) -> None:
    weights = run(chain, checked(chain), tmp_path / "a")
    second, last = (scored[check]["projector.linear.weight"] for check in (1, 3))
    assert len(scored) == 4 and not torch.equal(second, last)
    assert all(torch.equal(tensor, scored[1][name]) for name, tensor in weights.items())
    assert rows(tmp_path / "a") == [
        {"step": "2", "score": "10.0", "kept": "0"},
        {"step": "4", "score": "30.0", "kept": "1"},
        {"step": "6", "score": "20.0", "kept": "0"},
        {"step": "8", "score": "30.0", "kept": "0"},
    ]
    assert {path.name for path in (tmp_path / "a").iterdir()} - {*UNFINISHED} == {
        "curve.csv", "config.json", "validation.csv", "weights.safetensors",
    }  # fmt: skip


@pytest.mark.parametrize("cut", [1, 2, 4, 5, 7])
def test_a_transfer_that_was_cut_off_keeps_the_same(chain: Any, tmp_path: Path, cut: int) -> None:
    """With its own scores: mIoU of the training's expressions."""
    made = checked(chain)
    whole = run(chain, made, tmp_path / "whole")
    with pytest.raises(Cut):
        run(chain, made, tmp_path / "cut", cut=cut)
    again = run(chain, made, tmp_path / "cut")
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole") and len(rows(tmp_path / "whole")) == 4
    once_more = run(chain, made, tmp_path / "whole")  # killed between its last step and its publication
    assert all(torch.equal(tensor, once_more[name]) for name, tensor in whole.items())


def test_best_weights_that_were_damaged_are_told_and_the_next_attempt_heals(chain: Any, tmp_path: Path) -> None:
    made = checked(chain)
    whole = run(chain, made, tmp_path / "a")
    best = tmp_path / "a" / validation.BEST
    data = bytearray(best.read_bytes())
    data[-1] ^= 1
    best.write_bytes(data)
    with pytest.raises(StageError, match=r"best\.safetensors is damaged: the same command trains this stage anew"):
        run(chain, made, tmp_path / "a")
    again = run(chain, made, tmp_path / "a")
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())


def test_checking_changes_nothing_of_the_training(chain: Any, tmp_path: Path, scored: list[Any]) -> None:
    """The last of the validated weights are those that a transfer without validations ends with."""
    run(chain, checked(chain), tmp_path / "a")
    last = run(chain, checked(chain, num_validations=0), tmp_path / "b")
    assert not (tmp_path / "b" / "validation.csv").exists()
    assert all(torch.equal(tensor, scored[3][name]) for name, tensor in last.items())


def test_what_is_validated_on_is_not_trained_on(chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pali3kit.training import joint, stream

    trained: set[int] = set()
    draw = stream.Stream.draw

    def noting(self: Any, *others: Any, **named: Any) -> Any:
        drawn = draw(self, *others, **named)
        trained.update(example.images[0] for example in drawn.examples)
        return drawn

    validated: list[int] = []
    readable = validation._readable

    def noted(*given: Any) -> Any:
        found = readable(*given)
        validated.extend(example.images[0] for example in found)
        return found

    monkeypatch.setattr(joint.Stream, "draw", noting)
    monkeypatch.setattr(validation, "_readable", noted)
    run(chain, checked(chain), tmp_path / "a")
    assert 0 < len(validated) <= 6 and all(30 <= image < 40 for image in validated)
    assert trained and max(trained) < 30


def test_images_that_cannot_be_read_are_not_validated_on(chain: Any) -> None:
    from pali3kit.data.task import Example
    from pali3kit.training.stream import ImageSource

    def read(number: int) -> torch.Tensor:
        if number == 2:
            raise DataError("no image")
        return torch.zeros(1, 4, 8)

    image_source = ImageSource("tokens", read, (4, 8), 5, (2, 2), bad={1})
    examples, skips = [Example((i,), "", "") for i in range(4)], Skips()
    good = validation._readable(examples, image_source, skips)
    assert [example.images[0] for example in good] == [0, 3]
    assert (list(skips.lines), skips.seen) == (["no image"], 3)  # of image 1 its features were told
    with pytest.raises(DataError, match="none of the validation images"):
        validation._readable([Example((1,), "", "")], image_source, skips)
    with pytest.raises(DataError, match="no image"):
        validation._readable(examples, image_source, None)  # a source that notes nothing is sure to be whole
