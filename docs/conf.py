"""Sphinx: `sphinx-build -W docs build/html`, with initcore[docs] installed."""

import sys
from pathlib import Path
from typing import Any

import initcore

sys.path.insert(0, str(Path(__file__).parents[1]))  # the clone, for what the wheel leaves out
from bench import catalogue

project = "initcore"
author = "the initcore authors"
version = release = initcore.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_generated/*"]
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings have types and shapes
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "initcore"

# The catalogue is what the code says at the moment of the build.
generated = Path(__file__).parent / "_generated"
generated.mkdir(exist_ok=True)
(generated / "catalogue.md").write_text(catalogue.markdown() + "\n", encoding="utf-8")


def setup(app: Any) -> None:
    """|x| in a docstring is an absolute value, which reStructuredText would take for a name."""

    def escape(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: Any) -> None:
        for at, line in enumerate(lines):
            if not line.startswith(" ") and "``" not in line and ">>>" not in line:
                lines[at] = line.replace("|", "\\|")

    app.connect("autodoc-process-docstring", escape, priority=100)
