"""The look of a page: paper, ink, accent, typeface and noise, which say nothing about its content."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.data.pages.canvas import WHITE, Canvas
from pali3kit.data.world.chance import Draw, pick
from pali3kit.data.world.palette import RGB

PAPERS: tuple[RGB, ...] = (
    (252, 252, 250), (246, 242, 228), (238, 240, 244), (250, 246, 200), (232, 246, 232), (250, 232, 228),
    (228, 238, 250),
)  # fmt: skip
INKS: tuple[RGB, ...] = ((20, 20, 24), (28, 34, 84), (60, 30, 20), (20, 60, 40))
ACCENTS: tuple[RGB, ...] = (
    (176, 34, 34), (30, 74, 170), (24, 112, 60), (112, 44, 140), (60, 60, 66), (176, 90, 10), (10, 110, 120),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """How a page looks. `accent` is dark enough for white letters; `grain` is which noise, 0 to 7."""

    paper: RGB
    ink: RGB
    accent: RGB
    face: str
    grain: int

    def start(self, canvas: Canvas) -> None:
        """Lay the paper."""
        canvas.fill((0, 0, canvas.size, canvas.size), self.paper)

    def heading(self, canvas: Canvas, text: str, style: int, em: int) -> int:
        """Print a heading at the top in one of four styles, and return the row below it.

        Styles: 0 left, 1 in the middle with a rule, 2 white on a bar of the accent, 3 right, in the accent's colour.
        """
        margin, top, pad = canvas.px(4), canvas.px(3), canvas.px(2)
        align = ("left", "middle", "left", "right")[style]
        x = {"left": margin, "middle": canvas.size // 2, "right": canvas.size - margin}[align]
        if style == 2:
            canvas.fill((0, 0, em + top + pad, canvas.size), self.accent)
        ink = (self.ink, self.ink, WHITE, self.accent)[style]
        canvas.text(text, top, x, em, face="bold", ink=ink, align=align, width=canvas.size - 2 * margin)
        below = top + em + pad
        if style == 1:
            canvas.rule(below, margin, canvas.size - margin, self.accent, canvas.px(1))
        return below + 2 * pad


def sample_look(draw: Draw, faces: tuple[str, ...] = ("sans", "sans", "serif", "mono")) -> Look:
    """A random look; plain white paper is the most frequent."""
    paper = PAPERS[0] if draw() < 0.4 else pick(PAPERS, draw)
    return Look(paper, pick(INKS, draw), pick(ACCENTS, draw), pick(faces, draw), int(draw() * 8))
