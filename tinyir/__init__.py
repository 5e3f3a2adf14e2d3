"""tinyir: trained networks to small, fast and proved C.

    import tinyir
    tinyir.compile("model.onnx", target="cortex-m4", goal="size", output="out")

The names of `__all__` are loaded when they are first used: `import tinyir` itself costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyir.backends.target import Target
    from tinyir.driver.api import bench, compile, import_model, run
    from tinyir.driver.pipeline import PassPipeline
    from tinyir.text.printer import print_module as print
    from tinyir.text.reader import parse

_HOME = {
    "parse": "tinyir.text.reader:parse",
    "print": "tinyir.text.printer:print_module",
    "import_model": "tinyir.driver.api:import_model",
    "compile": "tinyir.driver.api:compile",
    "run": "tinyir.driver.api:run",
    "bench": "tinyir.driver.api:bench",
    "PassPipeline": "tinyir.driver.pipeline:PassPipeline",
    "Target": "tinyir.backends.target:Target",
}

__all__ = ["PassPipeline", "Target", "bench", "compile", "import_model", "parse", "print", "prove", "run"]


def __getattr__(name: str) -> object:
    if name == "prove":  # the folder of that name, which can be called
        return import_module("tinyir.prove")
    if name not in _HOME:
        raise AttributeError(f"module 'tinyir' has no attribute '{name}'")
    module, _, attribute = _HOME[name].partition(":")
    value: object = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
