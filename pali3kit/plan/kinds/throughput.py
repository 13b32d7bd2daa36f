"""How many images per second the image encoder encodes."""

from __future__ import annotations

from pali3kit.plan.encoder_cost import Config as Config
from pali3kit.plan.encoder_cost import encoder_cost

KIND = encoder_cost("throughput", "time the image encoder's forward pass", seconds=5.0)
