"""Names for printing: every value `%name`, made unique, or `%number` as MLIR counts; every block `^bbN`.

A region's values are counted before those of the regions inside it, so that sibling regions share numbers and an inner
name never hides an outer one, not even in an isolated operation: MLIR's generic form has one scope for all.
"""

from __future__ import annotations

import re

from tinyir.ir.operation import Block, Operation, Region, Value

MISSING = "<<missing>>"
"""Stands for an operand, type or attribute that broken IR does not have."""
_FORBIDDEN = re.compile(r"[^\w$.\-]", re.ASCII)


LONGEST = 42
"""The greatest length of a name.  A longer one is cut to `SHORTENED`, which leaves room for numbers: no name is cut twice."""
SHORTENED = 36
HEAD = 25


def readable_name(hint: str) -> str:
    """A name of legal characters; a long one without the words in its middle.

    `functional_1_activation_8_Relu_functional_1_batch_normalization_8_FusedBatchNormV3_dequant` becomes
    `functional_1_activation_8..dequant`.
    """
    name = _FORBIDDEN.sub("_", hint) or "_"
    if len(name) > LONGEST:
        at = name.rfind("_", 1, HEAD + 1)
        head = name[: at if at > 0 else HEAD]
        words = name[len(head) - SHORTENED + len("..") - 1 :]
        name = f"{head}..{words.partition('_')[2] or words[1:]}"
    return f"_{name}" if name[0].isdigit() else name


class Names:
    """The names of all values and blocks inside an operation."""

    def __init__(self, operation: Operation) -> None:
        self.values: dict[Value, str] = {}
        self.blocks: dict[Block, str] = {}
        self._used: set[str] = set()
        self._number = 0
        self._argument = 0
        self._hints: dict[str, str] = {}
        self._name_results(operation, [])
        self._name_inside(operation)

    def of(self, value: Value | None) -> str:
        """The name of a value; one defined outside (or nowhere) gets a name when it is first met."""
        if value is None:
            return MISSING
        name = self.values.get(value)
        if name is None:
            name = self.values[value] = self._fresh(value.name or "outer", [])
        return name

    def of_block(self, block: Block) -> str:
        name = self.blocks.get(block)
        if name is None:
            name = self.blocks[block] = f"^outer{len(self.blocks)}"
        return name

    def _name_inside(self, operation: Operation) -> None:
        """Names all in the regions of an operation."""
        outer = self._number, self._argument
        for region in operation.regions:
            self._name_region(region)
            self._number, self._argument = outer

    def _name_region(self, region: Region) -> None:
        added: list[str] = []
        nested: list[Operation] = []
        values = self.values
        for position, block in enumerate(region.blocks):
            self.blocks[block] = f"^bb{position}"
            for argument in block.arguments:
                if argument.name:
                    values[argument] = self._fresh(argument.name, added)
                elif position:
                    values[argument] = f"%{self._number}"
                    self._number += 1
                else:
                    values[argument] = self._fresh_argument(added)
            operation = block.first
            while operation is not None:
                results = operation.results
                if results:
                    if len(results) == 1 and not results[0].name:
                        values[results[0]] = f"%{self._number}"
                        self._number += 1
                    else:
                        self._name_results(operation, added)
                if operation.regions:
                    nested.append(operation)
                operation = operation.next
        for operation in nested:
            self._name_inside(operation)
        self._used.difference_update(added)

    def _name_results(self, operation: Operation, added: list[str]) -> None:
        """One name for a pack of results (`%0#1`), or one for each if later ones have hints."""
        results = operation.results
        if not results:
            return
        if any(result.name for result in results[1:]):
            for result in results:
                self.values[result] = self._fresh(result.name, added) if result.name else self._next_number()
            return
        name = self._fresh(results[0].name, added) if results[0].name else self._next_number()
        if len(results) == 1:
            self.values[results[0]] = name
        else:
            for index, result in enumerate(results):
                self.values[result] = f"{name}#{index}"

    def _next_number(self) -> str:
        self._number += 1
        return f"%{self._number - 1}"

    def _fresh_argument(self, added: list[str]) -> str:
        while True:
            name = f"arg{self._argument}"
            self._argument += 1
            if name not in self._used:
                self._used.add(name)
                added.append(name)
                return f"%{name}"

    def _fresh(self, hint: str, added: list[str]) -> str:
        """`hint`, with a number behind if it is taken."""
        clean = self._hints.get(hint)
        if clean is None:
            clean = self._hints[hint] = readable_name(str(hint))
        name, count = clean, 0
        while name in self._used:
            name = f"{clean}_{count}"
            count += 1
        self._used.add(name)
        added.append(name)
        return f"%{name}"
