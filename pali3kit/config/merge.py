"""Merging of layers: the experiment over its scale, command line overrides over both."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pali3kit.config.kinds import PARTS, RECIPES, RUNTIMES, VARIABLES, hints, is_component, is_section
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Recipe
from pali3kit.config.tree import Node
from pali3kit.types import TypeForm

_RECIPE = get_args(RECIPES)[1]


def merge(kind: TypeForm, lower: Node, upper: Node) -> Node:
    """Lay `upper` over `lower`, two trees of the declared type `kind`.

    Sections and dictionaries merge key by key, anything else is replaced; an empty or null dictionary removes the lower
    one's entries. A component with a name replaces the lower one with all its options; a mapping without a name changes
    single options. A number of examples is a recipe with `examples` alone.
    """
    if kind == _RECIPE and None not in (lower.value, upper.value):
        return merge(Recipe, _as_recipe(lower), _as_recipe(upper))
    if get_origin(kind) is dict and upper.value in ({}, None):
        return Node({}, upper.where)
    if not isinstance(lower.value, dict) or not isinstance(upper.value, dict):
        if is_component(kind) and not isinstance(lower.value, dict) and isinstance(upper.value, dict):
            return merge(kind, Node({"name": lower}, lower.where), upper)
        return upper
    if is_component(kind) and "name" in upper.value:
        return upper
    if not (is_component(kind) or is_section(kind) or get_origin(kind) is dict):
        return upper
    merged = dict(lower.value)
    for key, node in upper.value.items():
        merged[key] = merge(_below(kind, key), merged[key], node) if key in merged else node
    return Node(merged, upper.where)


def nest(kind: TypeForm, key: str, leaf: Node) -> Node:
    """Wrap `leaf` in one mapping for each word of the dotted `key`.

    Below a dictionary the rest of the key is a single key with dots: `grid.model.projector` is the axis
    `model.projector` of the grid. Those of sources, transfers and kinds of stages are nested further.
    """
    head, _, rest = key.partition(".")
    if kind in (PARTS, RECIPES, RUNTIMES) and rest:
        return Node({head: nest(get_args(kind)[1], rest, leaf)}, leaf.where)
    if get_origin(kind) is dict or not rest:
        return Node({key: Node(leaf.value, leaf.where)}, leaf.where)
    return Node({head: nest(_below(kind, head), rest, leaf)}, leaf.where)


def _as_recipe(node: Node) -> Node:
    return node if isinstance(node.value, dict) else Node({"examples": node}, node.where)


def _below(kind: TypeForm, key: str) -> TypeForm:
    """Return the type of `key` in a value of type `kind`; Any where none is declared."""
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    if is_component(kind):
        return PARTS if key == "parts" else Any
    if kind is Experiment and key == VARIABLES:
        return dict[str, Any]
    return hints(kind).get(key, Any) if is_section(kind) else Any
