"""Drawn counterparts of the public data sets that the embedded world has no task for, written out as settings.

Where the images are the embedded world's and there is no `data.root`, each such benchmark gets the source in which it
is `embedded`, as if the experiment had named it in `data.benchmarks`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import own_parts
from pali3kit.config.budgets import owner_of
from pali3kit.config.component import Component
from pali3kit.config.root import WORLD, asked_benchmarks
from pali3kit.config.tree import Node


def counterparts(tree: Node) -> Node | None:
    """Return the sources of `data.benchmarks` that are meant without a `data.root`, to be merged below the experiment's
    own; None where none are.

    A source of pages draws those parts alone whose tasks its transfer learns.
    """
    root, source = tree.at("data", "root"), tree.at("data", "source")
    named = None if source is None else source.at("name") or source  # a name alone is a component too
    if (root is not None and root.value is not None) or named is None or named.value != WORLD:
        return None
    tasks, where = _mapping(tree.at("data", "tasks")), (tree.at("evaluate") or named).where
    layer = Node({}, where)
    for name, learnt in _transfers(tree).items():
        drawn = [each.embedded for each in learnt if not each.task and each.embedded and each.name not in tasks]
        if drawn and all(each.is_embedded_in(drawn[0].source) for each in learnt):
            component = _component(drawn[0].source, learnt)
            layer.put(("data", "benchmarks", name), Node.of(component, where))
    return layer if layer.value else None


def _transfers(tree: Node) -> dict[str, list[Benchmark]]:
    """By the name of a transfer, the benchmarks whose tasks it learns."""
    recipes = _mapping(tree.at("stages", "transfer", "benchmarks"))
    mixtures = {name: [*_mapping(recipe.at("mixture"))] for name, recipe in recipes.items()}
    found: dict[str, list[Benchmark]] = {}
    for own in dict.fromkeys(each.transfer for each in asked_benchmarks(tree)):
        name = owner_of(mixtures, own)
        found[name] = [BENCHMARK.find(each) for each in mixtures.get(name) or [own] if each in BENCHMARK.names()]
    return found


def _component(source: str, learnt: Sequence[Benchmark]) -> dict[str, object]:
    tasks = [each.embedded.task for each in learnt if each.embedded and each.embedded.source == source]
    parts = list(dict.fromkeys(task.partition(".")[0] for task in tasks))
    return {"name": source, **({"only": parts} if own_parts(Component(name=source)) else {})}


def _mapping(node: Node | None) -> dict[str, Node]:
    return node.value if node is not None and isinstance(node.value, dict) else {}
