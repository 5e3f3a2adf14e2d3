"""How many multiplications of accumulated products a model asks for: the unit in which its speed is told."""

from __future__ import annotations

from collections import Counter
from math import prod

from tinyir.ir import expression as ex
from tinyir.ir.instance import ConcreteEquation, instantiate
from tinyir.ir.operation import Operation
from tinyir.text.specifications import operators

_FACTORS = {"arith.muli": "integer", "arith.mulf": "float"}


def count_multiply_accumulates(module: Operation) -> int:
    """Terms of all sums of products in a graph-level module, those that fall into padding included."""
    return sum(multiply_accumulates(operation).total() for operation in module.walk())


def multiply_accumulates(operation: Operation) -> Counter[str]:
    """Those of one operation of the graph level, by the type of their factors: "integer" or "float"."""
    found: Counter[str] = Counter()
    operator = operators().get(operation.name)
    if operator is not None:
        instance = instantiate(operator, [operand.type for operand in operation.operands], operation.properties)
        for equation in instance.equations:
            _count(equation.body, equation, prod(equation.extents[: equation.rank]), found)
    return found


def _count(expression: ex.Expression, equation: ConcreteEquation, times: int, found: Counter[str]) -> None:
    """`times`: how often the expression is evaluated."""
    if isinstance(expression, ex.Fold):
        times *= prod(equation.extents[variable] for variable in expression.variables)
        if expression.kind == "sum" and isinstance(expression.body, ex.Scalar) and expression.body.operation in _FACTORS:
            found[_FACTORS[expression.body.operation]] += times
    for child in ex.children(expression):
        _count(child, equation, times, found)
