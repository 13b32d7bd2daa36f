"""The scores of slices: parts of the test examples by an attribute of theirs, such as `age`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from statistics import median

import numpy as np

from pali3kit.config.check_slices import Attributes, attributes_of
from pali3kit.config.root import measured_source
from pali3kit.config.schema import Experiment
from pali3kit.evals.scores import Prediction, image_numbers
from pali3kit.report.arms import Arm, ArtifactReader
from pali3kit.report.columns import EvaluationSets, ReportColumn, columns_of, in_column
from pali3kit.report.model import Slice, SliceTable
from pali3kit.report.slice_statistics import LEVEL, chance_of_differences, difference_bounds, mean_bounds

_Key = tuple[tuple[int, ...], str, str, str]
Scored = tuple[Mapping[str, str], float]
"""The attributes of an example, and its score: the mean over seeds."""


def slice_tables(
    arms: Sequence[Arm], artifacts: ArtifactReader, sets: EvaluationSets, experiment: Experiment
) -> Iterator[SliceTable]:
    """One table for each column and attribute that its examples have, and each arm, in this order.

    A score is the mean of those of its examples, averaged over seeds. Columns that a benchmark computes from all
    examples together, such as a mean over groups, are not sliced otherwise.
    """
    by, least = experiment.evaluation.slices.by, experiment.evaluation.slices.least
    for name in dict.fromkeys(name for arm in arms for name in arm.steps) if by else ():
        source, at, after = name.partition("@")
        for column in columns_of(source, sets):
            if not column.benchmark.generated:
                continue
            own = measured_source(experiment, column.benchmark)
            declared = attributes_of(own) or {}
            scored = {arm.label: _scored(arm, name, column, artifacts) for arm in arms if name in arm.steps}
            for attribute in by:
                for label, examples in scored.items():
                    if any(attribute in attributes for attributes, _ in examples):
                        yield replace(
                            slice_table(examples, attribute, by, declared, least, column.benchmark.bounded),
                            column=f"{column.name}{at}{after}",
                            title=column.title + (f", after {after}" if after else ""),
                            label=label,
                        )


def _scored(arm: Arm, name: str, column: ReportColumn, artifacts: ArtifactReader) -> list[Scored]:
    """The examples of a column that all seeds have, with their mean scores."""
    digests = {step.digest: step for step in arm.steps[name].values() if artifacts.folder(step) is not None}
    seeds = [_by_example(artifacts.predictions(step), column) for step in digests.values()]
    if not seeds:
        return []
    shared = [key for key in seeds[0] if all(key in seed for seed in seeds)]
    return [(seeds[0][key][0], sum(seed[key][1] for seed in seeds) / len(seeds)) for key in shared]


def _by_example(rows: Iterable[Prediction], column: ReportColumn) -> dict[_Key, Scored]:
    """The scores of a column's examples, those of equal examples averaged."""
    found: dict[_Key, tuple[Mapping[str, str], list[float]]] = {}
    for row in rows:
        score = in_column(row, column)
        if score is not None:
            key = image_numbers(row), row.get("prompt", ""), row.get("language", ""), str(row.get("id", ""))
            known = {name: value for name, value in row.get("attributes", {}).items() if value.strip()}
            found.setdefault(key, (known, []))[1].append(score)
    return {key: (attributes, sum(scores) / len(scores)) for key, (attributes, scores) in found.items()}


def slice_table(
    examples: Sequence[Scored],
    attribute: str,
    by: Sequence[str],
    declared: Attributes,
    least: int,
    bounded: bool,
) -> SliceTable:
    """The slices of one attribute, of a column and an arm without names.

    Args:
        examples: with their scores.
        attribute: whose values are the slices.
        by: all attributes that are looked at: intervals hold together for all their slices, tests for all of them.
        declared: the known values of attributes, in order.
        least: the least number of examples of a slice with a score.
        bounded: whether scores lie between 0 and 100 by their definition.
    """
    bounded = bounded and all(0 <= score <= 100 for _, score in examples)
    sizes = _sizes(examples, by, least)
    slices = _slices(examples, attribute, declared.get(attribute, ()), least, bounded, sum(map(len, sizes.values())))
    known = [each for each in slices if each.value and each.mean is not None]
    means = [each.mean for each in known if each.mean is not None]
    table = SliceTable("", "", "", attribute, slices, looked_at=sum(map(len, sizes.values())), least=least)
    if len(known) < 2:
        return table
    pairs = sum(len(list(combinations(filter(None, values), 2))) for values in sizes.values())
    low, high = (choose(known, key=lambda each: each.mean or 0.0) for choose in (min, max))
    ends = [(s.mean or 0.0, mean_bounds(_samples(examples, attribute, s.value), bounded, pairs)) for s in (high, low)]
    gap_low, gap_high = difference_bounds(*ends)
    numbers = {each.value: number for number, each in enumerate(known)}
    shown = [(score, numbers[value]) for told, score in examples if (value := told.get(attribute, "")) in numbers]
    scores, labels = (np.array(part) for part in zip(*shown, strict=True))
    return replace(
        table,
        lowest=min(means),
        median=float(median(means)),
        highest=max(means),
        gap_low=gap_low,
        gap_high=gap_high,
        chance=chance_of_differences(scores.astype(np.float64), labels.astype(np.int64)),
        level=LEVEL / sum(len([value for value in values if value]) > 1 for values in sizes.values()),
    )


def _samples(examples: Sequence[Scored], attribute: str, value: str) -> np.ndarray:
    return np.array([score for told, score in examples if told.get(attribute, "") == value], np.float64)


def _sizes(examples: Sequence[Scored], by: Sequence[str], least: int) -> dict[str, list[str]]:
    """The values of each attribute that enough examples have, "" for an unknown one."""
    found = {}
    for attribute in by:
        values = [told.get(attribute, "") for told, _ in examples]
        if any(values):
            found[attribute] = [value for value in dict.fromkeys(values) if values.count(value) >= least]
    return found


def _slices(
    examples: Sequence[Scored],
    attribute: str,
    declared: Sequence[str],
    least: int,
    bounded: bool,
    comparisons: int,
) -> tuple[Slice, ...]:
    """The slices in the declared order of values, others after these by name, an unknown value last."""
    found = {told.get(attribute, "") for told, _ in examples}
    values = [*declared, *sorted(found - {*declared, ""}), *([""] if "" in found else [])]
    slices = []
    for value in values:
        samples = _samples(examples, attribute, value)
        if len(samples) < least:
            slices.append(Slice(value, len(samples)))
        else:
            low, high = mean_bounds(samples, bounded, comparisons)
            slices.append(Slice(value, len(samples), float(samples.mean()), low, high))
    return tuple(slices)
