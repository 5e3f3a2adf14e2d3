"""What the float operations of the graph dialect mean over the reals, where they start from integers.

    graph.dequantize   real = (stored - zero point) * scale, exactly
    graph.add, ...     the real operation
    graph.exp, ...     the real function

Constants are integers times a unit; a function of one 8-bit tensor is the list of its 256 real values.  Nothing here rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import inf, isfinite
from typing import Any

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.interp.equations import dense_array, run_instance
from tinyir.ir import expression as ex
from tinyir.ir.affine import AffineDimension, AffineExpression
from tinyir.ir.attributes import DenseElements, encode_float
from tinyir.ir.instance import instantiate
from tinyir.ir.operation import Operation, Value
from tinyir.ir.quantities import integers_of, number_of
from tinyir.ir.types import F32, FloatType, IntegerType, QuantizedType, TensorType
from tinyir.prove import real_functions as reals
from tinyir.prove.real_functions import Real
from tinyir.text.specifications import operators

QUANTIZED, BIAS, OTHER = "quantized", "bias", "other"
"""Where numbers come from: an 8-bit tensor, an int32 tensor, anything else.  Only a sum of products of two quantized tensors
takes an int32 bias into its accumulator."""
_MOST_FLOATS = 1 << 16


class UnloweredError(Exception):
    """An operation that cannot be said in integers; the message is the reason."""


# -- constants


@attrs.frozen(eq=False)
class ExactConstant:
    """value[i] = numerator[i] * unit[i] with unit >= 0; `unit` (of Fraction) has the rank of `numerator` and broadcasts to it."""

    numerator: NDArray[numpy.int64]
    unit: NDArray[Any]
    origin: str = OTHER

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.numerator.shape)

    def values(self) -> NDArray[Any]:
        """All values as fractions."""
        return numpy.asarray(self.numerator.astype(object) * self.unit + Fraction(0), dtype=object)

    def scalar(self) -> Fraction | None:
        """The value of all elements, if it is one."""
        if not self.numerator.size or (self.numerator != self.numerator.flat[0]).any() or uniform_unit(self.unit) is None:
            return None
        return int(self.numerator.flat[0]) * Fraction(self.unit.flat[0])


def exact_values(values: NDArray[Any]) -> ExactConstant:
    """Any fractions: signs, times magnitudes as units."""
    signs = numpy.array([(value > 0) - (value < 0) for value in values.flat], numpy.int64).reshape(values.shape)
    magnitudes = numpy.empty(values.size, dtype=object)
    magnitudes[:] = [abs(Fraction(value)) for value in values.flat]
    return ExactConstant(signs, magnitudes.reshape(values.shape))


def uniform_unit(unit: NDArray[Any]) -> Fraction | None:
    """The one value of all units, or None."""
    first = unit.flat[0] if unit.size else Fraction(0)
    return first if unit.size <= 1 or all(value == first for value in unit.flat) else None


def constant_of(operation: Operation) -> ExactConstant | None:
    """A `graph.constant` of floats, every float being a fraction; None for other types.

    Raises:
        UnloweredError: infinities, NaN, or so many floats that they must be weights.
    """
    value, type = operation.properties.get("value"), operation.result.type
    if not isinstance(value, DenseElements) or not isinstance(type, TensorType) or not isinstance(type.element, FloatType):
        return None
    array = dense_array(value)
    if array.size > _MOST_FLOATS:
        raise UnloweredError("its constant is float")
    if not numpy.isfinite(array).all():
        raise UnloweredError("its constant holds infinities or NaN")
    values = numpy.empty(array.size, dtype=object)
    values[:] = [Fraction(float(element)) for element in array.flat]
    return exact_values(values.reshape(array.shape))


def stored_constant(value: Value) -> NDArray[numpy.int64] | None:
    """The integers of a constant of quantized type, through operations that move them; None if it is none."""
    operation = value.definer
    if operation is None:
        return None
    if operation.name == "graph.constant":
        elements = operation.properties["value"]
        return dense_array(elements).astype(numpy.int64) if isinstance(elements, DenseElements) else None
    source = stored_constant(operation.operands[0]) if operation.name in _MOVES else None
    return _MOVES[operation.name](operation, source) if source is not None else None


def dequantized_constant(operation: Operation) -> ExactConstant | None:
    """A `graph.dequantize` of a constant; None if its operand is not one."""
    stored, type = stored_constant(operation.operands[0]), operation.operands[0].type
    if stored is None or not isinstance(type, TensorType) or not isinstance(type.element, QuantizedType):
        return None
    element = type.element
    shape = [1] * stored.ndim
    if element.axis is not None:
        shape[element.axis] = len(element.scales)
    unit = numpy.empty(len(element.scales), dtype=object)
    unit[:] = [Fraction(scale) for scale in element.scales]
    zero_points = numpy.array(element.zero_points, numpy.int64)
    return ExactConstant(stored - zero_points.reshape(shape), unit.reshape(shape), BIAS if element.storage.width == 32 else QUANTIZED)


def _shape_of(operation: Operation) -> tuple[int, ...]:
    type = operation.result.type
    assert isinstance(type, TensorType)
    return type.shape


def _sliced(operation: Operation, array: NDArray[Any]) -> NDArray[Any]:
    starts, steps = integers_of(operation, "start"), integers_of(operation, "step")
    places = (a + s * numpy.arange(n) for a, n, s in zip(starts, _shape_of(operation), steps, strict=True))
    found: NDArray[Any] = array[numpy.ix_(*places)]
    return found


_MOVES: dict[str, Callable[[Operation, NDArray[Any]], NDArray[Any]]] = {
    "graph.transpose": lambda operation, array: array.transpose(integers_of(operation, "permutation")),
    "graph.reshape": lambda operation, array: array.reshape(_shape_of(operation)),
    "graph.broadcast": lambda operation, array: numpy.broadcast_to(array, _shape_of(operation)),
    "graph.slice": _sliced,
}


def moved_constant(operation: Operation, constant: ExactConstant) -> ExactConstant:
    """A constant through an operation that moves its elements; units move along."""
    move = _MOVES[operation.name]
    numerator, unit = move(operation, constant.numerator), constant.unit
    if unit.size == 1:
        return attrs.evolve(constant, numerator=numerator, unit=unit.reshape((1,) * numerator.ndim))
    moved = move(operation, unit if operation.name == "graph.transpose" else numpy.broadcast_to(unit, constant.shape))
    return attrs.evolve(constant, numerator=numerator, unit=moved)


# -- functions of one real number

Property = Callable[[str], Fraction]
_FUNCTIONS: dict[str, Callable[[Real, Property], Real]] = {
    "graph.relu": lambda x, _: reals.maximum(x, Fraction(0)),
    "graph.leaky_relu": lambda x, p: x if not reals.is_less(x, Fraction(0)) else reals.multiply(x, p("alpha")),
    "graph.elu": lambda x, p: x if not reals.is_less(x, Fraction(0)) else reals.multiply(p("alpha"), reals.subtract(reals.exp(x), Fraction(1))),
    "graph.negate": lambda x, _: reals.negate(x),
    "graph.absolute": lambda x, _: reals.absolute(x),
    "graph.exp": lambda x, _: reals.exp(x),
    "graph.log": lambda x, _: reals.log(x),
    "graph.tanh": lambda x, _: reals.tanh(x),
    "graph.logistic": lambda x, _: reals.logistic(x),
    "graph.erf": lambda x, _: reals.erf(x),
    "graph.sqrt": lambda x, _: reals.sqrt(x),
    "graph.reciprocal": lambda x, _: reals.reciprocal(x),
    "graph.round": lambda x, _: Fraction(reals.nearest(x)),
}
_BINARY: dict[str, Callable[[Real, Real], Real]] = {
    "graph.add": reals.add,
    "graph.subtract": reals.subtract,
    "graph.multiply": reals.multiply,
    "graph.divide": reals.divide,
    "graph.maximum": reals.maximum,
    "graph.minimum": reals.minimum,
}
UNARY = frozenset({*_FUNCTIONS, "graph.clamp"})
BINARY = frozenset(_BINARY)
_DEFAULTS = {("graph.leaky_relu", "alpha"): 0.01, ("graph.elu", "alpha"): 1.0}


def float_property(operation: Operation, name: str) -> float:
    """A property as the binary32 that the operation computes with."""
    value = float(number_of(operation, name, _DEFAULTS.get((operation.name, name), 0.0)))
    if not isfinite(value):
        return value
    bits = encode_float(value, F32)
    return float(numpy.array(bits, numpy.uint32).view(numpy.float32))


def clamp_bounds(operation: Operation) -> tuple[Fraction | None, Fraction | None]:
    """The bounds of a relu or clamp; None where it has none.

    Raises:
        UnloweredError: a bound excludes all numbers.
    """
    if operation.name == "graph.relu":
        return Fraction(0), None
    low = None if float_property(operation, "low") == -inf else _real_property(operation, "low")
    return low, None if float_property(operation, "high") == inf else _real_property(operation, "high")


def _real_property(operation: Operation, name: str) -> Fraction:
    """
    Raises:
        UnloweredError: it is infinite or no number.
    """
    value = float_property(operation, name)
    if not isfinite(value):
        raise UnloweredError(f"'{operation.name}' has {name} = {value}")
    return Fraction(value)


def apply_unary(operation: Operation, values: Sequence[Real]) -> tuple[Real, ...]:
    """A float operation of one operand on each of the values.

    Raises:
        NotDefinedError: a value outside of the function's domain.
        UnloweredError: a number of the operation is infinite or none.
    """
    if operation.name == "graph.clamp":
        low, high = clamp_bounds(operation)
        raised = values if low is None else [reals.maximum(x, low) for x in values]
        return tuple(raised if high is None else [reals.minimum(x, high) for x in raised])
    function = _FUNCTIONS[operation.name]
    return tuple(function(x, lambda name: _real_property(operation, name)) for x in values)


def is_elementwise(operation: Operation) -> bool:
    """Whether each element of the result depends on the same element of the only operand, by the operator's equations."""
    operator, types = operators().get(operation.name), [operand.type for operand in operation.operands]
    if operator is None or operator.form != "equations" or len(types) != 1 or len(operation.results) != 1 or operation.result.type is not types[0]:
        return False
    instance = instantiate(operator, types, operation.properties)
    return all(_is_pointwise(equation.body) and equation.index == _identity(equation.rank) for equation in instance.equations)


