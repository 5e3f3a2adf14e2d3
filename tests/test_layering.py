"""The order of the folders: ir <- text <- rewrite, prove, interp <- dialects <- passes <- backends <- frontend, driver. No import runs the other way.

The imports are read from the source, so an import hidden in a function or behind TYPE_CHECKING counts like any other.
The face of the project, tinyir/__init__.py, stands above all folders and is left out: it imports nothing when it is imported (which is tested too).
"""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from subprocess import run

import pytest

LAYERS = (("ir",), ("text",), ("rewrite", "prove", "interp"), ("dialects",), ("passes",), ("backends",), ("frontend", "driver"))
RANK = {folder: rank for rank, layer in enumerate(LAYERS) for folder in layer}
SPECS = "specs"  # data; whoever wants may ask where it stands

# Third-party module -> the places that may import it. Everything else must come with Python.
THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "attrs": ("",),
    "numpy": ("",),
    "lark": ("text.",),
    "z3": ("prove.",),
    "onnx": ("frontend.onnx",),
    "onnxruntime": ("frontend.onnx_layers.",),
    "torch": ("frontend.torch",),
    "elftools": ("backends.",),
    "unicorn": ("backends.",),
    "pygls": ("driver.language_server",),
    "lsprotocol": ("driver.language_server",),
    "pytest": ("driver.pytest_plugin",),
}
HEAVY = ("lark", "z3", "onnx", "torch", "numpy", "unicorn", "elftools")
LOCAL_ONLY = ("z3", "onnx", "onnxruntime", "torch")

Sources = dict[str, str]  # module name below tinyir -> its text
Import = tuple[str, bool]  # the full name of what is imported, and whether the statement stands inside a function


def read_sources(root: Path) -> Sources:
    folders = [root / "tinyir", *(root / folder for folder in ("dialects", "passes", "backends", "specs"))]
    sources = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            relative = path.relative_to(root / "tinyir" if folder.name == "tinyir" else root).with_suffix("")
            if relative.parts[0] in (*RANK, SPECS):
                sources[".".join(relative.parts).removesuffix(".__init__")] = path.read_text()
    return sources


