from __future__ import annotations

from dataclasses import replace

import fakes

from pali3kit.config.part import Part
from pali3kit.config.schema import Evaluation
from pali3kit.config.stages import Recipe
from pali3kit.plan import content, slices
from pali3kit.plan.graph import build
from pali3kit.plan.step import STAGE_VERSION


def labels(graph):
    return {step.label for step in graph.steps}


def digests(graph):
    return {step.label: step.digest for step in graph.steps}


def changed(before, after):
    """Labels of the stages that would run again."""
    old = set(digests(before).values())
    return {step.label for step in after.steps if step.digest not in old}


def test_expressions_share_one_transfer(experiment):
    columns = build(experiment).cells[0].columns
    assert columns["refer"].parents["model"] is columns["refer_g"].parents["model"]
    assert columns["refer"].parents["model"].plain["task"] == "refer"


def test_constrained_regions_are_other_evaluations_of_regions_alone(experiment):
    bound = replace(experiment, evaluation=replace(experiment.evaluation, constrained=True))
    assert {label.split()[0] for label in changed(build(experiment), build(bound))} == {
        "evaluate/refer",
        "evaluate/refer_g",
    }


def test_without_a_cache_stages_on_pali_see_pictures(experiment):
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
    masks = {"masks": "masks"}  # read only where regions are written or read
    assert {label: parents for label, parents in roles.items() if "classif" not in label} == {
        "tokenizer": {},
        "vision siglip": {"tokenizer": "tokenizer"},
        "masks": {},
        "language": {"tokenizer": "tokenizer"},
        "features/train siglip": {"vision": "vision siglip"},
        "features/test siglip": {"vision": "vision siglip"},
        "multimodal siglip": {"language": "language", **train},
        "transfer/vqa siglip": {"model": "multimodal siglip", **train},
        "transfer/refer siglip": {"model": "multimodal siglip", **train, **masks},
        "embed/flag siglip": {"vision": "vision siglip"},
        "probe siglip": {"flag": "embed/flag siglip"},
        "evaluate/vqa siglip": {"model": "transfer/vqa siglip", **test},
        "evaluate/refer siglip": {"model": "transfer/refer siglip", **test, **masks},
        "evaluate/refer_g siglip": {"model": "transfer/refer siglip", **test, **masks},
    }
    assert roles["vision classif"] == {}


def test_a_mixture_with_regions_reads_the_mask_tokenizer(experiment):
    multimodal = replace(experiment.stages.multimodal, mixture={"splitcap": 1.0, "refer": 0.5})
    graph = build(replace(experiment, stages=replace(experiment.stages, multimodal=multimodal)))
    assert all("masks" in step.parents for step in graph.steps if step.kind == "multimodal")


def test_another_test_set_trains_nothing(experiment):
    after = build(replace(experiment, data=replace(experiment.data, test=11)))
    assert {label.partition("/")[0] for label in changed(build(experiment), after)} == {"features", "evaluate"}
    assert "features/train siglip" not in changed(build(experiment), after)


def test_an_option_that_says_nothing_is_not_hashed(experiment):
    """Options come with time; results must not grow stale by them."""
    vision = experiment.stages.vision
    step = next(step for step in build(experiment).steps if step.kind == "vision")
    assert "cooldown" not in step.plain["training"]["optimizer"]
    cooled = replace(vision, optimizer=replace(vision.optimizer, cooldown=0.1))
    after = build(replace(experiment, stages=replace(experiment.stages, vision=cooled)))
    assert "vision siglip" in changed(build(experiment), after)


def test_an_option_of_one_arm_reruns_only_that_arm(experiment):
    before = build(experiment)
    vision = experiment.stages.vision
    towers = replace(vision, text=Part(name="siglip_text", options={**vision.text.options, "depth": 2}))
    after = build(replace(experiment, stages=replace(experiment.stages, vision=towers)))
    assert changed(before, after) == {label for label in labels(after) if "siglip" in label}
    head = replace(vision, head_bias=-5.0)
    after = build(replace(experiment, stages=replace(experiment.stages, vision=head)))
    assert changed(before, after) == {label for label in labels(after) if "classif" in label}


def test_a_tasks_budget_reruns_only_that_task(experiment):
    transfer = replace(experiment.stages.transfer, tasks={"vqa": 201})
    after = build(replace(experiment, stages=replace(experiment.stages, transfer=transfer)))
    assert changed(build(experiment), after) == {
        f"{stage}/vqa {arm}" for stage in ("transfer", "evaluate") for arm in ("classif", "siglip")
    }


def test_runtime_and_names_rerun_nothing(experiment):
    other = replace(
        experiment, name="other", runtime=replace(experiment.runtime, workers=7, threads=3, store="elsewhere")
    )
    assert digests(build(experiment)) == digests(build(other))


