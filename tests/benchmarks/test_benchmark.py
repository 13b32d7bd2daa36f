"""What a benchmark tells those who ask it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from string import Formatter
from typing import Any

import pytest

from pali3kit.benchmarks.benchmark import Benchmark, Chart, Column
from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.config.schema import Evaluation
from pali3kit.config.stages import Stages
from pali3kit.errors import RegistryError
from pali3kit.registry import KINDS, METRIC

ALL = BENCHMARK.all()
NAMES = [each.name for each in ALL]
each_benchmark = pytest.mark.parametrize("benchmark", ALL, ids=NAMES)


def made(**told: Any) -> Benchmark:
    return Benchmark(**{"name": "mine", "summary": "made up", "columns": (Column(title="Mine"),), "unit": "%",
                        "task": "vqa", **told})  # fmt: skip


def test_of_which_little_is_said_is_a_question_that_pali_answers() -> None:
    mine = made()
    assert mine.generated and mine.kind == "evaluate" and mine.right_or_wrong
    assert not (mine.lower_is_better or mine.every_language or mine.regions or mine.reads_texts)
    assert (mine.transfer, mine.digits, mine.sets, mine.charts) == ("mine", 1, (), ())


@pytest.mark.parametrize(
    ("scored", "generated", "encoder"),
    [("generate", True, True), ("features", False, True), ("loss", False, False), ("masks", False, False)],
)
def test_what_is_not_generated_is_measured_on_a_part_alone(scored: str, generated: bool, encoder: bool) -> None:
    assert made(scored=scored).generated is generated and made(scored=scored).uses_encoder is encoder


def test_a_transfer_may_be_shared() -> None:
    assert made(transfer_of="refcoco").transfer == "refcoco"


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ((Column(title="Mine"),), ("mine",)),
        ((Column(title="A", part="a"), Column(title="B", part="b")), ("mine.a", "mine.b")),
    ],
)
def test_columns_are_named_by_benchmark_and_part(columns: tuple[Column, ...], names: tuple[str, ...]) -> None:
    assert made(columns=columns).column_names == names


@pytest.mark.parametrize(
    ("images", "limit", "examples"),
    [(10, 500, 10), (10, 4, 4), (0, 4, 0)],
)
def test_in_one_language_the_limit_is_the_number_of_examples(images: int, limit: int, examples: int) -> None:
    assert made().count(images, limit, 36) == examples


@pytest.mark.parametrize(
    ("images", "limit", "languages", "examples"),
    [
        (1000, 180, 36, 180 + 35 * 10),  # 2 · 180 / 36
        (1000, 18, 36, 18 + 35 * 2),  # at least two
        (5, 180, 36, 5 + 35 * 5),  # no more than there are
        (1000, 180, 1, 180),
    ],
)
def test_in_every_language_the_others_share_twice_the_limit(
    images: int, limit: int, languages: int, examples: int
) -> None:
    assert made(every_language=True).count(images, limit, languages) == examples


@pytest.mark.parametrize(("limit", "languages", "share"), [(500, 36, 27), (36, 36, 2), (1, 36, 2), (100, 2, 100)])
def test_the_share_of_a_language(limit: int, languages: int, share: int) -> None:
    assert made().share(limit, languages) == share


def test_benchmarks_columns_and_figures_are_frozen() -> None:
    things: list[tuple[Any, str]] = [(made(), "name"), (Column(title="A"), "title"), (Chart(kind="bars"), "key")]
    for thing, field in things:
        with pytest.raises(FrozenInstanceError):
            setattr(thing, field, "other")


def test_benchmarks_can_be_put_into_sets() -> None:
    assert len({*ALL, *ALL}) == len(NAMES)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"scored": "generat"}, "unknown scored 'generat'. Did you mean 'generate'?"),
        ({"scored": "generat", "metric": "vqa_accuracy"}, "unknown scored 'generat'. Did you mean 'generate'?"),
        ({"sets": ("labeled",)}, "unknown sets 'labeled'. Did you mean 'labelled'?"),
        ({"columns": (Column(title="{nope}"),)},
         "unknown place in a title 'nope'. Choose from captioned, labelled, probes, set."),
        ({"columns": (Column(title="{caption}"),)}, "unknown place in a title 'caption'. Did you mean 'captioned'?"),
        ({"columns": (Column(title="{"),)}, "'{' cannot be filled in: Single '{' encountered in format string."),
        ({"setting": "of }"}, "'of }' cannot be filled in: Single '}' encountered in format string."),
        ({"charts": (Chart(kind="bars", title="{titel}"),)},
         "unknown place in a chart's title 'titel'. Did you mean 'title'?"),
        ({"charts": (Chart(kind="bars", part="top1"),)}, "unknown part in a chart 'top1'."),
        ({"task": ""}, "names no task of a source, such as 'caption' or 'vqa'."),
        ({"scored": "loss", "metric": "cider"}, "a metric scores generated answers: 'generate'."),
    ],
)  # fmt: skip
def test_what_no_report_could_show_is_refused(told: dict[str, Any], text: str) -> None:
    with pytest.raises(RegistryError, match=f"^benchmark 'mine': {re.escape(text)}$"):
        made(**told)


def test_without_a_column_there_is_nothing_to_show() -> None:
    with pytest.raises(RegistryError, match=r"^benchmark 'mine' needs at least one column\.$"):
        made(columns=())


def test_keys_of_evaluation_are_asked_by_the_setting() -> None:
    assert made(setting="{shots} shots, {draws} draws.").asked == ("shots", "draws")


@each_benchmark
def test_what_it_names_of_others_is_there(benchmark: Benchmark) -> None:
    assert benchmark.kind in STAGE.names() and benchmark.transfer in NAMES
    assert not benchmark.training_stage or benchmark.training_stage in {*Stages.__dataclass_fields__}
    assert (benchmark.metric in METRIC.names()) is benchmark.generated


@each_benchmark
def test_a_shared_transfer_is_that_of_one_with_its_own(benchmark: Benchmark) -> None:
    assert BENCHMARK.find(benchmark.transfer).transfer_of == ""


@each_benchmark
def test_its_titles_and_setting_can_be_filled_in(benchmark: Benchmark) -> None:
    """Only with what reports know: the names of sets, and the keys of `evaluation`."""

    def asked(text: str) -> set[str]:
        return {field for _, field, _, _ in Formatter().parse(text) if field is not None}

    titles = {name for column in benchmark.columns for name in asked(column.title)}
    assert titles <= ({"set"} if benchmark.generated else {*benchmark.sets})
    assert asked(benchmark.setting) <= {*Evaluation.__dataclass_fields__}


@each_benchmark
def test_its_figures_are_of_its_columns(benchmark: Benchmark) -> None:
    parts = {column.part for column in benchmark.columns}
    assert all(figure.part in parts for figure in benchmark.charts)


@each_benchmark
def test_several_columns_have_names_of_their_own(benchmark: Benchmark) -> None:
    assert len(set(benchmark.column_names)) == len(benchmark.columns) > 0


@pytest.mark.parametrize("kind", ["features", "loss"])
def test_who_is_measured_without_pali_has_a_kind_of_stage_of_its_own(kind: str) -> None:
    kinds = [each.kind for each in ALL if each.scored == kind]
    assert "evaluate" not in kinds and len(set(kinds)) == len(kinds) > 0


def test_a_registered_one_is_found_for_the_time_of_a_test(add_benchmark: Callable[..., Benchmark]) -> None:
    mine = add_benchmark("docvqa", unit="ANLS")
    assert BENCHMARK.find("docvqa") is mine and BENCHMARK.plugins() == [mine]


def test_a_bare_name_stands_for_the_public_data_set_alone() -> None:
    docvqa = made(name="docvqa")
    assert docvqa.label("") == "docvqa"
    assert docvqa.label("world", embedded=True) == "embedded/docvqa"
    assert docvqa.label("records") == docvqa.label("records", "vqav2") == "records/docvqa"
    assert docvqa.label("union", "pages.vqa") == "pages/docvqa"


@each_benchmark
def test_public_files_are_those_of_registered_components(benchmark: Benchmark) -> None:
    """Their paths lie below the root, and are options that name files or folders."""
    kind = "source" if benchmark.generated else "captioned" if "captioned" in benchmark.sets else "labelled"
    for public in benchmark.public:
        entry = KINDS[kind].describe(public.component)
        assert {option for option, _ in public.paths} <= {*entry.files, *entry.folders}
        assert not any(path.startswith(("/", "~", ".")) for _, path in public.paths)
        assert bool(public.task) is benchmark.generated
    assert benchmark.public or not (benchmark.generated or benchmark.sets)


def test_losses_and_costs_have_no_upper_bound() -> None:
    bounded = {benchmark.name for benchmark in BENCHMARK.all() if benchmark.bounded}
    assert bounded >= {"vqav2", "refcoco", "mask_tokenizer", "probe", "docvqa", "miap"}
    assert not bounded & {"denoising", "throughput", "memory", "coco", "celeba"}
