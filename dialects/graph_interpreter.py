"""How graph operations run: from their equations, or by hand where their file says so."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from tinyir.interp.equations import run_instance
from tinyir.interp.machine import InterpreterError, Machine, Step, constant_value, interprets
from tinyir.interp.scalar import dtype_of
from tinyir.ir.exact import Requantization, requantize
from tinyir.ir.instance import Instance, instantiate
from tinyir.ir.operation import Operation
from tinyir.text.specifications import operators


@interprets("graph.constant")
def _constant(machine: Machine, operation: Operation) -> Step:
    value = constant_value(operation)

    def step() -> None:
        machine.values[operation.result] = value

    return step


@interprets("graph.*")
def _operator(machine: Machine, operation: Operation) -> Step:
    operator = operators().get(operation.name)
    if operator is None:
        raise InterpreterError(f"there is no operator '{operation.name}'", place=operation.location.place)
    instance = instantiate(operator, [operand.type for operand in operation.operands], operation.properties)
    run = _BY_HAND[operation.name] if operator.form == "by_hand" else run_instance

    def step() -> None:
        operands = [machine.values[operand] for operand in operation.operands]
        machine.values.update(zip(operation.results, run(instance, operands), strict=True))

    return step


def requantization_of(attributes: Any) -> list[Requantization]:
    """The meanings, one per channel or one for all, of a `graph.requantize` with these attributes."""
    offsets = attributes["offset"] or ("0",) * len(attributes["scale"])
    meanings = []
    for scale_text, offset_text in zip(attributes["scale"], offsets, strict=True):
        scale, offset = Fraction(scale_text), Fraction(offset_text)
        meanings.append(
            Requantization(
                numerator=scale.numerator,
                denominator=scale.denominator,
                offset_numerator=offset.numerator,
                offset_denominator=offset.denominator,
                zero_point=attributes["zero_point"],
                low=attributes["low"],
                high=attributes["high"],
                rounding=attributes["rounding"],
            )
        )
    return meanings


def _requantize(instance: Instance, operands: Any) -> list[Any]:
    result = requantize(np.asarray(operands[0]), requantization_of(instance.attributes))
    return [result.astype(dtype_of(instance.results[0].element))]


_BY_HAND = {"graph.requantize": _requantize}