def test_random_weights_see_neither_data_nor_training(tmp_path):
    def random(**changes):
        graph = build(fakes.experiment(tmp_path, grid={"pretrain": ["random"]}, **changes))
        return next(step for step in graph.steps if step.kind == "vision")

    stages = fakes.experiment(tmp_path).stages
    longer = replace(stages, vision=replace(stages.vision, examples=10_000))
    assert random().digest == random(stages=longer).digest
    assert random().digest != random(seeds=[1]).digest


def test_stage_version_and_pictures_enter_the_digest(experiment, monkeypatch):
    before = build(experiment)
    digests(before)  # computed when first asked for
    monkeypatch.setitem(STAGE_VERSION, "masks", STAGE_VERSION["masks"] + 1)
    assert {"masks", "transfer/refer classif", "evaluate/refer_g siglip"} <= changed(before, build(experiment))
    assert not {"vision classif", "multimodal classif"} & changed(before, build(experiment))
    monkeypatch.undo()
    monkeypatch.setattr(fakes.FakeSource, "digest", "other pictures")
    content._content.cache_clear()
    assert changed(before, build(experiment)) == labels(before)
    content._content.cache_clear()


def test_columns_after_stage_1_and_after_transfer(tmp_path):
    both = build(fakes.experiment(tmp_path, evaluation=Evaluation(after=["multimodal", "transfer"])))
    columns = both.cells[0].columns
    assert list(columns) == [
        "probe",
        "vqa@multimodal",
        "vqa",
        "refer@multimodal",
        "refer",
        "refer_g@multimodal",
        "refer_g",
    ]
    assert columns["vqa@multimodal"].parents["model"].kind == "multimodal"
    assert "evaluate/vqa@multimodal siglip" in labels(both)
    only = build(fakes.experiment(tmp_path, evaluation=Evaluation(after=["multimodal"])))
    assert not any(step.kind == "transfer" for step in only.steps)


def test_another_file_of_a_tokenizer_is_other_work(experiment, tmp_path):
    def with_file(data, rows=None):
        content._sha256.cache_clear()
        file = tmp_path / "spiece.model"
        file.write_bytes(data)
        given = replace(experiment.tokenizer, vocabulary=None, file=str(file), rows=rows)
        return digests(build(replace(experiment, tokenizer=given)))["tokenizer"]

    assert with_file(b"a") == with_file(b"a") != with_file(b"b")
    assert with_file(b"a") != with_file(b"a", rows=500) != digests(build(experiment))["tokenizer"]


def test_a_tokenizer_that_is_given_reads_no_text(experiment, tmp_path):
    given = replace(experiment, tokenizer=replace(experiment.tokenizer, vocabulary=None, file="spiece.model"))
    assert changed(build(given), build(replace(given, tokenizer=replace(given.tokenizer, sentences=9)))) == set()


def test_a_tokenizer_that_is_trained_has_the_config_that_it_always_had(experiment):
    [config] = [step.config for step in build(experiment).steps if step.kind == "tokenizer"]
    assert config.keys() - {"data"} == {"source", "vocabulary", "sentences", "bins", "codes"}


def test_another_file_of_weights_is_other_work(experiment, tmp_path):
    def with_weights(data):
        (tmp_path / "w.npz").write_bytes(data)
        content._sha256.cache_clear()
        options = {**experiment.model.vision.options, "weights": str(tmp_path / "w.npz")}
        model = replace(experiment.model, vision=Part(name="vit", options=options))
        return digests(build(replace(experiment, model=model)))["vision siglip"]

    assert with_weights(b"a") == with_weights(b"a") != with_weights(b"b")


def test_another_file_of_a_mask_tokenizer_is_other_work(experiment, tmp_path):
    def with_weights(data):
        (tmp_path / "vae-oid.npz").write_bytes(data)
        content._sha256.cache_clear()
        options = {**experiment.model.masks.options, "weights": str(tmp_path / "vae-oid.npz")}
        model = replace(experiment.model, masks=Part(name="vqvae", options=options))
        return build(replace(experiment, model=model))

    one, other = with_weights(b"a"), with_weights(b"b")
    assert not changed(one, with_weights(b"a"))
    assert changed(one, other) == {"masks", *(label for label in labels(one) if "refer" in label)}


def test_how_the_language_model_denoises_is_hashed_only_where_it_is_said(experiment):
    def language(**options):
        section = replace(experiment.stages.language, **options)
        graph = build(replace(experiment, stages=replace(experiment.stages, language=section)))
        return next(step for step in graph.steps if step.kind == "language")

    assert not {"prefix", "z_loss"} & language().plain["training"].keys()
    assert len({language(**options).digest for options in ({}, {"prefix": "table"}, {"z_loss": 1e-4})}) == 3


