"""Passes that are not the compiler's own: what they do to the program is said to be assumed, unless something proves it."""

from __future__ import annotations

import attrs

from tinyir.dialects.nest_translation import is_translated
from tinyir.ir.operation import Operation
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.printer import print_module

OWN = "tinyir."
"""The package of the compiler's own passes, each of which has tests beside its file."""


@attrs.define(eq=False)
class ForeignPasses:
    """Watches the passes of a compilation.  At the loop level `NestTranslation` proves what they keep, whoever wrote them."""

    _running: Pass | None = attrs.field(default=None, init=False)
    _module: Operation | None = attrs.field(default=None, init=False)
    _text: str = attrs.field(default="", init=False)
    _stated: int = attrs.field(default=0, init=False)

    def before(self, instance: Pass, module: Operation, context: PassContext) -> None:
        """A pass is about to run."""
        self.settle(context)
        if not type(instance).__module__.startswith(OWN) and not is_translated(instance):
            self._running, self._module, self._text, self._stated = instance, module, print_module(module, generic=True), context.ledger.stated

    def settle(self, context: PassContext) -> None:
        """The pass before has run: if it changed the program and stated nothing of it, that is assumed to be right."""
        instance, module = self._running, self._module
        self._running = self._module = None
        if instance is None or module is None or context.ledger.stated > self._stated or print_module(module, generic=True) == self._text:
            return
        reason = "it changed the program, and states no obligation"
        context.assume("pass", instance.name, "the program computes what it did", reason)
