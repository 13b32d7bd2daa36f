"""The site: `nox -s docs` builds it into build/docs, offline."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from pali3kit import __version__

project = "pali3kit"
author = "The pali3kit maintainers"
project_copyright = author
release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "site_pages",
]
exclude_patterns = ["tutorials"]  # the sources of `notebooks/`, which are their pages
suppress_warnings = ["misc.highlighting_failure"]  # JSON Lines are no JSON, commands with `...` no shell

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4  # links to headings, with the anchors that GitHub gives them
nb_execution_mode = "off"  # tests/test_tutorials.py runs them
nb_merge_streams = True
nb_render_markdown_format = "gfm"  # with tables, as those of reports
nb_ipywidgets_js: dict[str, object] = {}

default_role = "code"  # docstrings have single backticks
napoleon_custom_sections = [("Keys", "params_style")]
autodoc_inherit_docstrings = False  # those of Lightning's hooks
autodoc_type_aliases = {name: name for name in ("Json", "Named")}  # not what they stand for, which fills pages
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"pali3kit {release}"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_extra_path = ["reference/extra"]  # reports of the gallery
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2457a6", "color-brand-content": "#2457a6"},
    "dark_css_variables": {"color-brand-primary": "#8ab4f8", "color-brand-content": "#8ab4f8"},
}
copybutton_exclude = ".linenos, .gp, .go"