def test_held_out_text_is_measured_on_the_language_model_alone(tmp_path):
    def denoising(seed=0, **options):
        stages = fakes.experiment(tmp_path).stages
        stages = replace(stages, language=replace(stages.language, **options))
        graph = build(fakes.experiment(tmp_path, evaluate=["denoising"], seeds=[seed], stages=stages))
        assert {step.kind for step in graph.steps} == {"tokenizer", "language", "denoising"}
        return next(step for step in graph.steps if step.kind == "denoising")

    assert denoising(seed=1).seed == 0 and denoising(seed=1).digest != denoising().digest
    assert denoising().plain["prefix"] == "appendix"
    assert denoising(prefix="table").plain["prefix"] == "table"


def test_a_temperature_of_1_changes_no_digest_and_another_one_stage_1(experiment):
    multimodal = experiment.stages.multimodal
    cold = replace(experiment, stages=replace(experiment.stages, multimodal=replace(multimodal, temperature=2.0)))
    assert (
        "temperature" not in content.budget(multimodal) and content.budget(cold.stages.multimodal)["temperature"] == 2
    )
    assert {label.split()[0].split("/")[0] for label in changed(build(experiment), build(cold))} == {
        "multimodal", "transfer", "evaluate",
    }  # fmt: skip
    vision = replace(experiment.stages.vision, temperature=1.0)
    assert content.budget(vision)["temperature"] == 1.0  # SigLIP's is another one


def test_a_part_of_a_union_that_refers_needs_the_mask_tokenizer(experiment):
    multimodal = replace(experiment.stages.multimodal, mixture={"coco.refer": 1.0})
    asked = replace(experiment, stages=replace(experiment.stages, multimodal=multimodal))
    assert "masks" in slices.Stages(asked, 0).multimodal.parents


def test_columns_by_other_names_are_trained_and_measured_on_the_task_that_is_named(experiment):
    plain = build(experiment)
    named = build(replace(experiment, data=replace(experiment.data, columns={"refer": "refs.refer"})))
    column = named.cells[0].columns["refer"]
    assert column.plain["task"] == column.parents["model"].plain["task"] == "refs.refer"
    assert "masks" in column.parents["model"].parents
    assert {label.split()[0] for label in changed(plain, named)} == {
        "evaluate/refer", "evaluate/refer_g", "transfer/refs.refer",
    }  # fmt: skip


def test_the_mask_tokenizer_learns_any_object_of_files(experiment, tmp_path):
    """On a source of its own, or on the data's; the world's, which are referred to, as ever."""
    (tmp_path / "instances.json").write_text("{}")
    coco = Part(name="coco_instances", options={"path": f"{tmp_path}/instances.json", "images": str(tmp_path)})

    def masks(data, own=None):
        stages = replace(experiment.stages, masks=replace(experiment.stages.masks, source=own))
        asked = replace(experiment, stages=stages, data=replace(experiment.data, source=data))
        return slices.Stages(asked, 0)

    world = experiment.data.source
    config = masks(world, coco)
    assert config.masks.plain["task"] == "instance" and config.masks.plain["source"]["name"] == "coco_instances"
    assert "task" not in masks(world).masks.config and "source" not in masks(world).masks.plain["training"]
    assert masks(world).masks.digest == slices.Stages(experiment, 0).masks.digest


def test_a_recipe_reaches_its_task_alone(experiment):
    own = Recipe(examples=96, batch_size=24, learning_rate=0.5, weight_decay=0.25, label_smoothing=0.3, beams=3)
    transfer = replace(experiment.stages.transfer, tasks={"vqa": own})
    told = replace(experiment, stages=replace(experiment.stages, transfer=transfer))
    after = build(told)
    assert {label.split()[0] for label in changed(build(experiment), after)} == {"transfer/vqa", "evaluate/vqa"}
    column = after.cells[0].columns["vqa"]
    training = column.parents["model"].plain["training"]
    assert (training["examples"], training["batch_size"], training["label_smoothing"]) == (96, 24, 0.3)
    assert (training["optimizer"]["learning_rate"], training["optimizer"]["weight_decay"]) == (0.5, 0.25)
    assert column.plain["beams"] == 3


def test_a_recipe_that_says_only_examples_is_the_number(experiment):
    stages = experiment.stages
    plain, mapped = (
        replace(experiment, stages=replace(stages, transfer=replace(stages.transfer, tasks=tasks)))
        for tasks in ({"vqa": 201}, {"vqa": Recipe(examples=201)})
    )
    assert digests(build(plain)) == digests(build(mapped))
