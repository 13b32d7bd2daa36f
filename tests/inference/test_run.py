"""A run is loaded as one thing, and answers as its evaluation had it answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.load import load
from pali3kit.config.saved import to_yaml
from pali3kit.errors import DataError
from pali3kit.evals.scores import Prediction, image_numbers
from pali3kit.execution.store import Store
from pali3kit.inference.cell import RunCell
from pali3kit.inference.checkpoints import GENERAL, STAGE_1
from pali3kit.inference.choice import choose_checkpoint
from pali3kit.inference.pali import PaLI
from pali3kit.inference.run import RunCheckpoints, _evaluations, _models
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.training.components import build_source

ROOT = Path(__file__).parents[2]
AGREEMENT = 0.995  # of other batch sizes, whose sums are in another order


def evaluations(checkpoints: RunCheckpoints) -> Iterator[tuple[str, str, Step]]:
    """The columns that the checkpoints were measured in as they answer now, and which of them it was."""
    digests = {name: step.digest for name, step in checkpoints.models.items()}
    general = {digests[name]: name for name in GENERAL if name in digests}
    for column, step in checkpoints.run.cell.columns.items():
        measured = step.parents["model"].digest
        name = general.get(measured) or BENCHMARK.find(column.partition("@")[0]).model_of
        # the checkpoint of stage 1 or 2 does not impose the grammar of regions on all answers
        if digests[name] == measured and bool(step.plain.get("constrained")) == checkpoints.defaults(name).constrained:
            yield column, name, step


def stored(checkpoints: RunCheckpoints, step: Step) -> list[Prediction]:
    text = (checkpoints.store.path(step) / "predictions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def answers(pali: PaLI, name: str, step: Step, rows: list[Prediction], size: int | None = None) -> list[str]:
    """What `generate` answers to the rows, `size` at a time."""
    source = build_source(step.plain["source"], int(str(step.plain["image_size"])))  # type: ignore[arg-type]
    numbers = {number for row in rows for number in image_numbers(row)}
    images = {number: source.image("test", number) for number in numbers}
    found: list[str] = []
    for start in range(0, len(rows), size or len(rows)):
        some = rows[start : start + (size or len(rows))]
        seen = [[images[number] for number in image_numbers(row)] for row in some]
        found += pali.generate(seen, [row["prompt"] for row in some], checkpoint=name)
    return found


def compare(pali: PaLI, checkpoints: RunCheckpoints) -> set[str]:
    """Compare all stored predictions with what is generated now; the columns that were compared."""
    differ, count, columns = [], 0, set()
    for column, name, step in evaluations(checkpoints):
        rows = stored(checkpoints, step)
        own = [row["prediction"] for row in rows]
        assert answers(pali, name, step, rows) == own, column
        others = answers(pali, name, step, rows, size=3)
        differ += [f"{column}: {a!r} {b!r}" for a, b in zip(own, others, strict=True) if a != b]
        count += len(rows)
        columns.add(column)
    print(*differ, sep="\n")
    assert count and len(differ) <= (1 - AGREEMENT) * count
    return columns


def test_a_transfer_is_called_by_its_own_benchmark_where_another_one_alone_is_measured(tmp_path: Path) -> None:
    file = ROOT / "experiments" / "table7.yaml"
    [cell] = build(load(file, ["scale=smoke", "arms=[]", "baseline={}", "published={}"])).cells
    assert [*_models(_evaluations(cell.columns))][:2] == [STAGE_1, "coco"]


def test_generated_answers_equal_the_stored_predictions(pali: PaLI, checkpoints: RunCheckpoints) -> None:
    names = ("coco", "vqav2", "okvqa", "refcoco", "refcoco_plus")
    assert compare(pali, checkpoints) == {*names, "coco@multimodal", "vqav2@multimodal", "okvqa@multimodal"}


@pytest.mark.slow
def test_generated_answers_equal_the_stored_predictions_of_the_whole_recipe(
    tmp_path: Path, make_run: Callable[[Path, list[str]], Path]
) -> None:
    """Stage 2 has an encoder of its own, and other sizes."""
    checkpoints = RunCheckpoints(RunCell.of(make_run(tmp_path, ["scale=smoke"])))
    assert checkpoints.models[STAGE_1].kind == "resolution"
    assert checkpoints.defaults("coco").image_size == checkpoints.vision("coco").image_spec.size == 96
    names = ("coco", "xm3600", "vqav2", "okvqa", "textvqa", "refcoco", "refcoco_plus", "refcocog")
    wanted = {f"{name}{after}" for name in names for after in ("", "@resolution", "@multimodal")}
    assert compare(PaLI(checkpoints, "cpu"), checkpoints) == wanted


def test_checkpoints_answer_as_their_evaluations(checkpoints: RunCheckpoints) -> None:
    assert checkpoints.names == (STAGE_1, "coco", "vqav2", "okvqa", "refcoco")
    general, questions, regions = (checkpoints.defaults(name) for name in (STAGE_1, "okvqa", "refcoco"))
    assert general.task == "" and "splitcap" in general.mixture and not general.constrained
    assert (questions.task, questions.mixture, questions.constrained) == ("vqa_knowledge", (), False)
    assert (regions.task, regions.constrained) == ("refer", True)
    assert {(each.image_size, each.beams, each.fp16_tokens) for each in (general, questions, regions)} == {
        (64, 2, True)
    }
    assert checkpoints.bins == 32 and checkpoints.name.endswith("pali3 (seed 0)")


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunCheckpoints]:
    """The checkpoints of a run of the whole recipe whose artifacts, except those of a kind, are said to be there."""

    def made(*words: str, without: str = "") -> RunCheckpoints:
        monkeypatch.setattr(Store, "missing", lambda _, steps: [step for step in steps if step.kind == without])
        experiment = load(str(ROOT / "experiments/pali3.yaml"), ["scale=smoke", f"runtime.store={tmp_path}", *words])
        (tmp_path / "experiment.yaml").write_text(to_yaml(experiment), encoding="utf-8")
        return RunCheckpoints(RunCell.of(tmp_path))

    return made


def test_the_general_model_answers_as_the_experiment_says(described: Callable[..., RunCheckpoints]) -> None:
    """Not as the transfer that is measured first."""
    recipe = "stages.transfer.benchmarks={refcoco: {beams: 5}}"
    after = ("evaluate=[refcoco, vqav2]", "evaluation.after=[transfer]", "evaluation.constrained=true")
    found = described(recipe, *after, "evaluation.beams=3")
    answers = {name: (found.defaults(name).beams, found.defaults(name).constrained) for name in found.names}
    assert answers == {STAGE_1: (3, False), "refcoco": (5, True), "vqav2": (3, False)}


@pytest.mark.parametrize(
    ("start", "general", "other", "sizes"), [("resolution", "resolution", "stage_1", (96, 64)),
                                             ("multimodal", "multimodal", "stage_2", (64, 96))],
)  # fmt: skip
def test_both_sides_of_stage_2_that_were_measured(
    described: Callable[..., RunCheckpoints], start: str, general: str, other: str, sizes: tuple[int, int]
) -> None:
    words = (f"stages.transfer.start={start}", "evaluate=[vqav2]")
    found = described(*words)
    assert found.names == (STAGE_1, "vqav2", other) and found.models[STAGE_1].kind == general
    assert (found.defaults(STAGE_1).image_size, found.defaults(other).image_size) == sizes
    assert found.defaults(other).mixture and choose_checkpoint(found, [("vqa",)], "questions") == "vqav2"
    measured = found.run.cell.columns[f"vqav2@{'multimodal' if other == 'stage_1' else 'resolution'}"]
    assert found.models[other] is measured.parents["model"]
    assert described(*words, "evaluation.after=[transfer]").names == (STAGE_1, "vqav2")


def test_a_run_does_not_need_the_model_before_stage_2(described: Callable[..., RunCheckpoints]) -> None:
    assert described("evaluate=[vqav2]", without="multimodal").names == (STAGE_1, "vqav2")


def test_the_encoder_is_shared_and_nothing_is_trained(checkpoints: RunCheckpoints) -> None:
    assert checkpoints.vision("coco") is checkpoints.vision("refcoco") is checkpoints.vision(STAGE_1)
    for module in (checkpoints.vision("coco"), checkpoints.model("coco")):
        assert not module.training and not any(weight.requires_grad for weight in module.parameters())


def test_loading_and_answering_write_nothing(run_folder: Path) -> None:
    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in run_folder.parent.rglob("*")}

    before = files()
    PaLI(RunCheckpoints(RunCell.of(run_folder))).ask(np.zeros((8, 8, 3), np.uint8), "how many?")
    assert files() == before


@pytest.fixture
def copied(run_folder: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the run and its store elsewhere, without the artifacts of a kind."""

    def without(kind: str) -> Path:
        shutil.copytree(run_folder, tmp_path / "pali3")
        shutil.copytree(run_folder.parent / "store", tmp_path / "store")
        for folder in (tmp_path / "store").glob(f"{kind}-*"):
            shutil.rmtree(folder)
        text = (run_folder / "experiment.yaml").read_text(encoding="utf-8")
        moved = text.replace(str(run_folder.parent), "/gone")
        (tmp_path / "pali3/experiment.yaml").write_text(moved, encoding="utf-8")
        return tmp_path / "pali3"

    return without