def imports_of(module: str, text: str, is_package: bool) -> Iterator[Import]:
    def visit(node: ast.AST, local: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, local) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{origin(node)}.{alias.name}", local) for alias in node.names)
        inside = local or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    def origin(node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = ["tinyir", *module.split("."), *([""] if is_package else [])]
        return ".".join([*parts[: -node.level], *([node.module] if node.module else [])])

    return visit(ast.parse(text), False)


def folder_of(module: str) -> str:
    return module.split(".")[0]


def module_imported(name: str, sources: Sources) -> str | None:
    """The module of this project that an import of `name` (which may be a name inside a module) loads; None if there is none."""
    inner = name.removeprefix("tinyir.")
    while inner and inner not in sources:
        inner = inner.rpartition(".")[0]
    return inner or None


def third_party_complaints(module: str, name: str, local: bool) -> Iterator[str]:
    package = name.split(".")[0]
    if package in sys.stdlib_module_names:
        return
    places = THIRD_PARTY.get(package)
    if places is None:
        yield f"{module} imports {name}, which is neither of this project nor a known dependency"
    elif not any((module + ".").startswith(place) for place in places):
        yield f"{module} imports {package}: only {', '.join(places)} may"
    elif package in LOCAL_ONLY and not local:
        yield f"{module} imports {package} at its top: it is heavy, import it inside the function that needs it"


def order_complaints(module: str, imported: str, local: bool) -> Iterator[str]:
    here, there = folder_of(module), folder_of(imported)
    if here == SPECS:
        yield f"{module} imports {imported}: specs holds data only"
    elif there != SPECS and RANK[there] > RANK[here]:
        yield f"{module} imports {imported}: {there} stands above {here}"
    elif here == there == "passes" and module != imported:
        yield f"{module} imports {imported}: passes never import each other"
    if local:
        yield f"{module} imports {imported} inside a function: that hides a cycle or does nothing"


def cycle_complaints(edges: dict[str, set[str]], of_what: str) -> Iterator[str]:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        yield f"{of_what} import each other in a cycle: {' -> '.join(error.args[1])}"


def complaints(sources: Sources, packages: set[str]) -> list[str]:
    found: list[str] = []
    modules: dict[str, set[str]] = {module: set() for module in sources}
    folders: dict[str, set[str]] = {folder_of(module): set() for module in sources}
    for module, text in sources.items():
        for name, local in imports_of(module, text, module in packages):
            if name.split(".")[0] != "tinyir":
                found += third_party_complaints(module, name, local)
            elif (imported := module_imported(name, sources)) is None:
                found.append(f"{module} imports {name}, which does not exist below tinyir")
            elif imported != module:
                found += order_complaints(module, imported, local)
                modules[module].add(imported)
                folders[folder_of(module)] |= {folder_of(imported)} - {folder_of(module)}
    return sorted({*found, *cycle_complaints(modules, "modules"), *cycle_complaints(folders, "folders")})


def test_no_import_runs_against_the_order_of_the_folders(repository: Path) -> None:
    sources = read_sources(repository)
    assert {folder_of(module) for module in sources} == {*RANK, SPECS}
    assert complaints(sources, {module for module in sources if module in (*RANK, SPECS)}) == []


PLANTED = {
    "upwards": ({"ir.a": "import tinyir.text.b", "text.b": ""}, "text stands above ir"),
    "upwards, relative": ({"ir.a": "from ..text import b", "text.b": ""}, "ir.a imports text.b: text stands above ir"),
    "upwards, for types": ({"text.a": "if TYPE_CHECKING:\n    from tinyir.dialects.b import C", "dialects.b": ""}, "dialects stands above text"),
    "between passes": ({"passes.a": "from tinyir.passes import b", "passes.b": ""}, "passes never import each other"),
    "a pass and a backend": ({"passes.a": "import tinyir.backends.b", "backends.b": ""}, "backends stands above passes"),
    "a cycle of modules": ({"ir.a": "import tinyir.ir.b", "ir.b": "from tinyir.ir.a import x"}, "modules import each other in a cycle"),
    "a cycle of folders": ({"rewrite.a": "import tinyir.prove.b", "prove.b": "", "prove.c": "import tinyir.rewrite.a"}, "folders import each other"),
    "inside a function": ({"text.a": "def f():\n    import tinyir.ir.b", "ir.b": ""}, "inside a function"),
    "lark outside text": ({"ir.a": "import lark"}, "ir.a imports lark: only text. may"),
    "z3 outside prove": ({"passes.a": "def f():\n    from z3 import Int"}, "passes.a imports z3"),
    "z3 at the top": ({"prove.a": "import z3"}, "import it inside the function"),
    "onnx elsewhere in frontend": ({"frontend.tflite": "def f():\n    import onnx"}, "only frontend.onnx may"),
    "torch elsewhere": ({"driver.a": "def f():\n    import torch.nn"}, "only frontend.torch may"),
    "unknown": ({"ir.a": "import pandas"}, "nor a known dependency"),
    "a folder by its plain name": ({"driver.a": "from passes import b"}, "nor a known dependency"),
    "what does not exist": ({"driver.a": "import tinyir.nowhere"}, "does not exist"),
    "code in specs": ({"specs.a": "import tinyir.ir.b", "ir.b": ""}, "specs holds data only"),
}


@pytest.mark.parametrize(("sources", "complaint"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_wrong_import_is_found(sources: Sources, complaint: str) -> None:
    assert any(complaint in line for line in complaints(sources, set()))


def test_right_imports_are_left_alone() -> None:
    sources = {
        "ir": '"""A package."""',
        "ir.a": "import os.path\nimport attrs\nfrom . import b",
        "ir.b": "def f():\n    import numpy",
        "text.c": "import lark\nfrom tinyir.ir.a import Thing",
        "prove.d": "from tinyir.specs import __file__\ndef f():\n    import z3",
        "frontend.onnx": "def f():\n    import onnx.helper",
        "specs": "",
    }
    assert complaints(sources, {"ir", "specs"}) == []


def test_importing_tinyir_loads_nothing_heavy() -> None:
    script = f"import sys, tinyir; print(sorted(set({HEAVY}) & set(sys.modules)), [m for m in sys.modules if m.startswith('tinyir.')])"
    outcome = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert outcome.stdout == "[] []\n"
