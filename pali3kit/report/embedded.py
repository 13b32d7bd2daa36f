"""Notes on which data is drawn by the package: the embedded world, its pages and its clips."""

from __future__ import annotations

from collections.abc import Iterable

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import entry_of, label_on
from pali3kit.config.budgets import owner_of
from pali3kit.config.component import Component
from pali3kit.report.model import Report

_SCENES = "scenes composed from emoji drawings, with sentences made by templates over human-given names"
_COUNTERPARTS = "They are counterparts of the paper's sets, not those sets."
WORLD = f"The columns are measured on the embedded world: {_SCENES}. {_COUNTERPARTS}"
TRAINED = f"Encoders are pretrained on the embedded world: {_SCENES}. No column is measured on it."
WORLDS = ("world_probe", "world_classes", "world_captions")  # its sets for the encoder alone
PROBES = "The probe's tasks are the embedded world's, whatever the encoder was trained on."
LABELS = "The classes of embedded/imagenet are the embedded world's, whatever the encoder was trained on."
TOWER = "The text tower was LiT-tuned on the embedded world's pairs."
CAPTIONS = "The captions of embedded/xm3600 are the embedded world's, whatever the encoder was trained on."


def measured_benchmarks(report: Report) -> list[Benchmark]:
    """The benchmarks that a report is of."""
    return [BENCHMARK.find(name) for name in report.config["evaluate"]]


def embedded_notes(report: Report) -> Iterable[str]:
    """Which data is the embedded world's: that of all columns, of some, or of the training alone."""
    trained = report.config["data"]["source"]["name"] == "world"
    encoders = report.config["stages"]["vision"]["source"] or report.config["data"]["source"]
    pretrained = encoders["name"] == "world" and not _pretrains(report).isdisjoint(("classif", "siglip"))
    own, sets = _embedded_data(report), {name for each in measured_benchmarks(report) for name in each.sets}
    if trained and all(own.values()):
        yield WORLD
        return
    if pretrained and not any(own.values()):
        yield TRAINED
    texts = {"probes": PROBES, "labelled": LABELS, "captioned": CAPTIONS}
    yield from (texts[name] for name in texts if name in sets and _is_embedded(report, name))
    if trained and (rest := [name for name, worlds in own.items() if worlds and not BENCHMARK.find(name).sets]):
        listed = ", ".join(label_on(BENCHMARK.find(name), "world") for name in rest)
        yield f"Measured on the embedded world: {listed}: {_SCENES}. {_COUNTERPARTS}"
    yield from _drawn(report)
    source = report.config["stages"]["lit"]["source"] or report.config["data"]["source"]
    tuned = report.config["evaluation"]["text_tower"] == "lit" and report.config["model"]["dual_encoder"] is None
    if tuned and any(each.reads_texts for each in measured_benchmarks(report)) and source["name"] == "world":
        yield TOWER


def _drawn(report: Report) -> Iterable[str]:
    """What else is drawn that benchmarks are measured on, by source."""
    found: dict[str, list[Benchmark]] = {}
    for each in measured_benchmarks(report):
        found.setdefault(_source(report, each), []).append(each)
    for source, benchmarks in found.items():
        if (entry := entry_of(Component(name=source))) is not None and entry.drawn:
            listed = ", ".join(label_on(each, source) for each in benchmarks)
            told = f"{source}: {listed}: {entry.drawn}."
            yield f"Measured on embedded {told} {_COUNTERPARTS}" if entry.built_in else f"Measured on {told}"


def _embedded_data(report: Report) -> dict[str, bool]:
    """By benchmark, whether its data is the embedded world's, all or a part of it."""
    worlds = report.config["data"]["source"]["name"] == "world"
    return {
        each.name: any(_is_embedded(report, name) for name in each.sets)
        if each.sets
        else worlds and not _own_source(report, each)
        for each in measured_benchmarks(report)
        if each.scored != "cost"
    }


def _own_source(report: Report, benchmark: Benchmark) -> str:
    """The name of the source that a benchmark has for itself or with those that share its transfer; "" if none."""
    recipes = report.config["stages"]["transfer"]["benchmarks"]
    mixtures = {name: recipe.get("mixture") or {} for name, recipe in recipes.items() if isinstance(recipe, dict)}
    owner = owner_of(mixtures, benchmark.transfer)
    return str(report.config["data"]["benchmarks"].get(owner, {}).get("name", ""))


def _source(report: Report, benchmark: Benchmark) -> str:
    """The name of the source that a benchmark of generated answers is measured on."""
    return (_own_source(report, benchmark) or str(report.config["data"]["source"]["name"])) * benchmark.generated


def _is_embedded(report: Report, section: str) -> bool:
    """Whether the sets of a section of `evaluation` are the embedded world's."""
    chosen = report.config["evaluation"][section]
    if section == "probes":
        return not chosen or any(each["name"] in WORLDS for each in chosen.values())
    return chosen["name"] in WORLDS


def _pretrains(report: Report) -> set[object]:
    """How the rows' encoders are pretrained."""
    points = [row.settings for table in report.tables for row in table.rows]
    return {point.get("pretrain", report.config["pretrain"]) for point in points}
