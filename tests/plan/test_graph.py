"""The graph of an experiment: which steps are shared, and which run again after a change."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import fakes
import pytest
from PIL import Image
from planned import digests, labels, rerun

from pali3kit.catalogue import STAGE
from pali3kit.config.component import Component
from pali3kit.config.load import load
from pali3kit.config.schema import Evaluation
from pali3kit.config.stages import Recipe
from pali3kit.errors import RegistryError
from pali3kit.plan import content
from pali3kit.plan.graph import build
from pali3kit.plan.plain import _plain
from pali3kit.plan.step import ancestry


def test_cells_are_points_times_seeds(tmp_path):
    graph = build(fakes.experiment(tmp_path, seeds=[0, 1]))
    assert [(cell.point["pretrain"], cell.seed) for cell in graph.cells] == [
        ("classif", 0),
        ("classif", 1),
        ("siglip", 0),
        ("siglip", 1),
    ]
    assert all(list(cell.columns) == ["probe", "vqav2", "refcoco", "refcocog"] for cell in graph.cells)


def test_arms_share_what_does_not_depend_on_the_arm(experiment):
    graph = build(experiment)
    classif, siglip = (set(step.digest for step in ancestry(cell.columns.values())) for cell in graph.cells)
    shared = [step.label for step in graph.steps if step.digest in classif & siglip]
    assert sorted(shared) == ["corpus", "language", "mask_tokenizer", "tokenizer"]
    assert len(graph.steps) == 26


def test_parents_come_first_and_nodes_once(experiment):
    steps = build(experiment).steps
    seen = set()
    for step in steps:
        assert step.digest not in seen
        assert {parent.digest for parent in step.parents.values()} <= seen
        seen.add(step.digest)


def test_adding_an_arm_or_a_seed_keeps_what_is_there(experiment, tmp_path):
    more = fakes.experiment(tmp_path, seeds=[0, 1], grid={"pretrain": ["random", "classif", "siglip"]})
    assert set(digests(build(experiment)).values()) < set(digests(build(more)).values())


def test_grid_over_a_part_and_a_number(tmp_path):
    graph = build(
        fakes.experiment(
            tmp_path,
            grid={"model.vision": [{"name": "vit", "width": 8, "patch": 8}, {"name": "vit", "width": 16, "patch": 8}]},
            baseline={},
        )
    )
    widths = [cell.columns["probe"].parents["flag"].parents["vision"].plain["vision"]["width"] for cell in graph.cells]
    assert widths == [8, 16]


def test_a_union_of_files_can_be_planned(tmp_path, monkeypatch):
    """`plan` builds the unions that `check` accepts."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(Path(__file__).parents[2] / "experiments" / "scales", "scales")
    for number in (1, 2):
        Image.new("RGB", (16, 16)).save(f"{number}.png")
    Path("c.tsv").write_text("a red cup\t1.png\na blue bag\t2.png\n")
    Path("x.yaml").write_text(
        "name: x\nscale: smoke\nevaluate: [coco]\ndata: {train: 2, test: 2, source: {name: union, parts: "
        "{c: {name: tsv, path: c.tsv, images: ., test: c.tsv}}}}\n"
        "stages: {multimodal: {mixture: null}}\n"
    )
    graph = build(load("x.yaml", ["stages.multimodal.mixture={c.caption: 1}"]))
    [transfer] = [step for step in graph.steps if step.kind == "transfer"]
    assert transfer.plain["source"]["parts"]["c"]["path"] == "c.tsv"


def test_expressions_share_one_transfer(experiment):
    columns = build(experiment).cells[0].columns
    assert columns["refcoco"].parents["model"] is columns["refcocog"].parents["model"]
    assert columns["refcoco"].parents["model"].plain["task"] == "refer"


def test_constrained_regions_are_other_evaluations_of_regions_alone(experiment):
    bound = replace(experiment, evaluation=replace(experiment.evaluation, constrained=True))
    assert {label.split()[0] for label in rerun(build(experiment), build(bound))} == {
        "evaluate/fake/refcoco",
        "evaluate/fake/refcocog",
    }


