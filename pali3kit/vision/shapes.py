"""Where a ViT finds its named shapes; the table itself needs no torch and lives with the configuration."""

from __future__ import annotations

from pali3kit.config.shapes import VIT_SHAPES, VitShape

__all__ = ["VIT_SHAPES", "VitShape"]
