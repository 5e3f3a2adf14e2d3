"""How many multiplications of accumulated products a model asks for: the unit in which its speed is told."""

from __future__ import annotations

from math import prod

from tinyir.ir import expression as ex
from tinyir.ir.instance import ConcreteEquation, instantiate
from tinyir.ir.operation import Operation
from tinyir.text.specifications import operators


def count_multiply_accumulates(module: Operation) -> int:
    """Terms of all sums of products in a graph-level module, those that fall into padding included."""
    return sum(_of_operation(operation) for operation in module.walk())


def _of_operation(operation: Operation) -> int:
    operator = operators().get(operation.name)
    if operator is None:
        return 0
    instance = instantiate(operator, [operand.type for operand in operation.operands], operation.properties)
    return sum(_of_expression(equation.body, equation, prod(equation.extents[: equation.rank])) for equation in instance.equations)


def _of_expression(expression: ex.Expression, equation: ConcreteEquation, times: int) -> int:
    """`times`: how often the expression is evaluated."""
    found = 0
    if isinstance(expression, ex.Fold):
        times *= prod(equation.extents[variable] for variable in expression.variables)
        if expression.kind == "sum" and isinstance(expression.body, ex.Scalar) and expression.body.operation in ("arith.muli", "arith.mulf"):
            found = times
    return found + sum(_of_expression(child, equation, times) for child in ex.children(expression))
