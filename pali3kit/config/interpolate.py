"""`${dotted.key}` in a value takes the value of another key, by OmegaConf's rules."""

from __future__ import annotations

from pali3kit.config.tree import Node, plain, plant
from pali3kit.errors import Problem


def interpolate(tree: Node, problems: list[Problem]) -> Node:
    """Resolve all interpolations of a merged tree; one that fails is a problem at its own place."""
    values = {key: plain(child) for key, child in tree.value.items()}
    if "${" not in str(values):
        return tree
    from omegaconf import OmegaConf  # only files that interpolate pay for the import
    from omegaconf.errors import OmegaConfBaseException

    try:
        config = OmegaConf.create(values)
    except OmegaConfBaseException as error:
        problems.append(Problem(_unreadable(tree) or tree.where, str(error).splitlines()[0]))
        return tree
    return _resolve(tree, config, "", problems)


def _unreadable(node: Node) -> str:
    """The place of the first text that OmegaConf cannot read, "" if it can read all."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if isinstance(node.value, dict | list):
        children = node.value.values() if isinstance(node.value, dict) else node.value
        return next(filter(None, map(_unreadable, children)), "")
    try:
        OmegaConf.create([node.value])
    except OmegaConfBaseException:
        return node.where
    return ""


def _resolve(node: Node, config: object, key: str, problems: list[Problem]) -> Node:
    """Walk the tree and OmegaConf's twin of it side by side."""
    from omegaconf import DictConfig, ListConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    children = node.value.items() if isinstance(node.value, dict) else enumerate(node.value)
    resolved = {}
    assert isinstance(config, DictConfig | ListConfig)
    for index, child in children:
        try:
            value = config[index]
        except OmegaConfBaseException as error:
            problems.append(Problem(child.where, f"{key}{index}: {str(error).splitlines()[0]}"))
            continue
        if isinstance(child.value, dict | list):
            resolved[index] = _resolve(child, value, f"{key}{index}.", problems)
        else:
            resolved[index] = plant(OmegaConf.to_object(value) if OmegaConf.is_config(value) else value, child.where)
    return Node(resolved if isinstance(node.value, dict) else list(resolved.values()), node.where)