def _identity(rank: int) -> tuple[AffineExpression, ...]:
    return tuple(AffineDimension(axis) for axis in range(rank))


def _is_pointwise(expression: ex.Expression) -> bool:
    if isinstance(expression, ex.Fold | ex.Index):
        return False
    if isinstance(expression, ex.Read) and expression.index != _identity(len(expression.index)):
        return False
    return all(_is_pointwise(child) for child in ex.children(expression))


def apply_in_binary32(operation: Operation, values: Sequence[Real]) -> tuple[Real, ...]:
    """An element-wise operator of which no real meaning is known, as it computes in binary32: that is its meaning.

    Raises:
        UnloweredError: a result is infinite or no number.
    """
    middles = [sum(reals.bounds(value), Fraction(0)) / 2 for value in values]
    type = operation.operands[0].type
    assert isinstance(type, TensorType)
    shape = (1,) * (type.rank - 1) + (len(values),)
    instance = instantiate(operators()[operation.name], [TensorType(shape, F32)], operation.properties)
    (results,) = run_instance(instance, [numpy.array([float(middle) for middle in middles], numpy.float32).reshape(shape)])
    if not numpy.isfinite(results).all():
        raise UnloweredError(f"'{operation.name}' is not finite on its operand")
    return tuple(Fraction(float(result)) for result in results.flat)


def apply_binary(name: str, left: Sequence[Real], right: Sequence[Real]) -> tuple[Real, ...]:
    """A float operation of two operands, value by value.

    Raises:
        NotDefinedError: a division by zero.
    """
    function = _BINARY[name]
    return tuple(function(a, b) for a, b in zip(left, right, strict=True))


def all_values(element: IntegerType) -> range:
    """The integers of an 8-bit type, from the lowest up."""
    return range(element.lowest, element.greatest + 1)
