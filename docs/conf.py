"""Sphinx: the pages of this folder, and an API reference from the docstrings. `make docs` runs it."""

from murauer import __version__

project = "murauer"
author = "The murauer maintainers"
copyright = "2026, the murauer maintainers"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "README.md"]  # the index has the same list
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
add_module_names = False  # the heading says the module
napoleon_use_ivar = True  # attributes are described once, in the docstring of their class
default_role = "code"  # docstrings mark code by single backticks

html_theme = "furo"
html_title = f"murauer {release}"
pygments_style = "friendly"
