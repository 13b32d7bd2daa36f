"""The embedded world: scenes of real emoji artwork with human-written names in 36 languages, inside the package.

NumPy and Pillow only. `World` composes and draws scenes; `probes` are eight small classification tasks. Everything is a
pure function of options and seeds. The artwork is Noto Emoji (Apache-2.0) and Twemoji (CC-BY 4.0), the names are from
Unicode CLDR: see `assets/LICENSES` and `assets/PROVENANCE.json`.
"""

from pali3kit.data.world.names import LANGUAGES
from pali3kit.data.world.scene import Scene, SceneThing, Sign
from pali3kit.data.world.world import World

__all__ = ["LANGUAGES", "Scene", "SceneThing", "Sign", "World"]