def test_without_a_cache_stages_on_pali_see_images(experiment):
    graph = build(replace(experiment, data=replace(experiment.data, cache=False)))
    assert not [step for step in graph.steps if step.kind == "features"]
    for step in graph.steps:
        if step.kind in ("multimodal", "transfer", "evaluate"):
            assert step.parents["vision"].kind == "vision" and step.plain["count"] == experiment.data.train


def test_roles_of_every_kind(experiment):
    roles = {
        step.label: {role: parent.label for role, parent in step.parents.items()} for step in build(experiment).steps
    }
    train, test = ({"features": f"features/{split} siglip", "tokenizer": "tokenizer"} for split in ("train", "test"))
    masks = {"mask_tokenizer": "mask_tokenizer"}  # read only where regions are written or read
    assert {label: parents for label, parents in roles.items() if "classif" not in label} == {
        "tokenizer": {},
        "vision siglip": {"tokenizer": "tokenizer"},
        "mask_tokenizer": {},
        "corpus": {"tokenizer": "tokenizer"},
        "language": {"corpus": "corpus", "tokenizer": "tokenizer"},
        "features/train siglip": {"vision": "vision siglip"},
        "features/test siglip": {"vision": "vision siglip"},
        "multimodal siglip": {"language": "language", **train},
        "transfer/vqa siglip": {"model": "multimodal siglip", **train},
        "transfer/refer siglip": {"model": "multimodal siglip", **train, **masks},
        "embed/flag siglip": {"vision": "vision siglip"},
        "probe siglip": {"flag": "embed/flag siglip"},
        "evaluate/fake/vqav2 siglip": {"model": "transfer/vqa siglip", **test},
        "evaluate/fake/refcoco siglip": {"model": "transfer/refer siglip", **test, **masks},
        "evaluate/fake/refcocog siglip": {"model": "transfer/refer siglip", **test, **masks},
    }
    assert roles["vision classif"] == {}


def test_a_mixture_with_regions_reads_the_mask_tokenizer(experiment):
    multimodal = replace(experiment.stages.multimodal, mixture={"splitcap": 1.0, "refer": 0.5})
    graph = build(replace(experiment, stages=replace(experiment.stages, multimodal=multimodal)))
    assert all("mask_tokenizer" in step.parents for step in graph.steps if step.kind == "multimodal")


def test_another_test_set_trains_nothing(experiment):
    after = build(replace(experiment, data=replace(experiment.data, test=11)))
    assert {label.partition("/")[0] for label in rerun(build(experiment), after)} == {"features", "evaluate"}
    assert "features/train siglip" not in rerun(build(experiment), after)


def test_an_option_of_one_arm_reruns_only_that_arm(experiment):
    before = build(experiment)
    vision = experiment.stages.vision
    towers = replace(vision, text=Component(name="siglip_text", options={**vision.text.options, "depth": 2}))
    after = build(replace(experiment, stages=replace(experiment.stages, vision=towers)))
    assert rerun(before, after) == {label for label in labels(after) if "siglip" in label}
    head = replace(vision, head_bias=-5.0)
    after = build(replace(experiment, stages=replace(experiment.stages, vision=head)))
    assert rerun(before, after) == {label for label in labels(after) if "classif" in label}


def test_a_tasks_budget_reruns_only_that_task(experiment):
    transfer = replace(experiment.stages.transfer, benchmarks={"vqav2": 201})
    after = build(replace(experiment, stages=replace(experiment.stages, transfer=transfer)))
    assert rerun(build(experiment), after) == {
        f"{stage} {arm}" for stage in ("transfer/vqa", "evaluate/fake/vqav2") for arm in ("classif", "siglip")
    }


def test_runtime_and_names_rerun_nothing(experiment):
    other = replace(
        experiment, name="other", runtime=replace(experiment.runtime, parallel_stages=7, threads=3, store="elsewhere")
    )
    assert digests(build(experiment)) == digests(build(other))


