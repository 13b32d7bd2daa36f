"""Public data sets below `data.root`: what it stands for, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from planned import without_place

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK
from pali3kit.config import saved
from pali3kit.config.load import load
from pali3kit.config.root import benchmark_label, public_title, source_of, task_of
from pali3kit.config.schema import Experiment
from pali3kit.errors import ConfigError, DataError
from pali3kit.plan.graph import build

ALL = ["coco", "xm3600", "vqav2", "okvqa", "textvqa", "refcoco", "refcoco_plus", "refcocog"]
PROBES = ["birds", "caltech101", "cars", "cifar100", "colorectal", "dtd", "pets", "uc_merced"]


def touch(*files: str) -> None:
    for file in map(Path, files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


@pytest.fixture
def root(trial: Path) -> Path:
    """Empty files of every benchmark on PaLI, in their layouts below `sets`."""
    for benchmark in map(BENCHMARK.find, ALL):
        for option, path in benchmark.public[0].paths:
            if option.endswith("images") or path == "refcoco":
                (trial / "sets" / path).mkdir(parents=True, exist_ok=True)
            else:
                touch(f"sets/{path}")
    return trial / "sets"


def loaded(*overrides: str) -> Experiment:
    return load("x.yaml", ["data.root=sets", *overrides])


def problems(*overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(*overrides)
    return str(caught.value).splitlines()


def test_every_benchmark_gets_the_source_of_its_files(root: Path) -> None:
    experiment = loaded(f"evaluate={json.dumps(ALL)}")
    assert experiment.data.source.name == "world", "what is pretrained reads what it read"
    own = experiment.data.benchmarks
    assert list(own) == ["coco", "xm3600", "vqav2", "okvqa", "textvqa", "refcoco"]
    assert own["coco"].name == "coco_captions" and own["coco"].options["test"] == "sets/coco/dataset_coco.json"
    assert own["textvqa"].options["images"] == "sets/textvqa/train_images"
    for benchmark in map(BENCHMARK.find, ALL):
        assert source_of(experiment, benchmark) is own[benchmark.transfer]
        assert benchmark_label(experiment, benchmark) == benchmark.name
    tasks = [task_of(experiment, BENCHMARK.find(name)) for name in ALL]
    assert tasks == ["caption", "caption_multilingual", "vqa", "vqa", "vqa", "refer", "refer_plus", "refer_g"]


def test_what_is_not_measured_gets_none(root: Path) -> None:
    assert list(loaded("evaluate=[refcocog]").data.benchmarks) == ["refcoco"]


def test_without_a_root_all_is_embedded(trial: Path) -> None:
    experiment = load("x.yaml", ["evaluate=[probe, coco, refcoco]"])
    assert experiment.data.benchmarks == {} and experiment.data.root is None
    labels = [benchmark_label(experiment, BENCHMARK.find(name)) for name in experiment.evaluate]
    assert labels == ["embedded/probe", "embedded/coco", "embedded/refcoco"]


def test_single_options_and_whole_components_are_laid_over_it(root: Path) -> None:
    Path("elsewhere").mkdir()
    touch("own.json")
    experiment = loaded(
        "evaluate=[coco, vqav2, refcoco]",
        "data.benchmarks.coco.images=elsewhere",
        "data.benchmarks.vqav2={name: vqa, path: own.json, images: elsewhere, test: own.json}",
        "data.benchmarks.refcoco.test_split=testA",
    )
    own = experiment.data.benchmarks
    assert own["coco"].options["images"] == "elsewhere"
    assert own["coco"].options["path"] == "sets/coco/dataset_coco.json"
    assert own["vqav2"].options["annotations"] is None and own["refcoco"].options["test_split"] == "testA"
    titles = [public_title(experiment, BENCHMARK.find(name)) for name in ("coco", "vqav2", "refcoco", "textvqa")]
    assert titles == ["COCO (Karpathy test)", "VQAv2 (val)", "RefCOCO (testA)", "textvqa"]


def test_a_source_of_its_own_needs_no_root(root: Path) -> None:
    part = (
        "{name: coco_captions, path: sets/coco/dataset_coco.json, images: sets/coco, test: sets/coco/dataset_coco.json}"
    )
    experiment = load("x.yaml", ["evaluate=[coco, vqav2]", f"data.benchmarks={{coco: {part}}}"])
    labels = [benchmark_label(experiment, BENCHMARK.find(name)) for name in experiment.evaluate]
    assert labels == ["coco", "embedded/vqav2"]


def test_a_source_that_does_not_read_the_public_set_is_called_by_its_own_name(root: Path) -> None:
    Path("own.jsonl").write_text(2 * ('{"image": "a.png", "caption": "a cat"}' + "\n"))
    Path("images").mkdir()
    part = "{name: records, path: own.jsonl, images: images, test: own.jsonl}"
    experiment = load("x.yaml", ["evaluate=[coco]", f"data.benchmarks={{coco: {part}}}"])
    coco = BENCHMARK.find("coco")
    assert benchmark_label(experiment, coco) == public_title(experiment, coco) == "records/coco"
    labels = {step.label.partition(" ")[0] for step in build(experiment).steps}
    assert {"transfer/records/coco", "evaluate/records/coco"} <= labels


def test_the_encoders_sets_lie_below_it_too(trial: Path) -> None:
    for path in (
        "imagenet/train", "imagenetv2-matched-frequency-format-val", "CUB_200_2011", "caltech-101", "stanford_cars",
        "cifar-100-python", "Kather_texture_2016_image_tiles_5000", "dtd", "oxford-iiit-pet", "UCMerced_LandUse",
        "xm3600/images",
    ):  # fmt: skip
        Path("sets", path).mkdir(parents=True)
    touch("sets/imagenet/real.json", "sets/xm3600/captions.jsonl")
    budget = "stages.lit={examples: 8, batch_size: 4}"
    chosen = loaded("evaluate=[probe, knn, retrieval]", budget).evaluation
    assert sorted(chosen.probes) == PROBES and chosen.probes["dtd"].options["path"] == "sets/dtd"
    assert chosen.labelled.name == "imagenet" and chosen.labelled.options["real"] == "sets/imagenet/real.json"
    assert chosen.captioned.options["images"] == "sets/xm3600/images"
    chosen = loaded(
        "evaluate=[probe, knn]", "evaluation.labelled.v2=null", "evaluation.probes={dtd: {name: dtd, path: sets/dtd}}"
    )
    assert chosen.evaluation.labelled.options["v2"] is None and list(chosen.evaluation.probes) == ["dtd"]
    assert benchmark_label(chosen, BENCHMARK.find("knn")) == "knn"


def test_what_an_answering_transfer_learns_from_is_checked_too(trial: Path) -> None:
    """FairFace is answered by the transfer of COCO, which is not measured here."""
    touch("faces.csv", "vqa.json")
    faces = "{name: fairface, path: faces.csv, images: ., test: faces.csv}"
    words = ["evaluate=[fairface]", f"data.benchmarks.fairface={faces}", "stages.multimodal.mixture.ocr=0"]
    assert load("x.yaml", words).evaluate == ["fairface"]
    for own, told in (
        ("{name: coco_captions, path: no.json, images: .}", "is answered by 'coco', which learns from COCO (Karpathy"),
        ("{name: vqa, path: vqa.json, images: .}", "source 'vqa' has no task 'caption' for benchmark 'coco'."),
    ):
        with pytest.raises(ConfigError) as caught:
            load("x.yaml", [*words, f"data.benchmarks.coco={own}"])
        assert told in str(caught.value)
        load("x.yaml", [*words, f"data.benchmarks.coco={own}", "evaluation.after=[multimodal]"])


def test_all_that_is_missing_is_told_at_once_with_the_nearest_folder(root: Path) -> None:
    (root / "textvqa").rename(root / "TextVQA")
    (root / "coco/dataset_coco.json").unlink()
    first, second, *others = problems("evaluate=[coco, vqav2, textvqa]")
    assert not others
    assert first == (
        "command line: data.root=sets: benchmark 'coco' is measured on COCO (Karpathy test), and there is no"
        " 'sets/coco/dataset_coco.json'. Leave 'coco' out of evaluate, or say where its files lie:"
        " data.benchmarks.coco."
    )
    assert second == (
        "command line: data.root=sets: benchmark 'textvqa' is measured on TextVQA (val), and there is no"
        " 'sets/textvqa/TextVQA_0.5.1_train.json', 'sets/textvqa/TextVQA_0.5.1_val.json', 'sets/textvqa/train_images'."
        " Did you mean 'TextVQA'? Leave 'textvqa' out of evaluate, or say where its files lie:"
        " data.benchmarks.textvqa."
    )


def test_a_set_of_the_encoder_that_is_missing_is_no_counterpart(root: Path) -> None:
    told = problems("evaluate=[knn]")
    assert without_place(told[0]) == (
        "command line: data.root=sets: there is no file or folder 'sets/imagenet'. It is expected below data.root: set"
        " evaluation.labelled if it is elsewhere, or leave out what is measured on it."
    )
    assert len(told) == 3


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["data.root=set"], "data.root: there is no folder 'set'. Did you mean 'sets'?"),
        (["evaluate=[knn]", "evaluation.labelled=world_classes"],
         "evaluation.labelled is the embedded world's: with a data.root, name sets in files or leave it out."),
        (["data.benchmarks={refcocog: {name: refcoco, path: a, images: a}}"],
         "data.benchmarks: 'refcocog' shares the transfer of 'refcoco': set that one instead."),
        (["data.benchmarks={probe: {name: vqa, path: a, images: a}}"],
         "data.benchmarks: no generated benchmark 'probe'."),
        (["data.benchmarks={refcco: {name: coco_captions, path: a, images: a}}"],
         "data.benchmarks: no generated benchmark 'refcco'. Did you mean 'refcoco'?"),
        (["data.benchmarks.vqav2=world"],
         "data.benchmarks.vqav2 cannot be 'world': take a source of images in files"),
        (["data.tasks={coco: captions}"], "data.tasks: 'coco' has a source of its own"),
        (["data.benchmarks.coco.imags=x"], "Did you mean 'images'?"),
        (["evaluate=[coco]", "data.benchmarks.coco.test=null"],
         "benchmark 'coco' is measured on test images: name them, data.benchmarks.coco.test."),
        (["grid={data.root: [sets, a]}", "baseline={}"],
         "grid axis 'data.root' cannot vary between cells: it belongs to the whole experiment."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(root: Path, overrides: list[str], text: str) -> None:
    told = problems("evaluate=[coco]", *overrides)
    assert any(text in line for line in told), told


def test_a_benchmark_without_known_files_does_not_fall_back(
    root: Path, add_benchmark: Callable[..., Benchmark]
) -> None:
    add_benchmark("docvqa")
    assert problems("evaluate=[docvqa]") == [
        "command line: evaluate=[docvqa]: benchmark 'docvqa' has no files below data.root that it knows: name its"
        " source, data.benchmarks.docvqa, or leave it out of evaluate."
    ]


def test_what_is_saved_says_the_same_again(root: Path) -> None:
    experiment = loaded("evaluate=[coco, refcoco_plus]")
    Path("run").mkdir()
    Path("run", saved.EXPERIMENT).write_text(saved.to_yaml(experiment))
    again = saved.read_experiment(Path("run"))
    assert again.data == experiment.data
    assert yaml.safe_load(saved.to_yaml(again))["data"]["root"] == "sets"


def test_the_root_may_take_another_value(root: Path) -> None:
    text = Path("x.yaml").read_text() + "data: {root: '${name}'}\n"
    Path("x.yaml").write_text(text.replace("name: trial", "name: sets"))
    own = load("x.yaml", ["evaluate=[coco]"]).data.benchmarks
    assert own["coco"].options["path"] == "sets/coco/dataset_coco.json"


def test_a_set_without_a_task_of_other_sources_needs_its_files(trial: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load("x.yaml", ["evaluate=[vatex]"])
    assert "benchmark 'vatex' is measured on VATEX (public test) alone: set data.root, or a source of its own, " in str(
        caught.value
    )
    assert load("x.yaml", ["evaluate=[docvqa]", "data.tasks={docvqa: vqa}"]).data.tasks == {"docvqa": "vqa"}


def test_a_public_set_may_have_options_that_are_no_paths(trial: Path) -> None:
    touch("sets/stvqa/train_task_3.json")
    (trial / "sets/stvqa/train_images").mkdir()
    own = loaded("evaluate=[stvqa]").data.benchmarks["stvqa"]
    assert (
        own.options["hold_out"] == 10 and own.options["test"] == own.options["path"] == "sets/stvqa/train_task_3.json"
    )


def test_two_names_of_a_file_are_a_pattern(trial: Path) -> None:
    touch("sets/docvqa/train_v1.0_withQT.json", "sets/docvqa/val_v1.0.json")
    for split in ("train", "val"):
        (trial / "sets/docvqa" / split).mkdir()
    assert loaded("evaluate=[docvqa]").data.benchmarks["docvqa"].options["test"] == "sets/docvqa/val_v1.0*.json"
    (trial / "sets/docvqa/val_v1.0.json").unlink()
    assert any("there is no 'sets/docvqa/val_v1.0*.json'" in line for line in problems("evaluate=[docvqa]"))


def test_frames_are_those_of_all_sources_of_videos(trial: Path) -> None:
    """And of no other; they are in the titles that reports print."""
    clips = "{name: clips, clips: 9}"
    words = (f"data.benchmarks={{msrvtt: {clips}, msrvtt_qa: {clips}}}", "evaluate=[msrvtt, msrvtt_qa]")
    cell = load("x.yaml", [*words, "data.frames=4"])
    for name in ("msrvtt", "msrvtt_qa"):
        source = source_of(cell, BENCHMARK.find(name))
        assert source is not None and source.options["frames"] == 4 and source.options["clips"] == 9
        assert benchmark_label(cell, BENCHMARK.find(name)) == f"embedded/{name}"
    left = source_of(load("x.yaml", words), BENCHMARK.find("msrvtt"))
    assert left is not None and left.options["frames"] == 16
    with pytest.raises(ConfigError) as caught:
        load("x.yaml", ["data.frames=4"])
    assert "data.frames: no benchmark has a source of videos: set data.benchmarks or data.root." in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        load("x.yaml", [*words, "data.frames=4", "data.source={name: union, parts: {a: {name: clips}}}"])
    told = "data.frames is for sources of data.benchmarks: those of data.source.parts.a are set by data.source.parts.a"
    assert told not in str(caught.value), "both benchmarks have their own"
    with pytest.raises(ConfigError) as caught:
        load("x.yaml", [
            "data.benchmarks.msrvtt={name: clips}", "evaluate=[msrvtt, coco]", "data.frames=4",
            "data.source={name: union, parts: {a: {name: clips}}}",
        ])  # fmt: skip
    assert f"{told}.frames." in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        load("x.yaml", [*words, "data.frames=300"])
    assert "data.frames should be between 1 and 256, not 300." in str(caught.value)


def test_wordnet_is_missed_before_anything_runs(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise DataError("WUPS needs NLTK")

    monkeypatch.setattr("pali3kit.plan.kinds.evaluate.require_wordnet", missing)
    words = ("data.benchmarks={nextqa: {name: clips}}", "evaluate=[nextqa]")
    with pytest.raises(ConfigError, match="benchmark 'nextqa': WUPS needs NLTK"):
        load("x.yaml", words)
    monkeypatch.setattr("pali3kit.plan.kinds.evaluate.require_wordnet", lambda: None)
    assert load("x.yaml", words).evaluate == ["nextqa"]
