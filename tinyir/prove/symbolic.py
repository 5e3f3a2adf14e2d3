"""Symbolic tensors: functions from indices to scalar expressions, with extents, indices and attributes that are z3 terms.

A scalar is an expression of `tinyir.ir.expression`, so that a proof means what the interpreter and the loops mean.  What is
symbolic in it (an element of an operand, an attribute, a fold) is a `Parameter` whose data stands in the session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from tinyir.ir import expression as ex
from tinyir.ir.types import I1, I64, INDEX, FloatType, IntegerType, Type

Integer = Any
"""A Python integer or a z3 term of sort Int."""


NUMBER_BITS = 32
"""Of the integers that attributes and constants are."""


class NoMeaningError(Exception):
    """The case is not defined (ranks or types do not fit), or the prover has no meaning for something in it."""


class UnknownMeaningError(NoMeaningError):
    """The case may well be defined, but the prover has no meaning for something in it."""


@attrs.frozen(eq=False)
class QuantizedElement:
    """A quantized element type with symbolic scale and zero point; per axis if `axis` is not None."""

    name: str
    storage: IntegerType
    axis: int | None = None

    def __str__(self) -> str:
        return f"quantized {self.storage}" + (f" along {self.axis}" if self.axis is not None else "")


Element = Type | QuantizedElement


def stored(element: Element) -> Type:
    """The machine type that holds an element."""
    return element.storage if isinstance(element, QuantizedElement) else element


@attrs.frozen(eq=False)
class ElementData:
    """An element of an operand; an index is an integer or, for a table look-up, an expression.

    It is "stored" in a type, within its range, or "positive".
    """

    tensor: str
    shape: tuple[Integer, ...]
    index: tuple[Any, ...]
    known: str
    storage: Type


@attrs.frozen(eq=False)
class TermData:
    """A z3 term of the parameter's type."""

    term: Any


@attrs.frozen(eq=False)
class FoldData:
    """A fold over `variables` (term, extent) in lexicographic order, points where a condition fails left out."""

    kind: str
    variables: tuple[tuple[Any, Integer], ...]
    conditions: tuple[Any, ...]
    body: ex.Expression
    start: ex.Expression


@attrs.frozen(eq=False)
class SymbolicTensor:
    """`at` gives the element at an index."""

    shape: tuple[Integer, ...]
    element: Element
    at: Callable[[tuple[Any, ...]], ex.Expression]


@attrs.define(eq=False)
class Number:
    """A scalar attribute whose type is that of the first expression it meets; then a z3 term.

    Integers are 64-bit vectors that fit the types they meet; in ideal mode they are z3 integers.
    """

    session: Session
    name: str
    term: Any = None

    def integer(self) -> Any:
        """The term, as an integer if it is still open."""
        if self.term is None:
            self.term = self.session.number_term(self.name, I64)
        return self.term

    def typed(self, type: Type) -> ex.Expression:
        """The number as an expression of a type; an integer must fit."""
        if self.term is None:
            self.term = self.session.number_term(self.name, type if isinstance(type, FloatType) else I64)
        return self.session.fitted(self.term, type)


