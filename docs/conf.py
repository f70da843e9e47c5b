"""
How Sphinx makes a website of this folder: ``make docs`` does it, into build/docs.

Owns how docstrings are shown and where their names lead. Nothing is fetched from the network, when
the pages are made or when they are read. Key decisions:

- Sections of docstrings ("Arguments:" and so on) become fields with a definition list, which takes
  entries such as ``host, port: ...`` as they are.
- A name in a docstring leads to the documented name that ends like it, of the same module if there
  is one, or to Python's own documentation by the table below; a name that leads nowhere fails the
  build.
"""

import os
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from websockets.version import distribution_version as version  # noqa: E402

project = "cywebsockets"
copyright = "the authors of cywebsockets"
release = version

autodoc_mock_imports = ["opentelemetry", "prometheus_client"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
nitpicky = True
suppress_warnings = ["ref.python"]  # a name that is imported under a second path is no mistake

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist", "tasklist"]

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
maximum_signature_line_length = 88
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# Prompts aren't copied, nor are blocks that are output.
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
copybutton_selector = "div:not(.highlight-text) > div.highlight > pre"

html_theme = "furo"
html_title = f"cywebsockets {version}"
html_static_path = ["static"]
html_css_files = ["cywebsockets.css"]
html_copy_source = False
html_show_sphinx = False

# Where Python documents what docstrings refer to; the longest start of a name counts.
PYTHON = {
    "asyncio.loop": "asyncio-eventloop",
    "asyncio.AbstractServer": "asyncio-eventloop",
    "asyncio.Server": "asyncio-eventloop",
    "asyncio.StreamReader": "asyncio-stream",
    "asyncio.TimeoutError": "asyncio-exceptions",
    "concurrent.futures.ThreadPoolExecutor": "concurrent.futures",
    "socket": "socket",
    "ssl": "ssl",
    "zlib": "zlib",
    **dict.fromkeys(["EOFError", "LookupError", "OSError", "RuntimeError"], "exceptions"),
    **dict.fromkeys(["TypeError", "UnicodeDecodeError", "ValueError"], "exceptions"),
}

# Pages that are shown here, but kept elsewhere.
ABOVE = {
    "security": "SECURITY.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "benchmarks": "benchmarks/README.md",
    "figures": "benchmarks/results/latest.md",
    "figures-topics": "benchmarks/results/topics.md",
}
LINK = re.compile(r"\[([^][]+)\]\(([\w./-]+)(#[\w-]+)?\)")

SECTION = re.compile(r"(Arguments|Attributes|Raises|Returns):")
ENTRY = re.compile(r"    (\w[^:`]*):\s*(.*)")


def show_sections(app, what, name, obj, options, lines):
    """Turn the sections of a docstring into fields, in place."""
    shown = []
    section = None
    for line in lines:
        heading = SECTION.fullmatch(line)
        if heading is not None:
            section = heading[1]
            shown += [f":{section}:"]
        elif section is None or (line and not line.startswith(" ")):
            section = None
            shown.append(line)
        else:
            entry = ENTRY.fullmatch(line) if section != "Returns" else None
            if entry is None:
                shown.append(line)
                continue
            mark = ":exc:`{}`" if section == "Raises" else "``{}``"
            terms = ", ".join(mark.format(term) for term in entry[1].split(", "))
            shown += ["", "    " + terms] + ["        " + entry[2]] * bool(entry[2])
    lines[:] = shown


def show_bases(app, name, obj, options, bases):
    """Leave out the bases that are nobody's business, in place."""
    bases[:] = [base for base in bases if "._" not in getattr(base, "__module__", "")]


def lead(app, env, node, contnode):
    """Find what a name in a docstring stands for."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].lstrip(".")
    domain = env.get_domain("py")
    found = [name for name in domain.objects if name == target or name.endswith("." + target)]
    # Several modules have a connect(): what is near is meant.
    near = [name for name in found if name.startswith(f"{node.get('py:module')}.")]
    if found:
        found = near or found
        entry = domain.objects[min(found, key=len)]
        uri = app.builder.get_relative_uri(node["refdoc"], entry.docname) + "#" + entry.node_id
        return nodes.reference("", "", contnode, internal=True, refuri=uri)
    start = target
    while start not in PYTHON and "." in start:
        start = start.rpartition(".")[0]
    if start in PYTHON:
        uri = f"https://docs.python.org/3/library/{PYTHON[start]}.html#{target}"
        return nodes.reference("", "", contnode, internal=False, refuri=uri)
    # A type in a signature may be private, or another library's: its name says enough.
    return contnode if in_signature(node) else None


def in_signature(node):
    while node is not None and not isinstance(node, addnodes.desc_signature):
        node = node.parent
    return node is not None


def take_in(app, docname, source):
    """Take documents from above this folder as pages, and have links to them lead there."""
    path = ROOT / ABOVE.get(docname, f"docs/{docname}.md")
    if docname in ABOVE:
        app.env.note_dependency(str(path))
        source[0] = path.read_text("utf-8")
    pages = {(ROOT / name).resolve(): page for page, name in ABOVE.items()}

    def follow(link):
        text, target, anchor = link.groups()
        if text.endswith(".md"):
            text = ""  # then the title of the page stands there
        target = (path.parent / target).resolve()
        if target in pages:
            return f"[{text}](/{pages[target]}.md{anchor or ''})"
        if target.is_dir():
            return text
        if docname in ABOVE and target.is_file():
            return f"[{text}]({os.path.relpath(target, ROOT / 'docs')}{anchor or ''})"
        return f"[{text}]({link[2]}{anchor or ''})"

    source[0] = LINK.sub(follow, source[0])


def copy_for_models(app, exception):
    """Put llms.txt in the root of the site; what it names are pages there."""
    if exception is None and app.builder.name == "html":
        text = (ROOT / "docs" / "llms.txt").read_text("utf-8")
        text = re.sub(r"\]\(([\w./-]+)\.(?:md|rst)\)", r"](\1.html)", text)
        Path(app.outdir, "llms.txt").write_text(text, "utf-8")


def setup(app):
    app.connect("autodoc-process-docstring", show_sections)
    app.connect("autodoc-process-bases", show_bases)
    app.connect("missing-reference", lead)
    app.connect("source-read", take_in)
    app.connect("build-finished", copy_for_models)
