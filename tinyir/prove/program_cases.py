"""The cases of a rule over programs: both sides run symbolically from one state of memory, at each choice of widths and numbers of operands.

Bodies are uninterpreted functions of their arguments and of memory, one for each name, so that nothing is known of them but that they
do the same where they are given the same.  A loop is its first two iterations, and an uninterpreted function of its beginning where it
goes on; what a body leaves as it was in an arbitrary iteration, the loop leaves as it was (induction over the iterations).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs

from tinyir.ir.registry import PURE, Effects, definition_of
from tinyir.ir.scalar_signature import KINDS
from tinyir.prove.program_scope import ProgramScope
from tinyir.prove.program_values import Memory, ProgramValue, State, Terms
from tinyir.prove.rule_cases import Choices
from tinyir.prove.scalar_operations import Use
from tinyir.prove.symbolic import NoMeaningError
from tinyir.rewrite.rule_types import signature_of
from tinyir.text import rule_syntax as ast

WIDTHS = (1, 2, 4, 8)
"""Bytes of an element."""
LANES = (1, 2, 4)
"""Elements of what a load or store moves, where they are no more than `MOST_BYTES`."""
MOST_BYTES = 16
LENGTHS = {"bounds": (1,), "indices": (1,), "carried": (0, 2)}
"""How many operands a sequence stands for.  Bounds and indices are arguments of uninterpreted functions and nothing else: one, which may be
ignored and may be a tuple, is any number of them.  What is carried and handed on by the right side is two values: fewer are some that pass
through unchanged."""
CARRIED = ("data", 4, 1)
Outcome = tuple[list[ProgramValue], State]


class DeclinedError(Exception):
    """The rule does not apply in this case."""


@attrs.frozen(eq=False)
class ProgramCase:
    """Both sides of a rule.  `assumed`: what holds where the rule applies; `goals`: (what, condition), for the right side to be defined
    and equal.  `chosen`: the widths and lengths of the case, for an example."""

    terms: Terms
    assumed: Sequence[Any]
    goals: Sequence[tuple[str, Any]]
    chosen: Mapping[str, Any]


@attrs.frozen(eq=False)
class _Bounds:
    """Of a loop: its first index, and what counts up from `low` to below `high`; what it carries; all that tells it from other loops."""

    start: Any
    low: Any
    high: Any
    step: Any
    carried: list[ProgramValue]
    tokens: tuple[Any, ...]


def program_cases(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> Iterator[ProgramCase]:
    """All cases in which the rule may apply.

    Raises:
        NoMeaningError: proofs do not know what something means.
    """
    choices, context = Choices(), None
    while True:
        found = None
        builder = _Builder(rule, functions, choices, context)
        context = builder.terms.context
        with suppress(DeclinedError):
            found = builder.build()
        if found is not None:
            yield found
        if not choices.advance():
            return


def _meant(pattern: ast.Application, results: Sequence[ProgramValue]) -> ProgramValue:
    """The result that a pattern means: that of its number, or the only one.

    Raises:
        DeclinedError: there is none; then the rule does not apply.
    """
    if (pattern.number is None and len(results) != 1) or len(results) <= (pattern.number or 0):
        raise DeclinedError
    return results[pattern.number or 0]


class _Builder:
    def __init__(self, rule: ast.Rule, functions: Mapping[str, ast.Function], choices: Choices, context: Any) -> None:
        self.rule = rule
        self.right_names = {name for name, _ in ast.leaves(rule.result)}
        self.choices = choices
        self.terms = Terms(context)
        self.z3 = self.terms.z3
        self.scope = ProgramScope(self.terms, functions)
        self.values: dict[str, ProgramValue | Memory | list[ProgramValue]] = self.scope.operands
        self.required: list[tuple[str, Any]] = []
        self.sources: dict[str, Mapping[str, Any]] = {}
        self.pure: set[str] = set()
        self.is_right = False
        self.once: dict[tuple[int, str], Any] = {}
        self.chosen: dict[str, Any] = {}
        self.touched = [memory for side in rule.left for memory in self._touched(side)]

    def build(self) -> ProgramCase:
        """
        Raises:
            DeclinedError: the rule does not apply.
            NoMeaningError: proofs do not know what something means.
        """
        rule, terms = self.rule, self.terms
        start = terms.state("memory")
        neighbour = rule.neighbour
        before, after = start, start
        if neighbour is not None and neighbour.order == "after":
            found, between = self._run(neighbour.pattern, start)
            if neighbour.name:
                self._name(neighbour.name, _meant(neighbour.pattern, found))
            before = terms.overwritten("between", between, between, self.touched)
        left, after = self._run(rule.pattern, before)
        seen, end = self._followed(neighbour, after, left)
        assumed = [condition for _, condition in self.required]
        if rule.condition is not None:
            assumed.append(self.scope.truth(self.scope.evaluate(rule.condition)))
        self.required, self.is_right = [], True
        right, after = self._result(rule.result, before)
        if [value.kind for value in left] != [value.kind for value in right]:
            raise DeclinedError  # the types differ: the driver does not apply it
        goals = [*self.required]
        self.required = []
        found, other = self._followed(neighbour, after, right)
        goals += self.required
        same = terms.all_of([a.term == b.term for a, b in zip([*left, *seen], [*right, *found], strict=True)])
        address = terms.integer("any address")
        pairs = ((end.bytes, other.bytes), (end.defined, other.defined))
        memory = [self.z3.Select(one, address) == self.z3.Select(two, address) for one, two in pairs]
        goals += [("", same), ("memory", terms.all_of(memory))]
        return ProgramCase(terms, [*assumed, *self.scope.facts], goals, self.chosen)

    def _followed(self, neighbour: ast.Neighbour | None, state: State, results: Sequence[ProgramValue]) -> Outcome:
        """What the operation that the root is before gives, and the state after it; `results`: of the root, for what stands between."""
        if neighbour is None or neighbour.order == "after":
            return [], state
        seen, used = state.without(self.touched), [value.term for value in results]
        between = self.terms.overwritten("between", seen, state, self.touched, used)
        self.required.append(("what stands between to be defined", self.terms.truth_of("between.ok", *used, seen.bytes, seen.defined)))
        is_right, self.is_right = self.is_right, False
        found = self._run(neighbour.pattern, between)
        self.is_right = is_right
        return found

    def _pick(self, application: ast.Application, what: str, options: Sequence[Any]) -> Any:
        """A choice about an operation of the rule, made once."""
        key = (id(application), what)
        if key not in self.once:
            self.once[key] = self.choices.pick(options)
        return self.once[key]

    def _touched(self, application: ast.Application) -> list[Memory]:
        definition = definition_of(application.operation)
        effects = definition.effects if definition is not None else None
        numbers = (*effects.reads, *effects.writes) if isinstance(effects, Effects) else ()
        leaves = [application.operands[number] for number in numbers if number < len(application.operands)]
        return [self._memory(leaf) for leaf in leaves]

    # -- operands

    def _memory(self, pattern: ast.Pattern) -> Memory:
        if isinstance(pattern, ast.Application):
            raise NoMeaningError(f"no meaning for '{pattern.operation}' as a memory")
        if not isinstance(pattern, ast.Operand):
            raise NoMeaningError("a memory that is no name")
        name, terms = pattern.name, self.terms
        if name not in self.values:
            width = self.chosen[name] = self.choices.pick(WIDTHS)
            token, base, count = (terms.integer(f"{name}.{part}") for part in ("token", "base", "count"))
            self.values[name] = Memory(name, token, base, count, width)
        found = self.values[name]
        if not isinstance(found, Memory):
            raise NoMeaningError(f"'{name}' is a memory and something else")
        return found

    def _value(self, pattern: ast.Pattern, kind: object) -> ProgramValue:
        """An operand of a kind; data of a kind that does not fit makes no program."""
        if isinstance(pattern, ast.Made):
            made = self.scope.evaluate(pattern.value)
            if kind != "index":
                raise NoMeaningError("a new constant that is no index")
            return ProgramValue(kind, self.terms.number(made) if isinstance(made, int) else made)
        if isinstance(pattern, ast.Splat):
            if kind != "index" or not isinstance(pattern.value, int):
                raise NoMeaningError("a number that is no index")
            return ProgramValue(kind, self.terms.number(pattern.value))
        if isinstance(pattern, ast.Application):
            found, _ = self._run(pattern, self.terms.state(self.terms.fresh("nowhere")))
            return self._of_kind(_meant(pattern, found), kind, pattern.operation)
        if not isinstance(pattern, ast.Operand | ast.Constant):
            raise NoMeaningError(f"'{ast.spell_pattern(pattern)}' as an operand")
        if pattern.name not in self.values:
            self.values[pattern.name] = ProgramValue(kind, self.z3.Const(pattern.name, self.terms.sort(kind)))
        found_value = self.values[pattern.name]
        if not isinstance(found_value, ProgramValue):
            raise NoMeaningError(f"'{pattern.name}' is one value and something else")
        return self._of_kind(found_value, kind, pattern.name)

    def _of_kind(self, value: ProgramValue, kind: object, name: str) -> ProgramValue:
        if value.kind != kind and isinstance(value.kind, tuple) and isinstance(kind, tuple):
            raise DeclinedError
        if value.kind != kind:
            raise NoMeaningError(f"'{name}' is a value of two kinds")
        return value

    def _sequence(self, patterns: Sequence[ast.Pattern], kind: object, length: str) -> list[ProgramValue]:
        """All that follows: single values, and a sequence at the end."""
        found: list[ProgramValue] = []
        for pattern in patterns:
            if isinstance(pattern, ast.Sequence):
                found += self._several(pattern.pattern, kind, length)
            else:
                found.append(self._value(pattern, kind))
        return found

    def _several(self, pattern: ast.Pattern, kind: object, length: str) -> list[ProgramValue]:
        if not isinstance(pattern, ast.Operand):
            raise NoMeaningError("a sequence of more than names")
        name = pattern.name
        if name not in self.values:
            passed_on = length == "carried" and name in self.right_names
            count = self.chosen[name] = self.choices.pick(LENGTHS[length][-1:] if passed_on else LENGTHS[length])
            self.values[name] = [ProgramValue(kind, self.z3.Const(f"{name}.{i}", self.terms.sort(kind))) for i in range(count)]
        found = self.values[name]
        if not isinstance(found, list):
            raise NoMeaningError(f"'{name}' is a sequence and something else")
        return [self._of_kind(value, kind, name) for value in found]

    def _name(self, name: str, result: ProgramValue) -> None:
        known = self.values.setdefault(name, result)
        if not isinstance(known, ProgramValue):
            raise NoMeaningError(f"'{name}' is a value and something else")
        if known.kind != result.kind:
            raise DeclinedError
        if known is not result:
            self.required.append((f"'{name}' is that result", known.term == result.term))

    def _properties(self, application: ast.Application, names: Sequence[str]) -> dict[str, Any]:
        """The properties that matter, and all others as "rest"."""
        given, found = dict(application.properties), dict[str, Any]()
        source = self.sources.get(application.operation, {}) if application.rest else {}
        for name in (*names, "rest"):
            value = given.get(name)
            if isinstance(value, ast.Name) and value.name not in self.scope.values and not self.is_right:
                self.scope.values[value.name] = self.terms.integer(f"{value.name}!")
            if value is not None:
                term = self.scope.evaluate(value)
                found[name] = self.terms.number(term) if isinstance(term, int) else term
            elif self.is_right:
                found[name] = source.get(name, self.terms.number(0))
            else:
                key = (id(application), name)
                if key not in self.once:
                    self.once[key] = self.terms.integer(self.terms.fresh(f"{application.operation}.{name}"))
                found[name] = self.once[key]
        unknown = set(given) - set(names)
        if unknown:
            raise NoMeaningError(f"the property '{min(unknown)}' of '{application.operation}'")
        if not self.is_right:
            self.sources.setdefault(application.operation, found)
        return found

    # -- operations

    def _run(self, application: ast.Application, state: State) -> Outcome:
        """What an operation gives and makes of memory."""
        runs = {
            "buffer.load": self._load, "loop.read": self._load, "c.load": self._load,
            "buffer.store": self._store, "loop.define": self._store, "c.store": self._store,
            "loop.for": self._for, "c.for": self._for, "loop.if": self._if, "c.if": self._if,
        }  # fmt: skip
        run = runs.get(application.operation)
        if run is not None:
            return run(application, state)
        definition = definition_of(application.operation)
        if definition is None or definition.signature is None or definition.effects != PURE:
            raise NoMeaningError(f"no meaning for '{application.operation}' in rules over programs")
        return [self._scalar(application)], state

    def _scalar(self, application: ast.Application) -> ProgramValue:
        """The result of an operation on scalars, at each choice of types."""
        signature = signature_of(application)
        names = list(dict.fromkeys((*signature.operands, *signature.results)))
        known = {}
        for name, operand in zip(signature.operands, application.operands, strict=True):
            value = self.values.get(operand.name) if isinstance(operand, ast.Operand) else None
            if isinstance(value, ProgramValue) and isinstance(value.kind, tuple) and value.kind[0] == "scalar":
                known[name] = value.kind[1]
        types = {name: known[name] if name in known else self._pick(application, name, KINDS[signature.kinds[name]]) for name in names}
        if not signature.allows(types):
            raise DeclinedError
        operands = [self._value(o, ("scalar", types[name])) for o, name in zip(application.operands, signature.operands, strict=True)]
        properties = {name: self.scope.evaluate(value) for name, value in application.properties}
        if application.operation.endswith((".cmpi", ".cmpf")) and "predicate" not in properties:
            raise NoMeaningError(f"'{application.operation}' without its predicate")
        machine = self.terms.machine
        machine.required = []
        number = application.number or 0
        result = types[signature.results[number]]
        use = Use(application.operation, tuple(types[name] for name in signature.operands), result, properties, number)
        try:
            term = machine.apply(use, [operand.term for operand in operands])
        except ValueError as error:
            raise NoMeaningError(str(error)) from error
        self.required += machine.required
        if application.rest or not self.is_right:
            self._flags(application)
        return ProgramValue(("scalar", result), term)

    def _flags(self, application: ast.Application) -> None:
        """Flags that say what has no meaning, as "no overflow", are demanded where the operation is done."""
        definition = definition_of(application.operation)
        if definition is not None and "overflowFlags" in definition.property_names and dict(application.properties).get("overflowFlags") is None:
            condition = self.terms.truth_of(f"{application.operation}.flags")
            self.required.append(("what the flags of the operation say", condition))

    def _access(self, application: ast.Application, memory: Memory, indices: Sequence[ast.Pattern], lanes: int) -> Any:
        """The element that an access begins with; demands that all lie inside."""
        has_map = not application.operation.startswith("c.")
        properties = self._properties(application, ("map",) if has_map else ())
        terms = [value.term for value in self._sequence(indices, "index", "indices")]
        element, inside = self.terms.place(memory, properties.get("map", self.terms.number(0)), terms)
        inside = self.terms.all_of([inside, element >= 0, element + lanes <= memory.count])
        self.required.append((f"an access of {memory.name} inside of its bounds", inside))
        return element

    def _load(self, application: ast.Application, state: State) -> Outcome:
        memory = self._memory(application.operands[0])
        lanes = self._pick(application, "elements", _lanes(memory)) if application.operation == "buffer.load" else 1
        element = self._access(application, memory, application.operands[1:], lanes)
        if application.operation == "loop.read":
            held = self.terms.truth_of("held", state.bytes, state.defined, element)
            defined = self.terms.all_of([held, *self.terms.are_defined(state, memory, element)])
            self.required.append(("an element that is defined", defined))
        return [ProgramValue(("data", memory.width, lanes), self.terms.load(state, memory, element, lanes))], state

    def _store(self, application: ast.Application, state: State) -> Outcome:
        memory = self._memory(application.operands[1])
        value = self._stored(application, memory)
        assert isinstance(value.kind, tuple)
        element = self._access(application, memory, application.operands[2:], value.kind[2])
        after = self.terms.store(state, memory, element, value.term)
        if application.operation == "loop.define":
            fresh = self.terms.all_of([self.z3.Not(bit) for bit in self.terms.are_defined(state, memory, element)])
            self.required.append(("an element that is not defined yet", fresh))
            after = attrs.evolve(self.terms.define(after, memory, element), last=(memory, state))
        return [], after

    def _stored(self, application: ast.Application, memory: Memory) -> ProgramValue:
        pattern = application.operands[0]
        known = self.values.get(pattern.name) if isinstance(pattern, ast.Operand) else None
        if isinstance(known, ProgramValue) and isinstance(known.kind, tuple) and known.kind[0] == "data":
            return self._value(pattern, ("data", memory.width, known.kind[2]))
        lanes = self.choices.pick(_lanes(memory)) if application.operation == "buffer.store" else 1
        if isinstance(pattern, ast.Operand):
            self.chosen[pattern.name] = (memory.width, lanes)
        return self._value(pattern, ("data", memory.width, lanes))

    # -- bodies

    def _body(self, name: str, arguments: Sequence[ProgramValue], state: State, results: Sequence[object]) -> tuple[list[ProgramValue], State, Any]:
        """What a body gives, makes of memory, and whether it is defined."""
        terms = self.terms
        given = [argument.term for argument in arguments]
        if name not in self.pure:
            given += [state.bytes, state.defined]
        found = [ProgramValue(kind, terms.apply(f"{name}.{i}", terms.sort(kind), *given)) for i, kind in enumerate(results)]
        defined = terms.truth_of(f"{name}.defined", *given)
        if name in self.pure:
            return found, state, defined
        octets, marks = (terms.apply(f"{name}.{part}", old.sort(), *given) for part, old in (("bytes", state.bytes), ("defined array", state.defined)))
        return found, State(octets, marks), defined

    def _hole(self, body: ast.Body) -> tuple[list[ProgramValue], list[tuple[str, Any]]]:
        """The value of what a body holds, and what it needs."""
        if body.pure:
            self.pure.add(body.name)
        if body.holding is None:
            return [], []
        if isinstance(body.holding, ast.Application):
            outside, self.required = self.required, []
            value = self._scalar(body.holding)
            needed, self.required = self.required, outside
            return [value], needed
        known = self.values.get(body.holding.name) if isinstance(body.holding, ast.Operand) else None
        if not isinstance(known, ProgramValue):
            raise NoMeaningError(f"what stands in the body '{body.name}' is no value")
        return [known], []

    def _for(self, application: ast.Application, state: State) -> Outcome:
        terms, z3 = self.terms, self.z3
        bounds = self._bounds(application)
        carried = bounds.carried
        (body,) = application.bodies
        hole, needed = self._hole(body)
        kinds = [value.kind for value in carried]

        def iterate(index: Any, values: Sequence[ProgramValue], before: State) -> tuple[list[ProgramValue], State, Any]:
            if not body.name:
                return list(values), before, terms.true()
            return self._body(body.name, [ProgramValue("index", index), *values, *hole], before, kinds)

        any_state = terms.state(terms.fresh("any"))
        any_values = [ProgramValue(kind, z3.Const(terms.fresh("any"), terms.sort(kind))) for kind in kinds]
        values, after, _ = iterate(terms.integer("any index"), any_values, any_state)
        runs, runs_on = bounds.low < bounds.high, bounds.low + bounds.step < bounds.high
        first, one, defined = iterate(bounds.start, carried, state)
        begin = (*bounds.tokens, *(value.term for value in (*carried, *hole)), state.bytes, state.defined)
        name = body.name or "nothing"
        rest = [ProgramValue(kind, terms.apply(f"loop of {name}.{i}", terms.sort(kind), *begin)) for i, kind in enumerate(kinds)]
        more = State(*(terms.apply(f"loop of {name}.{part}", a.sort(), *begin) for part, a in (("bytes", state.bytes), ("marks", state.defined))))
        found = terms.choose(runs_on, rest, first)
        found = [
            before if value is unchanged else terms.choose(runs, [many], [before])[0]
            for value, unchanged, before, many in zip(values, any_values, carried, found, strict=True)
        ]
        end = state if after is any_state else terms.choose_state(runs, terms.choose_state(runs_on, more, one), state)
        self.required.append(("the loop to be defined", z3.Implies(runs, z3.If(runs_on, terms.truth_of(f"loop of {name}.defined", *begin), defined))))
        self.required += [(what, z3.Implies(runs, condition)) for what, condition in needed]
        return found, end

    def _bounds(self, application: ast.Application) -> _Bounds:
        if application.operation == "c.for":
            properties = self._properties(application, ("step",))
            if len(application.operands) != 2:
                raise NoMeaningError("a loop of C without its two bounds")
            low, high = (self._value(operand, "index").term for operand in application.operands)
            step, z3 = properties["step"], self.z3
            # down: the same as upwards from the negative of the start to below the negative of the limit, and once more at the limit
            up = step > 0
            self.scope.facts.append(step != 0)
            start, end = z3.If(up, low, -low), z3.If(up, high, 1 - high)
            return _Bounds(low, start, end, z3.If(up, step, -step), [], (properties["rest"], low, high, step))
        if len(application.operands) not in (2, 3):
            raise NoMeaningError(f"no meaning for '{application.operation}' without sequences for its bounds")
        lower, upper = (self._sequence([application.operands[i]], "index", "bounds") for i in (0, 1))
        carried = self._sequence(application.operands[2:], CARRIED, "carried")
        properties = self._properties(application, ("lower_map", "upper_map", "step"))
        low = self.scope.bound("lower", properties["lower_map"], [value.term for value in lower])
        high = self.scope.bound("upper", properties["upper_map"], [value.term for value in upper])
        self.scope.facts.append(properties["step"] > 0)
        step = properties["step"]
        return _Bounds(low, low, high, step, carried, (properties["rest"], low, high, step))

    def _if(self, application: ast.Application, state: State) -> Outcome:
        if application.operation == "c.if":
            self._properties(application, ())
            condition, kinds = self._value(application.operands[0], "truth").term, list[object]()
        else:
            properties = self._properties(application, ("condition",))
            indices = [value.term for value in self._sequence(application.operands, "index", "bounds")]
            condition = self.scope.condition(properties["condition"], indices)
            kinds = [CARRIED] * self._results()
        outcomes = []
        for body in application.bodies:
            hole, needed = self._hole(body)
            if hole or needed:
                raise NoMeaningError("what a branch holds")
            outcomes.append(self._body(body.name, [], state, kinds) if body.name else ([], state, self.terms.true()))
            if not body.name and kinds:
                raise DeclinedError
        (first, one, ok), (second, other, fine) = outcomes
        self.required.append(("the branch to be defined", self.z3.If(condition, ok, fine)))
        return self.terms.choose(condition, first, second), self.terms.choose_state(condition, one, other)

    def _results(self) -> int:
        """How many results a branch gives."""
        if "results" not in self.chosen:
            self.chosen["results"] = self.choices.pick((0, 1, 2))
        found = self.chosen["results"]
        assert isinstance(found, int)
        return found

    # -- the right side

    def _result(self, result: ast.Pattern, state: State) -> Outcome:
        if isinstance(result, ast.Let):
            value = self._value_of_let(result.value)
            self.values[result.name] = value
            return self._result(result.result, state)
        if isinstance(result, ast.Values):
            found: list[ProgramValue] = []
            for item in result.items:
                inner = item.pattern if isinstance(item, ast.Sequence) else item
                known = self.values.get(inner.name) if isinstance(inner, ast.Operand) else None
                if not isinstance(known, list | ProgramValue):
                    raise NoMeaningError(f"'{ast.spell_pattern(item)}' as a result")
                found += known if isinstance(known, list) else [known]
            return found, state
        if isinstance(result, ast.Operand | ast.Constant):
            known = self.values.get(result.name)
            if not isinstance(known, ProgramValue):
                raise NoMeaningError(f"'{result.name}' as a result")
            return [known], state
        if isinstance(result, ast.Application) and "." not in result.operation:
            return self._inlined(result, state)
        if isinstance(result, ast.Application):
            return self._run(result, state)
        raise NoMeaningError(f"'{ast.spell_pattern(result)}' in the place of an operation")

    def _value_of_let(self, pattern: ast.Pattern) -> ProgramValue:
        if not isinstance(pattern, ast.Application):
            raise NoMeaningError("what is computed first is no operation")
        return self._scalar(pattern)

    def _inlined(self, call: ast.Application, state: State) -> Outcome:
        root = self.rule.pattern
        is_loop = root.operation.endswith(".for")
        if call.operands and not is_loop:
            raise DeclinedError  # branches have no arguments
        arguments: list[ProgramValue] = []
        for i, operand in enumerate(call.operands):
            arguments += self._sequence([operand], "index" if is_loop and i == 0 else CARRIED, "carried")
        kinds = [value.kind for value in arguments[1:]] if is_loop else [CARRIED] * (self._results() if root.operation == "loop.if" else 0)
        if is_loop and len(arguments) != 1 + self._carried(root):
            raise DeclinedError
        found, after, defined = self._body(call.operation, arguments, state, kinds)
        self.required.append(("the body to be defined", defined))
        return found, after

    def _carried(self, root: ast.Application) -> int:
        last = root.operands[2] if len(root.operands) == 3 else None
        known = self.values.get(last.pattern.name) if isinstance(last, ast.Sequence) and isinstance(last.pattern, ast.Operand) else None
        return len(known) if isinstance(known, list) else 0


def _lanes(memory: Memory) -> list[int]:
    return [lanes for lanes in LANES if lanes * memory.width <= MOST_BYTES]
