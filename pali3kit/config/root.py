"""Public data sets below `data.root`, written out as settings that an experiment could have named itself.

When an experiment is loaded, `data.root` becomes `data.benchmarks`, the source that each generated benchmark is trained
and measured on, and `evaluation.probes`, `labelled` and `captioned`, the sets of the image encoder alone. Everything
else reads these settings, and the root only for its messages. Without a root, `data.benchmarks` has the drawn
counterparts of what the embedded world has no task for (`config.counterparts`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields, replace
from urllib.parse import quote

from pali3kit import registry
from pali3kit.benchmarks.benchmark import Benchmark, PublicSet
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import entry_of, label_on, may_be_own
from pali3kit.config.budgets import KeyProblem, known_benchmarks, trained_for, transfer_of
from pali3kit.config.component import Component
from pali3kit.config.missing_files import beside, missing_files, not_there
from pali3kit.config.paths import protocol
from pali3kit.config.schema import Experiment
from pali3kit.config.suggestions import new_name
from pali3kit.config.tree import Node
from pali3kit.config.urls import WEB, url_problem
from pali3kit.errors import choose

WORLD = "world"
_FRAMES = "frames"  # the option of sources of videos


def public_sets(tree: Node) -> Node | None:
    """Return the settings that `data.root` stands for, to be merged below the experiment's own; None without a root.

    They cover the benchmarks in `evaluate` and `data.benchmarks`, and problems with them point to the root's line.
    Values of a wrong type are skipped here and refused by `typed`.
    """
    root = tree.at("data", "root")
    if root is None or not isinstance(root.value, str):
        return None
    layer, with_words = Node({}, root.where), _reads_published_words(tree)
    for benchmark in asked_benchmarks(tree):
        for public in benchmark.public:
            *above, last = _key(benchmark, public)
            if "probes" not in above or not _filled(tree.at(*above)):  # the experiment's own replace all eight
                layer.put([*above, last], _component(public, root, with_words))
    return layer


def asked_benchmarks(tree: Node) -> list[Benchmark]:
    """The benchmarks in `evaluate` and `data.benchmarks`, then those whose transfers they share."""
    evaluate, own = tree.at("evaluate"), tree.at("data", "benchmarks")
    asked = [node.value for node in evaluate.value] if evaluate is not None and isinstance(evaluate.value, list) else []
    asked += [*own.value] if own is not None and isinstance(own.value, dict) else []
    known = BENCHMARK.names()
    found = [BENCHMARK.find(name) for name in asked if name in known]
    return found + [BENCHMARK.find(name) for each in found for name in (each.transfer, each.model_of) if name in known]


def _reads_published_words(tree: Node) -> bool:
    """Whether `data.ocr.words` is `published`, in the experiment or in a value of its grid."""
    axes = [tree.at("grid", key) for key in ("data.ocr", "data.ocr.words")]
    listed = [value for axis in axes if axis is not None and isinstance(axis.value, list) for value in axis.value]
    chosen = [tree.at("data", "ocr", "words"), *listed, *(value.at("words") for value in listed)]
    return any(node is not None and node.value == "published" for node in chosen)


def without_training(tree: Node, public: Node) -> Node:
    """A tree with `public_sets` and all overrides, for a model that is only measured: files to train on need not exist.

    Where one does not, the test file is named in its place: the training split is not read. `tree` is changed.
    """
    listed = public.at("data", "benchmarks")
    for name in listed.value if listed is not None else ():
        node = tree.at("data", "benchmarks", name)
        if node is not None and isinstance(node.value, dict):
            _without_training(node)
    return tree


def _without_training(source: Node) -> None:
    options = source.value
    part = Component(name="", options={option: node.plain() for option, node in options.items()})
    part.name = str(part.options.get("name"))
    entry = entry_of(part)
    absent = [] if entry is None else missing_files(part, entry)
    optional = [] if entry is None or entry.options is None else [
        each.name for each in fields(entry.options) if each.default is None
    ]  # fmt: skip
    for option in absent:
        test = options.get("test" if option == "path" else f"test_{option}")
        if test is not None:
            options[option] = test
        elif option in optional and not option.startswith("test"):
            del options[option]


def source_of(cell: Experiment, benchmark: Benchmark) -> Component | None:
    """The source that `data.benchmarks` has for a benchmark, with `data.frames` where it reads videos; None if the
    benchmark reads `data.source`.

    Benchmarks that share a transfer share its source.
    """
    own, frames = cell.data.benchmarks.get(transfer_of(cell.stages.transfer, benchmark)), cell.data.frames
    if own is None or frames is None or _FRAMES not in own.options:
        return own
    return replace(own, options={**own.options, _FRAMES: frames})


def measured_source(cell: Experiment, benchmark: Benchmark) -> Component:
    """The source that a generated benchmark is trained and measured on: its own, or `data.source`."""
    return source_of(cell, benchmark) or cell.data.source


def own_source_key(cell: Experiment, benchmark: Benchmark) -> str:
    """The key of the source that `source_of` returns."""
    return f"data.benchmarks.{transfer_of(cell.stages.transfer, benchmark)}"


def task_of(cell: Experiment, benchmark: Benchmark) -> str:
    """The source's task that a benchmark is trained and measured on; "" where it has none."""
    own = source_of(cell, benchmark)
    if own is None and benchmark.name in cell.data.tasks:
        return cell.data.tasks[benchmark.name]
    if benchmark.embedded is not None and benchmark.is_embedded_in((own or cell.data.source).name):
        return benchmark.embedded.task
    return benchmark.public[0].task if own is not None and benchmark.public else benchmark.task