class Session:
    """The z3 terms, hypotheses and goals of one case of one rule.

    `ideal`: floats are reals and integers have no width.  `abstract`: nothing is known of elements and of what operations compute
    from them, so what is proved holds for every type.  While `assuming` is true, conditions become hypotheses, else goals.
    """

    def __init__(self, ideal: bool, abstract: bool = False, context: Any = None) -> None:
        import z3

        self.z3 = z3
        self.context = context or z3.Context()
        self.ideal = ideal
        self.abstract = abstract
        self.assuming = True
        self.hypotheses: list[Any] = []
        self.goals: list[tuple[str, Any]] = []
        self.leaves: list[Any] = []
        self.count = 0
        self.splits: list[tuple[tuple[Integer, ...], Any, tuple[Any, ...]]] = []
        self.least: dict[int, int] = {}
        self.names: dict[int, tuple[Any, Any]] = {}
        self.sorts: dict[str, str] = {}
        self.known_elements: dict[tuple[Any, ...], ex.Parameter] = {}
        self.rounding = z3.RoundNearestTiesToEven(self.context)

    # -- terms

    def fresh(self, name: str) -> Any:
        """A new integer."""
        self.count += 1
        return self.z3.Int(f"{name}!{self.count}", self.context)

    def const(self, name: str, sort: Any) -> Any:
        """A constant whose name does not say its sort."""
        self.sorts[name] = sort.sexpr()
        return self.z3.Const(name, sort)

    def extent(self, name: str, least: int = 1) -> Any:
        """A new extent of at least so much."""
        term = self.fresh(name)
        self.least[term.get_id()] = least
        self.hypotheses.append(term >= least)
        return term

    def integer(self, value: Integer) -> Any:
        """A Python integer as a term.

        Raises:
            UnknownMeaningError: it is a fraction, or no number.
        """
        if isinstance(value, float | str):
            raise UnknownMeaningError(f"'{value}' where integers are")
        return self.z3.IntVal(value, self.context) if isinstance(value, int) else value

    def boolean(self, value: Any) -> Any:
        return self.z3.BoolVal(value, self.context) if isinstance(value, bool) else value

    def sort(self, type: Type) -> Any:
        """The sort of a scalar type."""
        if type is I1:
            return self.z3.BoolSort(self.context)
        if self.abstract and type is not INDEX:
            return self.z3.DeclareSort(f"element {type}", self.context)
        return self.number_sort(type)

    def number_sort(self, type: Type) -> Any:
        """The sort of numbers of a type."""
        if isinstance(type, FloatType):
            return self.z3.RealSort(self.context) if self.ideal else self.z3.Float32(self.context)
        if isinstance(type, IntegerType) and not self.ideal:
            return self.z3.BitVecSort(type.width, self.context)
        return self.z3.IntSort(self.context)

    def number_term(self, name: str, type: Type) -> Any:
        """The term of a scalar attribute: within 32 bits if it is an integer, else a number."""
        term = self.const(name, self.number_sort(type))
        if not isinstance(type, FloatType):
            self.hypotheses.append(self.z3.And(term >= -(1 << NUMBER_BITS - 1), term < 1 << NUMBER_BITS - 1))
        elif not self.ideal:
            self.hypotheses.append(self.z3.Not(self.z3.fpIsNaN(term, self.context)))
        return term

    def constant(self, value: int | float, type: Type) -> Any:
        """A literal of a scalar type."""
        if type is I1:
            return self.z3.BoolVal(bool(value), self.context)
        if self.abstract and type is not INDEX:
            return self.z3.Const(f"literal {value} of {type}", self.sort(type))
        if isinstance(type, FloatType):
            if not self.ideal:
                return self.z3.FPVal(value, self.z3.Float32(self.context), ctx=self.context)
            if value in (float("inf"), float("-inf")):
                return self.z3.Real("infinity!" if value > 0 else "-infinity!", self.context)
            return self.z3.RealVal(repr(value), self.context)
        return self.z3.BitVecVal(value, type.width, self.context) if isinstance(type, IntegerType) and not self.ideal else self.integer(int(value))

    def fitted(self, term: Any, type: Type) -> ex.Expression:
        """An integer attribute in a narrower type, required to fit; a float as it is."""
        if self.abstract and type is not I1:
            return self.leaf(TermData(self.z3.Function(f"as {type}", term.sort(), self.sort(type))(term)), type)
        if isinstance(type, FloatType) or self.ideal or not isinstance(type, IntegerType):
            return self.leaf(TermData(term), type)
        low, high = type.lowest, type.greatest
        if type.width < 64:
            self.require(f"an attribute fits {type}", self.z3.And(term >= low, term <= high))
            term = self.z3.Extract(type.width - 1, 0, term)
        return self.leaf(TermData(term), type)

    def leaf(self, data: Any, type: Type) -> ex.Parameter:
        """A scalar expression that stands for something symbolic."""
        self.leaves.append(data)
        return ex.Parameter(len(self.leaves) - 1, type)

    def element(self, data: ElementData, type: Type) -> ex.Parameter:
        """The scalar expression of an element; the same one for the same index."""
        key = (data.tensor, *(lane if isinstance(lane, int) else (lane if isinstance(lane, ex.Expression) else lane.get_id(), "") for lane in data.index))
        if key not in self.known_elements:
            self.known_elements[key] = self.leaf(data, type)
        return self.known_elements[key]

    def named(self, value: Integer) -> Integer:
        """A computed extent under a name of its own, so that terms stay small."""
        if isinstance(value, int) or self.z3.is_const(value):
            return value
        if value.get_id() not in self.names:
            name = self.fresh("n")
            self.hypotheses.append(name == value)
            self.names[value.get_id()] = value, name
        return self.names[value.get_id()][1]

    def lane(self, value: Integer) -> ex.Expression:
        """An index as a scalar expression."""
        return ex.Constant(value, INDEX) if isinstance(value, int) else self.leaf(TermData(value), INDEX)

    # -- conditions

    def require(self, what: str, condition: Any) -> None:
        """What must hold for the operation to be defined.

        Raises:
            NoMeaningError: it does not hold.
        """
        if isinstance(condition, bool):
            if not condition:
                raise NoMeaningError(what)
        elif self.assuming:
            self.hypotheses.append(condition)
        else:
            self.goals.append((what, condition))

    def equal(self, left: Integer, right: Integer) -> Any:
        """Equality of integers: a Python bool if that is known."""
        if isinstance(left, int | float | str) and isinstance(right, int | float | str):
            return left == right
        for value, other in ((left, right), (right, left)):
            if isinstance(other, int) and not isinstance(value, int) and other < self.least.get(value.get_id(), other):
                return False
        left, right = self.integer(left), self.integer(right)
        return True if left.eq(right) else left == right

    def all_of(self, conditions: Sequence[Any]) -> Any:
        """The conjunction: a Python bool if that is known."""
        if any(condition is False for condition in conditions):
            return False
        rest = [condition for condition in conditions if condition is not True]
        return self.z3.And(rest) if rest else True

    def any_of(self, conditions: Sequence[Any]) -> Any:
        if any(condition is True for condition in conditions):
            return True
        rest = [condition for condition in conditions if condition is not False]
        return self.z3.Or(rest) if rest else False

    def choose(self, condition: Any, then: Any, otherwise: Any) -> Any:
        """The one or the other of two integers or scalars."""
        if isinstance(condition, bool):
            return then if condition else otherwise
        if isinstance(then, int) and isinstance(otherwise, int) and then == otherwise:
            return then
        return self.z3.If(condition, self.integer(then), self.integer(otherwise))

    # -- lists and indices

    def item(self, values: Sequence[Any], index: Integer) -> Any:
        """`values[index]`; the last one stands for all indices beyond."""
        if isinstance(index, int):
            if not 0 <= index < len(values):
                raise NoMeaningError(f"index {index} of a list of {len(values)}")
            return values[index]
        if not values:
            raise NoMeaningError("an element of an empty list")
        found = values[-1]
        for i in reversed(range(len(values) - 1)):
            found = self.choose(self.equal(index, i), values[i], found)
        return found

    def position(self, values: Sequence[Integer], value: Integer) -> Integer:
        """Where the value stands first; the length if nowhere."""
        found: Integer = len(values)
        for i in reversed(range(len(values))):
            found = self.choose(self.equal(values[i], value), i, found)
        return found

    def ravel(self, shape: Sequence[Integer], index: Sequence[Integer]) -> Integer:
        """The row-major number of an index."""
        total: Integer = 0
        for extent, lane in zip(shape, index, strict=True):
            total = lane if isinstance(total, int) and total == 0 else total * self.integer(extent) + lane
        return total

    def unravel(self, shape: tuple[Integer, ...], outer: tuple[Integer, ...], index: tuple[Integer, ...]) -> tuple[Integer, ...]:
        """The index into `shape` of the element that stands at `index` of `outer` (shapes of as many elements)."""
        inner_left, lanes = list(enumerate(shape)), [0] * len(shape)
        outer_left = [(extent, lane) for extent, lane in zip(outer, index, strict=True) if not _is_one(extent)]
        inner_left = [(i, extent) for i, extent in inner_left if not _is_one(extent)]
        while inner_left and outer_left and self.equal(inner_left[0][1], outer_left[0][0]) is True:
            lanes[inner_left.pop(0)[0]] = outer_left.pop(0)[1]
        if len(inner_left) == 1:
            lanes[inner_left[0][0]] = self._number(tuple(e for e, _ in outer_left), tuple(lane for _, lane in outer_left))
        elif inner_left:
            number = self._number(tuple(e for e, _ in outer_left), tuple(lane for _, lane in outer_left))
            inside = self.all_of([c for e, lane in outer_left for c in self.within(lane, e)])
            for (i, _), lane in zip(inner_left, self.split(tuple(e for _, e in inner_left), number, inside), strict=True):
                lanes[i] = lane
        return tuple(lanes)

    def _number(self, shape: tuple[Integer, ...], index: tuple[Integer, ...]) -> Integer:
        """The row-major number of an index; where its lanes are those of a number, that number."""
        for box, number, lanes in self.splits:
            same = len(box) == len(shape) and all(self.equal(a, b) is True for a, b in zip((*box, *lanes), (*shape, *index), strict=True))
            if same:
                return number
        return self.ravel(shape, index)

    def within(self, lane: Integer, extent: Integer) -> tuple[Any, Any]:
        """The two conditions for an index to lie inside."""
        return (lane >= 0, lane < extent)

    def split(self, shape: tuple[Integer, ...], number: Integer, inside: Any) -> tuple[Any, ...]:
        """The index of the element with a row-major number: new integers, known by what they are if the number is `inside`."""
        term = self.integer(number)
        for box, other, lanes in self.splits:
            if len(box) == len(shape) and term.eq(other) and all(self.equal(a, b) is True for a, b in zip(box, shape, strict=True)):
                return lanes
        for box, _, lanes in self.splits:  # the row-major number of an index whose lanes are known
            if len(box) == len(shape) and all(self.equal(a, b) is True for a, b in zip(box, shape, strict=True)) and term.eq(
                self.integer(self.ravel(shape, lanes))
            ):
                return lanes
        lanes = tuple(self.fresh("u") for _ in shape)
        self.splits.append((shape, term, lanes))
        known = [c for lane, e in zip(lanes, shape, strict=True) for c in self.within(lane, e)] + [self.ravel(shape, lanes) == term]
        self.hypotheses.append(self.z3.Implies(self.boolean(inside), self.z3.And(known)))
        return lanes


def _is_one(extent: Integer) -> bool:
    return isinstance(extent, int) and extent == 1
