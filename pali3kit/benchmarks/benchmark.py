"""The description of a benchmark, which `config`, `plan`, `evals` and `report` read instead of tables of names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter
from typing import Literal, get_args

from pali3kit.errors import RegistryError, choose

_Scored = Literal["generate", "features", "loss", "masks", "cost"]
"""What of a model a benchmark scores."""
_Section = Literal["probes", "labelled", "captioned"]
"""Sections of `evaluation` that name the sets an encoder is measured on; also placeholders in titles of columns."""
_EMBEDDED = "embedded"

ACCURACY, RECALL = "accuracy, %", "R@1, %"
CIDER, VQA, MIOU, NATS = "CIDEr × 100", "VQA accuracy, %", "mIoU × 100", "nats per token"
IMAGES_PER_SECOND, MEGABYTES = "images/s", "MB"
ANLS, EXACT, RELAXED, WUPS = "ANLS × 100", "exact match, %", "relaxed accuracy, %", "WUPS@0 × 100"
"""Units, as tables print them."""
COST_BATCH = 32
"""The number of images that are encoded at once where it is measured what an encoder costs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One number of a benchmark, a column of its tables.

    `part` is its name among the benchmark's numbers, "" where there is one. The placeholders of a `title` are filled
    with what the benchmark is measured on: `{set}` with the title of its public data set, or with `Benchmark.label` on
    other data; `{labelled}`, `{captioned}` and `{probes}` with the sets of that section of `evaluation`.
    """

    title: str
    part: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicSet:
    """A public data set as it lies below `data.root`.

    Args:
        title: what reports call it, with the split where there are several; options of the component in braces.
        component: the registered component that reads its files: a source, or a set of the encoder's.
        paths: the component's options that name files or folders, relative to the root, which are all required.
        options: its other options.
        task: the source's task that its examples are of; "" for the encoder's sets.
        ocr: the component's options that name published words of an OCR system, needed where prompts have them.
    """

    title: str
    component: str
    paths: tuple[tuple[str, str], ...]
    task: str = ""
    options: tuple[tuple[str, int | str], ...] = ()
    ocr: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """The counterpart of a public data set that a source of the package draws: its `task` of the `source`.

    A benchmark whose task the embedded world does not have is measured on it where an experiment has no `data.root`.
    """

    source: str
    task: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What the server of a data set expects: a JSON list with a mapping for each question or image, each once.

    `key` is the field of the question's or image's id, a whole number or, without `numbers`, a text, and `text` that of
    the answer or caption.
    """

    key: str
    text: str = "answer"
    numbers: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A chart of the numbers below `key` in a benchmark's `metrics.json`.

    Only numbers whose names start with `prefix` are drawn, labelled by the rest of the name. `{title}` in `title` is
    the title of the column `part`.
    """

    kind: Literal["lines", "bars"]
    title: str = "{title}"
    key: Literal["extra", "curve"] = "extra"
    prefix: str = ""
    part: str = ""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark: what is measured, on which data, by which metric, and how reports show it.

    Args:
        name: its name in `evaluate`.
        summary: one line for `list`.
        columns: the columns of its tables, in order.
        unit: the unit of its values, as tables print it.
        lower_is_better: whether a lower value is better, as of a loss.
        digits: decimals to print.
        scored: its subject: text that PaLI generates, `features` of the image encoder alone, a `loss` of the language
            model alone, `masks` of the mask tokenizer alone, or the `cost` of the image encoder, whatever the images.
            All but the first are measured right after pretraining.
        kind: the kind of stage that measures it.
        metric: the registered metric that scores generated answers.
        task: the task of `data.source` whose answers it scores, by its name in the embedded world; `data.tasks` may set
            another one. Answers are generated for one; "" where the world does not have it.
        embedded: its counterpart in another source of the package.
        groups: groups of questions (`Asked.group`) whose mean is its value; else that is the mean over all questions. A
            group may be a column too, its `part`.
        public: the public data sets that it is measured on with a `data.root`: one source, or the sets of `sets`.
        fewest: the least number of test examples that its metric needs; with `every_language`, in each language.
        every_language: whether it asks for each image in every language of the source, as Crossmodal-3600 does.
        regions: whether answers are boxes and masks, written with the mask tokenizer.
        ocr: whether its prompts may have the words of an external OCR system (`data.ocr`).
        right_or_wrong: whether a single answer is right or wrong; a caption is scored by degrees.
        transfer_of: the benchmark whose fine-tuned model it is measured on; "" for one of its own.
        answered_by: the benchmark whose fine-tuned model answers it, on images of its own, where there is nothing to
            train on; "" for that of its own transfer.
        text_scorers: whether its answers are rated by `evaluation.text_scorers`; each is a column, its `part`.
        parity: whether the probabilities of given texts are compared (`evaluation.parity`), and nothing is generated.
        submission: the format of the server that scores its test split, if there is one.
        sets: sections of `evaluation` that name the sets it is measured on.
        reads_texts: whether it needs a text tower.
        training_stage: a stage that is trained for this benchmark alone, after pretraining.
        setting: a sentence for reports on how it is measured, with keys of `evaluation` in braces.
        charts: charts in reports.
    """

    name: str
    summary: str
    columns: tuple[Column, ...]
    unit: str
    lower_is_better: bool = False
    digits: int = 1
    scored: _Scored = "generate"
    kind: str = "evaluate"
    metric: str = ""
    task: str = ""
    embedded: Embedded | None = None
    public: tuple[PublicSet, ...] = ()
    groups: tuple[str, ...] = ()
    fewest: int = 1
    every_language: bool = False
    regions: bool = False
    ocr: bool = False
    right_or_wrong: bool = True
    transfer_of: str = ""
    answered_by: str = ""
    text_scorers: bool = False
    parity: bool = False
    submission: Submission | None = None
    sets: tuple[_Section, ...] = ()
    reads_texts: bool = False
    training_stage: str = ""
    setting: str = ""
    charts: tuple[Chart, ...] = ()

    def __post_init__(self) -> None:
        """Raise RegistryError for an invalid description; `config.check` checks the names of stages and metrics."""
        if not self.columns:
            raise RegistryError(f"benchmark '{self.name}' needs at least one column.")
        for what, word, choices in self._words():
            if word not in choices:
                known = choose(word, filter(None, choices))
                raise RegistryError(f"benchmark '{self.name}': unknown {what} '{word}'.{known}")
        if self.metric and not self.generated:
            raise RegistryError(f"benchmark '{self.name}': a metric scores generated answers: 'generate'.")
        if self.generated and not (self.task or self.embedded or self.public):
            raise RegistryError(f"benchmark '{self.name}': names no task of a source, such as 'caption' or 'vqa'.")
        self._places(self.setting)  # `config.check` knows which keys exist

    def _words(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Fields with fixed choices: what the field is, its value, and the choices."""
        yield "scored", self.scored, get_args(_Scored)
        yield from (("sets", each, get_args(_Section)) for each in self.sets)
        for column in self.columns:
            yield from (("place in a title", each, ("set", *get_args(_Section))) for each in self._places(column.title))
        for chart in self.charts:
            yield from (("place in a chart's title", each, ("title",)) for each in self._places(chart.title))
            yield "part in a chart", chart.part, tuple(column.part for column in self.columns)

    @property
    def asked(self) -> tuple[str, ...]:
        """The keys of `evaluation` that `setting` mentions."""
        return self._places(self.setting)

    def _places(self, text: str) -> tuple[str, ...]:
        """The placeholders of a text."""
        try:
            return tuple(place for _, place, _, _ in Formatter().parse(text) if place is not None)
        except ValueError as error:
            raise RegistryError(f"benchmark '{self.name}': '{text}' cannot be filled in: {error}.") from error

    @property
    def generated(self) -> bool:
        """Whether answers that PaLI generates are scored, and not a pretrained component alone."""
        return self.scored == "generate"

    @property
    def uses_encoder(self) -> bool:
        """Whether its numbers depend on the image encoder."""
        return self.scored in ("generate", "features")

    def label(self, source: str, task: str = "", published: bool = False, embedded: bool = False) -> str:
        """Its name in plans and reports: a bare name stands for the public data set, and for nothing else.

        `source` is the component that was read: `embedded/<name>` where it is `embedded` itself and on what the
        benchmark is embedded in, else `<source>/<name>`. Of a union that is the part which `task` names, as in
        `data.tasks`. It reads the public set if it is "", or if the experiment takes the benchmark's `published` files
        and the component is made for them. A cost depends on no set.
        """
        if (
            not source
            or self.scored == "cost"
            or (published and any(source == public.component for public in self.public))
        ):
            return self.name
        if embedded or self.is_embedded_in(source):
            return f"{_EMBEDDED}/{self.name}"
        return f"{task.rpartition('.')[0] or source}/{self.name}"

    def is_embedded_in(self, source: str) -> bool:
        """Whether a source, by its component's name, draws the benchmark's counterpart."""
        return self.embedded is not None and self.embedded.source == source

    @property
    def bounded(self) -> bool:
        """Whether the scores of single answers lie between 0 and 100."""
        return self.unit.endswith("%") or (self.right_or_wrong and self.scored not in ("loss", "cost"))

    @property
    def transfer(self) -> str:
        """The benchmark whose fine-tuned model is measured."""
        return self.transfer_of or self.name

    @property
    def model_of(self) -> str:
        """The benchmark whose fine-tuned model answers it."""
        return self.answered_by or self.transfer

    @property
    def column_names(self) -> tuple[str, ...]:
        """The keys of its columns in `published` and in the paper's tables: `name.part`, or `name` alone."""
        return tuple(f"{self.name}.{column.part}" if column.part else self.name for column in self.columns)

    def count(self, images: int, limit: int, languages: int) -> int:
        """The number of examples under `evaluation.limit`, if each image yields one."""
        first = min(images, limit)
        if not self.every_language:
            return first
        return first + max(0, languages - 1) * min(images, self.share(limit, languages))

    def share(self, limit: int, languages: int) -> int:
        """Examples in each language but English: the others share twice the `limit` that English has."""
        return max(2, 2 * limit // max(1, languages))
