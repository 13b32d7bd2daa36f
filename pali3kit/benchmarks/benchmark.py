"""What a benchmark is. `config`, `plan`, `evals` and `report` ask it: nobody else keeps a table of names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter
from typing import Literal, get_args

from pali3kit.errors import RegistryError, choose

_Answered = Literal["generate", "features", "loss"]
"""How a benchmark is answered."""
_Section = Literal["probes", "labelled", "captioned"]
"""Sections of `evaluation` that name sets, as titles may."""
_EMBEDDED = "embedded"

ACCURACY, RECALL = "accuracy, %", "R@1, %"
CIDER, VQA, MIOU, NATS = "CIDEr × 100", "VQA accuracy, %", "mIoU × 100", "nats per token"
"""Units of values, as tables print them."""


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
        title: what reports call it, with the split where a benchmark has several.
        component: the registered component that reads its files: a source, or a set of the encoder's.
        paths: the component's options that name files or folders, relative to the root, which are all required.
        task: the source's task that asks; "" for the encoder's sets.
    """

    title: str
    component: str
    paths: tuple[tuple[str, str], ...]
    task: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A chart of further numbers that a benchmark leaves in `metrics.json`: those below the key `of`, or those whose
    names begin with `begin`, by what comes behind it. `title` may say `{title}`, that of the column `part`.
    """

    kind: Literal["lines", "bars"]
    title: str = "{title}"
    of: str = "extra"
    begin: str = ""
    part: str = ""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One thing that is measured.

    Args:
        name: what `evaluate` says.
        summary: one line for people.
        columns: what it adds to a table, in order.
        unit: what its values are in, as tables print it.
        lower_is_better: a loss.
        digits: decimals that tell something.
        answered: how: text that PaLI generates, `features` of the image encoder alone, or a `loss` of the language
            model alone. What is not generated is measured right after pretraining.
        kind: the kind of stage that measures it.
        metric: the registered metric that scores generated answers.
        task: the task of `data.source` that asks for what the benchmark scores: the embedded world's name of it, unless
            `data.columns` says another one. Required where answers are generated.
        public: the public data sets that it is measured on with a `data.root`: one source, or the sets of `sets`.
        fewest: test examples without which its metric is not defined; of `every_language`, in each of them.
        every_language: asks for each picture in every language of the source, as Crossmodal-3600 does.
        regions: answers are boxes and masks, written with the mask tokenizer.
        right_or_wrong: whether a single answer is one or the other; a caption is more or less like its references.
        transfer_of: the benchmark whose transfer it shares; "" has its own.
        sets: sections of `evaluation` that name the sets it is measured on.
        reads_texts: needs a text tower.
        trains: the stage that it trains for itself, after pretraining.
        setting: how it is measured, said in reports: a sentence with keys of `evaluation` in braces.
        figures: charts in reports.
    """

    name: str
    summary: str
    columns: tuple[Column, ...]
    unit: str
    lower_is_better: bool = False
    digits: int = 1
    answered: _Answered = "generate"
    kind: str = "evaluate"
    metric: str = ""
    task: str = ""
    public: tuple[PublicSet, ...] = ()
    fewest: int = 1
    every_language: bool = False
    regions: bool = False
    right_or_wrong: bool = True
    transfer_of: str = ""
    sets: tuple[_Section, ...] = ()
    reads_texts: bool = False
    trains: str = ""
    setting: str = ""
    figures: tuple[Figure, ...] = ()

    def __post_init__(self) -> None:
        """Raise RegistryError for what no report could show; `config.check` judges what is named of others."""
        if not self.columns:
            raise RegistryError(f"benchmark '{self.name}' needs at least one column.")
        for what, word, choices in self._words():
            if word not in choices:
                known = choose(word, filter(None, choices))
                raise RegistryError(f"benchmark '{self.name}': unknown {what} '{word}'.{known}")
        if self.metric and not self.generated:
            raise RegistryError(f"benchmark '{self.name}': a metric scores generated answers: 'generate'.")
        if self.generated and not self.task:
            raise RegistryError(
                f"benchmark '{self.name}': names no task, which a source is asked for: 'caption', 'vqa'."
            )
        self._places(self.setting)  # which keys there are is not known here

    def _words(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """What is told by a word, the word, and its choices."""
        yield "answered", self.answered, get_args(_Answered)
        yield from (("sets", each, get_args(_Section)) for each in self.sets)
        for column in self.columns:
            yield from (("place in a title", each, ("set", *get_args(_Section))) for each in self._places(column.title))
        for figure in self.figures:
            yield from (("place in a figure's title", each, ("title",)) for each in self._places(figure.title))
            yield "part in a figure", figure.part, tuple(column.part for column in self.columns)

    @property
    def asked(self) -> tuple[str, ...]:
        """The keys of `evaluation` in its setting."""
        return self._places(self.setting)

    def _places(self, text: str) -> tuple[str, ...]:
        """The names in braces of a text."""
        try:
            return tuple(place for _, place, _, _ in Formatter().parse(text) if place is not None)
        except ValueError as error:
            raise RegistryError(f"benchmark '{self.name}': '{text}' cannot be filled in: {error}.") from error

    @property
    def generated(self) -> bool:
        """Whether PaLI's answers are scored; else a pretrained component is measured alone."""
        return self.answered == "generate"

    def label(self, source: str, task: str = "") -> str:
        """Its name in plans and reports: a bare name stands for the public data set, and for nothing else.

        `source` is the component that was read in its place, "" for the public set: `embedded/<name>` on the embedded
        world, else `<source>/<name>`. Of a union that is the part which `task` names, as `data.columns` does.
        """
        if not source:
            return self.name
        return f"{_EMBEDDED if source == 'world' else task.rpartition('.')[0] or source}/{self.name}"

    @property
    def transfer(self) -> str:
        """The benchmark whose transfer is measured."""
        return self.transfer_of or self.name

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns as a report knows them: `name.part`, or `name` alone."""
        return tuple(f"{self.name}.{column.part}" if column.part else self.name for column in self.columns)

    def count(self, pictures: int, limit: int, languages: int) -> int:
        """How many examples `evaluation.limit` allows, where every one of so many pictures offers one."""
        first = min(pictures, limit)
        if not self.every_language:
            return first
        return first + max(0, languages - 1) * min(pictures, self.share(limit, languages))

    def share(self, limit: int, languages: int) -> int:
        """Examples in each language but English: English has `limit`, the others share twice as many."""
        return max(2, 2 * limit // max(1, languages))
