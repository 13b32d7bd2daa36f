"""Relative links of Markdown: as GitHub follows them, and where they lead on the site."""

from __future__ import annotations

import os
import re
from pathlib import Path

LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^(```.*?^```$)", re.DOTALL | re.MULTILINE)
MOVED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "reference/contributing.md",
    "CHANGELOG.md": "reference/changes.md",
}
"""Pages of the site whose text lies elsewhere in the repository."""
LEXERS = {".py": "python", ".yaml": "yaml", ".toml": "toml"}


def rewritten(text: str, written: Path, page: Path) -> str:
    """Return Markdown that was written in the file `written`, for the `page` of the site."""
    parts = FENCE.split(text)  # every second one is a fenced block
    return "".join(part if part.startswith("```") else _rewritten(part, written, page) for part in parts)


def _rewritten(text: str, written: Path, page: Path) -> str:
    docs = _docs(page)

    def moved(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(written.parent / link[2]))
        place = os.path.relpath(docs / placed(target.relative_to(docs.parent).as_posix()), page.parent)
        return f"{link[1]}{Path(place).as_posix()}{link[3]}"

    return LINK.sub(moved, text)


def _docs(page: Path) -> Path:
    return next(folder for folder in page.parents if folder.name == "docs")


def placed(path: str) -> str:
    """Return the path below `docs` of the page for a path of the repository."""
    if path in MOVED:
        return MOVED[path]
    if path.startswith("docs/tutorials/"):
        return f"notebooks/{Path(path).stem}.ipynb"
    return path.removeprefix("docs/") if path.startswith("docs/") else f"reference/sources/{path.replace('/', '--')}.md"


def pages(docs: Path) -> dict[str, str]:
    """The pages whose text lies elsewhere, and one for every other file or folder that a page links to."""
    found = {}
    root = docs.parent
    for name, place in list(MOVED.items())[1:]:
        found[place] = rewritten((root / name).read_text(encoding="utf-8"), root / name, docs / place)
    for written in [root / "CONTRIBUTING.md", root / "CHANGELOG.md", *docs.glob("*.md"), *docs.glob("tutorials/*.md")]:
        for link in LINK.finditer(FENCE.sub("", written.read_text(encoding="utf-8"))):
            target = Path(os.path.normpath(written.parent / link[2]))
            path = target.relative_to(root).as_posix()
            if placed(path).startswith("reference/sources/"):
                found[placed(path)] = _source(root, target)
    return found


def _source(root: Path, target: Path) -> str:
    """A page with the text of a file, or with the names in a folder."""
    title = f"---\norphan: true\n---\n\n# {target.relative_to(root).as_posix()}\n\n"
    if target.is_dir():
        names = sorted(
            file.relative_to(target).as_posix() for file in target.rglob("*") if "__pycache__" not in file.parts
        )
        return title + "In the repository:\n\n" + "".join(f"- `{name}`\n" for name in names)
    return f"{title}````{LEXERS.get(target.suffix, 'text')}\n{target.read_text(encoding='utf-8')}````\n"