def test_missing_artifacts_are_named(copied: Callable[[str], Path]) -> None:
    with pytest.raises(DataError) as refused:
        RunCheckpoints(RunCell.of(copied("transfer")))
    assert "pali3 (seed 0) is not complete: transfer/caption (transfer-" in str(refused.value)
    assert "transfer/refer (transfer-" in str(refused.value) and "vision (" not in str(refused.value)
    assert "Run the experiment again" in str(refused.value)


def test_a_damaged_artifact_is_not_loaded(copied: Callable[[str], Path]) -> None:
    folder = copied("features")  # which answers do not need
    assert RunCheckpoints(RunCell.of(folder)).names[0] == STAGE_1
    [weights] = (folder.parent / "store").glob("vision-*/weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"is not complete: vision \(vision-\w+\) is not in .*, or damaged"):
        RunCheckpoints(RunCell.of(folder))


def test_a_run_without_a_store_or_without_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a run folder: it has no experiment"):
        RunCheckpoints(RunCell.of(tmp_path))
    words = ["scale=smoke", f"runtime.store={tmp_path}/store", "grid={}"]
    experiment = load(str(ROOT / "experiments/siglip_probe.yaml"), words)
    (tmp_path / "experiment.yaml").write_text(to_yaml(experiment), encoding="utf-8")
    with pytest.raises(DataError, match=r"the store of .* is not at"):
        RunCheckpoints(RunCell.of(tmp_path))
    (tmp_path / "store").mkdir()
    with pytest.raises(DataError, match="trained no PaLI: it measures probe"):
        RunCheckpoints(RunCell.of(tmp_path))
