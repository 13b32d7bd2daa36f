"""Keys and names of experiments that were renamed: an old one is refused with the new one.

Tables alone; `pali3kit.config.suggestions` words the messages.
"""

from __future__ import annotations

SINCE = "0.2"  # the version that renamed them

RENAMED: dict[str, str] = {}
"""Dotted keys: `{"runtime.ranks": "runtime.devices"}`. What stands below a key moves with it."""

RENAMED_NAMES: dict[str, dict[str, str]] = {}
"""Names and values, by where they are looked up: `benchmark` and `stage`, a registry (`vision`: names of components), a
component (`source/union`: its options), `kind` (what `list` and `show` take), or the dotted key of a value that is one
of several words (`{"pretrain": {"given": "pretrained"}}`).
"""