def test_stage_version_and_images_enter_the_digest(experiment, monkeypatch):
    before = build(experiment)
    digests(before)  # computed at the first access
    kind, origin = STAGE.found["mask_tokenizer"]
    monkeypatch.setitem(STAGE.found, "mask_tokenizer", (replace(kind, version=kind.version + 1), origin))
    assert {"mask_tokenizer", "transfer/refer classif", "evaluate/fake/refcocog siglip"} <= rerun(
        before, build(experiment)
    )
    assert not {"vision classif", "multimodal classif"} & rerun(before, build(experiment))
    monkeypatch.setitem(STAGE.found, "mask_tokenizer", (kind, origin))
    monkeypatch.setattr(fakes.FakeSource, "digest", "other images")
    content._content.cache_clear()
    assert rerun(before, build(experiment)) == labels(before)
    content._content.cache_clear()


def test_columns_after_stage_1_and_after_transfer(tmp_path):
    both = build(fakes.experiment(tmp_path, evaluation=Evaluation(after=["multimodal", "transfer"])))
    columns = both.cells[0].columns
    assert list(columns) == [
        "probe",
        "vqav2@multimodal",
        "vqav2",
        "refcoco@multimodal",
        "refcoco",
        "refcocog@multimodal",
        "refcocog",
    ]
    assert columns["vqav2@multimodal"].parents["model"].kind == "multimodal"
    assert "evaluate/fake/vqav2@multimodal siglip" in labels(both)
    only = build(fakes.experiment(tmp_path, evaluation=Evaluation(after=["multimodal"])))
    assert not any(step.kind == "transfer" for step in only.steps)


def test_another_file_of_a_mask_tokenizer_makes_another_step(experiment, tmp_path):
    def with_weights(data):
        (tmp_path / "vae-oid.npz").write_bytes(data)
        content._sha256.cache_clear()
        options = {**experiment.model.mask_tokenizer.options, "weights": str(tmp_path / "vae-oid.npz")}
        model = replace(experiment.model, mask_tokenizer=Component(name="vqvae", options=options))
        return build(replace(experiment, model=model))

    one, other = with_weights(b"a"), with_weights(b"b")
    assert not rerun(one, with_weights(b"a"))
    assert rerun(one, other) == {
        "mask_tokenizer",
        *(label for label in labels(one) if "refer" in label or "refcoco" in label),
    }


def test_held_out_text_is_measured_on_the_language_model_alone(tmp_path):
    def denoising(seed=0, **options):
        stages = fakes.experiment(tmp_path).stages
        stages = replace(stages, language=replace(stages.language, **options))
        graph = build(fakes.experiment(tmp_path, evaluate=["denoising"], seeds=[seed], stages=stages))
        assert {step.kind for step in graph.steps} == {"tokenizer", "corpus", "language", "denoising"}
        return next(step for step in graph.steps if step.kind == "denoising")

    assert denoising(seed=1).seed == 0 and denoising(seed=1).digest != denoising().digest
    assert denoising().plain["prefix"] == "appendix"
    assert denoising(prefix="table").plain["prefix"] == "table"


def test_a_temperature_of_1_changes_no_digest_and_another_one_stage_1(experiment):
    multimodal = experiment.stages.multimodal
    cold = replace(experiment, stages=replace(experiment.stages, multimodal=replace(multimodal, temperature=2.0)))
    assert "temperature" not in _plain(multimodal) and _plain(cold.stages.multimodal)["temperature"] == 2
    assert {label.split()[0].split("/")[0] for label in rerun(build(experiment), build(cold))} == {
        "multimodal", "transfer", "evaluate",
    }  # fmt: skip
    vision = replace(experiment.stages.vision, temperature=1.0)
    assert _plain(vision)["temperature"] == 1.0  # SigLIP's is another one


def test_columns_by_other_names_are_trained_and_measured_on_the_task_that_is_named(experiment):
    unnamed = build(experiment)
    named = build(replace(experiment, data=replace(experiment.data, tasks={"refcoco": "refs.refer"})))
    column = named.cells[0].columns["refcoco"]
    assert column.plain["task"] == column.parents["model"].plain["task"] == "refs.refer"
    assert "mask_tokenizer" in column.parents["model"].parents
    assert {label.split()[0] for label in rerun(unnamed, named)} == {
        "evaluate/refs/refcoco", "evaluate/fake/refcocog", "transfer/refs.refer",
    }  # fmt: skip


