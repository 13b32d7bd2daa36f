"""What a benchmark is. `config`, `plan`, `evals` and `report` ask it: nobody else keeps a table of names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ACCURACY, RECALL = "accuracy, %", "R@1, %"
CIDER, VQA, MIOU, NATS = "CIDEr × 100", "VQA accuracy, %", "mIoU × 100", "nats per token"
"""Units of values, as tables print them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One number of a benchmark, a column of its tables.

    `part` is its name among the benchmark's numbers, "" where there is one. A `title` may say `{labelled}`,
    `{captioned}` or `{probes}`: what the set of that section of `evaluation` is called, or how many sets there are.
    """

    title: str
    part: str = ""


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
        task: the source's task that asks, where it has another name than the benchmark.
        counterpart: titles are those of the embedded world's counterparts of public sets: on other data columns are
            titled by their names.
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
    answered: Literal["generate", "features", "loss"] = "generate"
    kind: str = "evaluate"
    metric: str = ""
    task: str = ""
    counterpart: bool = False
    every_language: bool = False
    regions: bool = False
    right_or_wrong: bool = True
    transfer_of: str = ""
    sets: tuple[Literal["probes", "labelled", "captioned"], ...] = ()
    reads_texts: bool = False
    trains: str = ""
    setting: str = ""
    figures: tuple[Figure, ...] = ()

    @property
    def generated(self) -> bool:
        """Whether PaLI's answers are scored; else a pretrained component is measured alone."""
        return self.answered == "generate"

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
        return first + (languages - 1) * min(pictures, self.share(limit, languages))

    def share(self, limit: int, languages: int) -> int:
        """Examples in each language but English: English has `limit`, the others share twice as many."""
        return max(2, 2 * limit // languages)