def benchmark_label(cell: Experiment, benchmark: Benchmark) -> str:
    """The name of a benchmark in reports, which tells what it is measured on (`Benchmark.label`)."""
    if benchmark.sets:
        return label_on(benchmark, WORLD if any(_embedded(cell, section) for section in benchmark.sets) else "")
    source, own = cell.data.source.name, source_of(cell, benchmark)
    if own is not None:
        return label_on(benchmark, own.name, published=True)
    if not benchmark.generated and source != WORLD:
        return benchmark.label("")
    return label_on(benchmark, source, cell.data.tasks.get(benchmark.name, ""))


def public_title(cell: Experiment, benchmark: Benchmark) -> str:
    """The title of the public data set that a benchmark is measured on; its label if another component is read."""
    source = source_of(cell, benchmark)
    for public in benchmark.public:
        if source is not None and source.name == public.component:
            return public.title.format(**source.options)
    return benchmark.name if source is None else benchmark_label(cell, benchmark)


def check_root(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that the sources of `data.benchmarks` exist and fit; with a root, nothing is embedded."""
    known = BENCHMARK.names()
    for name in cell.data.benchmarks:
        key = f"data.benchmarks.{name}"
        if name not in known or not BENCHMARK.find(name).generated:
            generated = [each.name for each in BENCHMARK.all() if each.generated]
            meant = new_name("benchmark", name) or choose(name, generated)
            yield key, f"data.benchmarks: no generated benchmark '{name}'.{meant}"
        elif (shared := transfer_of(cell.stages.transfer, BENCHMARK.find(name))) != name:
            alone = f" Without stages.transfer.benchmarks.{shared}.mixture each has its own." if cell.data.root else ""
            yield key, f"data.benchmarks: '{name}' shares the transfer of '{shared}': set that one instead.{alone}"
        elif name in cell.data.tasks:
            text = f"'{name}' has a source of its own, data.benchmarks.{name}: leave one of the two out."
            yield f"data.tasks.{name}", f"data.tasks: {text}"
        elif not may_be_own(cell.data.benchmarks[name]):
            text = "take a source of images in files, or leave it out."
            yield key, f"{key} cannot be '{cell.data.benchmarks[name].name}': {text}"
    root = cell.data.root
    if root is not None and (missing := missing_root(root)):  # then all below it is missing
        yield "data.root", f"data.root: {missing}"
        return
    yield from _missing_sources(cell)
    yield from _check_frames(cell)
    if root is None:
        return
    for section in sorted({section for name in known_benchmarks(cell) for section in BENCHMARK.find(name).sets}):
        if _embedded(cell, section):
            text = "is the embedded world's: with a data.root, name sets in files or leave it out."
            yield f"evaluation.{section}", f"evaluation.{section} {text}"
    yield from _without_files(cell)


def missing_root(root: str) -> str:
    """Why nothing can be read below `data.root`; "" if it is a folder, or a URL that can be read."""
    if protocol(root):
        return url_problem(root)
    return "" if os.path.isdir(root) else not_there("folder", root)


def _check_frames(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that `data.frames` reaches all benchmarks that read videos, and that there are some."""
    sources, known = cell.data.benchmarks.values(), map(BENCHMARK.find, known_benchmarks(cell))
    if cell.data.frames is None:
        return
    if not any(_FRAMES in source.options for source in sources):
        yield "data.frames", "data.frames: no benchmark has a source of videos: set data.benchmarks or data.root."
    elif any(each.generated and source_of(cell, each) is None for each in known):
        for key in _of_videos(cell.data.source, "data.source"):
            yield (
                "data.frames",
                f"data.frames is for sources of data.benchmarks: those of {key} are set by {key}.frames.",
            )


def _of_videos(source: Component, key: str) -> Iterator[str]:
    """The keys of the sources of videos: of the source itself, or of a union's."""
    if _FRAMES in source.options:
        yield key
    for name, part in source.parts.items():
        yield from _of_videos(part, f"{key}.parts.{name}")


def _missing_sources(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that the files of the benchmarks exist, those of `trained_for` too: one problem for each, which lists all
    that is missing.
    """
    answered = trained_for(cell)
    for benchmark in [BENCHMARK.find(name) for name in (*known_benchmarks(cell), *answered)]:
        source, key = source_of(cell, benchmark), own_source_key(cell, benchmark)
        if benchmark.name in cell.data.benchmarks and key != f"data.benchmarks.{benchmark.name}":
            continue  # refused above
        entry = None if source is None else registry.SOURCE.describe(source.name)
        if source is not None and entry is not None and (absent := missing_files(source, entry)):
            title = public_title(cell, benchmark)
            hint = next(filter(None, map(beside, absent.values())), "")
            listed = ", ".join(f"'{path}'" for path in dict.fromkeys(absent.values()))
            asked = answered.get(benchmark.name, benchmark.name)
            use = (
                "is measured on" if asked == benchmark.name else f"is answered by '{benchmark.name}', which learns from"
            )
            text = f"benchmark '{asked}' {use} {title}, and there is no {listed}.{hint}"
            yield key, f"{text} Leave '{asked}' out of evaluate, or say where its files lie: {key}."


def _without_files(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that no benchmark without a known layout falls back to the embedded world."""
    for benchmark in [BENCHMARK.find(name) for name in known_benchmarks(cell)]:
        embedded = benchmark.generated and benchmark.task and cell.data.source.name == WORLD
        if embedded and source_of(cell, benchmark) is None:
            text = f"benchmark '{benchmark.name}' has no files below data.root that it knows: name its source,"
            yield "evaluate", f"{text} {own_source_key(cell, benchmark)}, or leave it out of evaluate."


def _embedded(cell: Experiment, section: str) -> bool:
    """Whether a section of `evaluation` has sets of the embedded world."""
    if section == "probes":
        chosen = cell.evaluation.probes
        return not chosen or any(part.name.startswith(f"{WORLD}_") for part in chosen.values())
    part: Component = getattr(cell.evaluation, section)
    return part.name.startswith(f"{WORLD}_")


def _key(benchmark: Benchmark, public: PublicSet) -> tuple[str, ...]:
    """The setting that names the component of a public set."""
    if not benchmark.sets:
        return "data", "benchmarks", benchmark.transfer
    section = benchmark.sets[0]
    return ("evaluation", section, public.component) if section == "probes" else ("evaluation", section)


def _component(public: PublicSet, root: Node, with_words: bool) -> Node:
    """The component that reads a public set, with its paths below the root, those of published words if needed."""
    named = public.paths + (public.ocr if with_words else ())
    web = protocol(root.value) in WEB  # where names are percent-encoded, but not the stars of patterns
    paths = {option: os.path.join(root.value, quote(path, safe="/*") if web else path) for option, path in named}
    options = {"name": public.component, **paths, **dict(public.options)}
    return Node({option: Node(value, root.where) for option, value in options.items()}, root.where)


def _filled(node: Node | None) -> bool:
    return node is not None and bool(node.value)
