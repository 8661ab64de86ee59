"""Settings of Sphinx for the documentation site."""

from __future__ import annotations

import re
from importlib import metadata

from sphinx.application import Sphinx

from scripts.docs.reference import PARTS
from scripts.pipeline.io import ROOT

project = "apikley"
copyright = "the apikley developers"  # noqa: A001 - Sphinx's name
release = metadata.version("apikley")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["examples/**", "agents/**"]  # read in the repository
html_extra_path = [str(ROOT / "docs" / "llms.txt")]

html_theme = "furo"
html_title = "apikley"
html_baseurl = "https://apikley.github.io/apikley/"
html_static_path = [str(ROOT / "scripts" / "docs" / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "source_repository": "https://github.com/apikley/apikley/",
    "source_branch": "main",
    "source_directory": "docs/",
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"

myst_heading_anchors = 3
nitpick_ignore_regex = [("py:(class|data|exc|obj)", ".*")]  # types of other packages
default_role = "code"  # docstrings write `code` as Markdown does
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
copybutton_exclude = ".linenos, .gp, .go"

_MARKER = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)


def insert_generated(app: Sphinx, name: str, source: list[str]) -> None:  # noqa: ARG001 - Sphinx's signature
    """Replace each `<!-- generated: NAME -->` of a page by this part of the reference."""
    source[0] = _MARKER.sub(lambda found: PARTS[found[1]](), source[0])


def code_of_examples(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:  # noqa: ARG001
    """Mark the code of a docstring's section "Example" as code, before napoleon reads it as text."""
    for index in reversed([index for index, line in enumerate(lines) if line.strip() == "Example:"]):
        lines[index : index + 1] = [lines[index].replace("Example:", "Example::"), ""]


def without_arguments(
    app: Sphinx,  # noqa: ARG001 - Sphinx's signature
    what: str,
    name: str,  # noqa: ARG001
    obj: object,  # noqa: ARG001
    options: object,  # noqa: ARG001
    signature: str | None,
    returns: str | None,  # noqa: ARG001
) -> tuple[str, None] | None:
    """Leave out how an exception is made, because users only catch it."""
    return ("", None) if what == "exception" and signature else None


def setup(app: Sphinx) -> None:
    """Connect the hooks."""
    app.connect("source-read", insert_generated)
    app.connect("autodoc-process-docstring", code_of_examples, priority=100)
    app.connect("autodoc-process-signature", without_arguments)
