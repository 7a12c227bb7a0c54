"""How Sphinx builds the documentation: `make docs`; nothing in the pages asks another host for anything."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ.setdefault("PFORGE_KEY", str(HERE / "_build" / "key"))  # examples do not touch the reader's own

from pforge_lab.version import __version__  # noqa: E402 - after the path is set

project = "pforge_lab"
author = "The pforge_lab developers"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's name
release = version = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "numpydoc",
    "pages",
]
exclude_patterns = ["_build", "_ext", "conftest.py"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # notebooks are executed once, and again when they change
nb_execution_cache_path = str(HERE / "_build" / "notebooks")
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_ipywidgets_js = {}  # no scripts of other hosts
suppress_warnings = ["misc.highlighting_failure"]  # magics with $variables are no plain Python

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
default_role = "code"  # `name` in docstrings is code

html_theme = "furo"
html_title = "pforge_lab"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]
