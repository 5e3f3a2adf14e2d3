"""`tinyir language-server`: answers an editor on stdin and stdout."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from importlib.util import find_spec

from tinyir.ir.errors import TinyirError


def execute(_arguments: argparse.Namespace) -> int:
    if find_spec("pygls") is None:
        raise TinyirError("the language server needs the package pygls", hint="pip install 'tinyir[editor]'")
    # The server closes what it writes to; stdout itself stays open for whoever comes after.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        import_module("tinyir.driver.language_server").create_server().start_io(stdout=output)
    return 0