def test_a_recipe_reaches_its_task_alone(experiment):
    own = Recipe(examples=96, batch_size=24, learning_rate=0.5, weight_decay=0.25, label_smoothing=0.3, beams=3)
    transfer = replace(experiment.stages.transfer, benchmarks={"vqav2": own})
    told = replace(experiment, stages=replace(experiment.stages, transfer=transfer))
    after = build(told)
    assert {label.split()[0] for label in rerun(build(experiment), after)} == {"transfer/vqa", "evaluate/fake/vqav2"}
    column = after.cells[0].columns["vqav2"]
    training = column.parents["model"].plain["training"]
    assert (training["examples"], training["batch_size"], training["label_smoothing"]) == (96, 24, 0.3)
    assert (training["optimizer"]["learning_rate"], training["optimizer"]["weight_decay"]) == (0.5, 0.25)
    assert column.plain["beams"] == 3


def test_a_recipe_that_says_only_examples_is_the_number(experiment):
    stages = experiment.stages
    number, mapped = (
        replace(experiment, stages=replace(stages, transfer=replace(stages.transfer, benchmarks=tasks)))
        for tasks in ({"vqav2": 201}, {"vqav2": Recipe(examples=201)})
    )
    assert digests(build(number)) == digests(build(mapped))


def test_an_unknown_benchmark_cannot_be_planned(tmp_path):
    with pytest.raises(RegistryError, match=r"^unknown benchmark 'textvq'\. Did you mean 'textvqa'\?$"):
        build(fakes.experiment(tmp_path, evaluate=["textvq"]))


def test_a_plug_ins_benchmark_is_measured_as_ours_are(tmp_path, add_benchmark):
    add_benchmark("docvqa", task="vqa_text")
    graph = build(fakes.experiment(tmp_path, evaluate=["docvqa"]))
    column = graph.cells[0].columns["docvqa"]
    assert (column.label, column.plain["benchmark"]) == ("evaluate/fake/docvqa classif", "docvqa")
    assert column.parents["model"].label == "transfer/vqa_text classif"


def test_what_reads_texts_is_left_out_where_there_is_no_tower(tmp_path):
    """SigLIP trains its own text tower, a classification encoder has none."""
    labelled = Component(name="world_classes", options={"objects": 8, "train": 20, "test": 10})
    own = Evaluation(text_tower="own", labelled=labelled)
    graph = build(fakes.experiment(tmp_path, evaluate=["zero_shot", "knn"], evaluation=own))
    assert [list(cell.columns) for cell in graph.cells] == [["knn"], ["zero_shot", "knn"]]


def test_without_a_grid_there_is_one_cell_for_each_seed(tmp_path):
    graph = build(fakes.experiment(tmp_path, grid={}, baseline={}, seeds=[3, 4]))
    assert [(dict(cell.point), cell.seed) for cell in graph.cells] == [({}, 3), ({}, 4)]


def missing(graph, *absent):
    return {step.kind for step in graph.missing(lambda step: step.kind not in absent)}


def test_nothing_needs_what_all_is_computed_from_already(experiment):
    graph = build(experiment)
    assert missing(graph, *fakes.KINDS) == {step.kind for step in graph.steps}
    assert missing(graph, "corpus", "tokenizer") == set()
    assert missing(graph, "corpus", "language") == set()
    assert missing(graph, "corpus", "multimodal") == set()
    assert missing(graph, "corpus", "language", "multimodal", "transfer", "evaluate") == {
        "corpus", "language", "multimodal", "transfer", "evaluate",
    }  # fmt: skip
    assert missing(graph, "corpus", "multimodal", "evaluate") == {"evaluate"}


def test_steps_may_be_wanted_for_their_own_sake_with_what_they_need(experiment):
    graph = build(experiment)
    language = [step for step in graph.steps if step.kind == "language"]
    found = graph.missing(lambda step: step.kind not in ("corpus", "language"), language)
    assert [step.kind for step in found] == ["corpus", "language"]
