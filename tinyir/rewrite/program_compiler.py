"""Rules over programs as Python functions: what `rule_compiler` does for trees of values, for memory and for bodies too.

    rule load_of_stored   buffer.load(m, i...) {map = f} after buffer.store(v, m, i...) {map = f}  =>  v

becomes

    def rewrite(edit):
        o0 = edit.root
        n_m = o0._operands[0]
        n_i = o0._operands[1:]
        n_f = property_value(o0.properties.get('map'), None)
        for o1 in neighbours(o0, 'after', 'buffer.store'):
            n_v = o1._operands[0]
            if not (n_m is o1._operands[1]): continue
            ...
            return (n_v,)
        return None
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyir.ir.registry import OperationDefinition
from tinyir.ir.scalar_signature import KINDS
from tinyir.ir.types import I32, I64, INDEX
from tinyir.rewrite.program_functions import SEGMENTS
from tinyir.rewrite.rule_compiler import RuleWriter
from tinyir.rewrite.rule_types import Path, constant_operation, literal_type, signature_of
from tinyir.text import rule_syntax as ast


class ProgramWriter(RuleWriter):
    """Writes the function of a rule over programs."""

    def __init__(self, rule: ast.Rule, functions: Mapping[str, ast.Function], most_dimensions: int | None) -> None:
        super().__init__(rule, functions, None)
        self.bodies: dict[str, str] = {}
        self.holes: dict[str, str] = {}
        self.several: set[str] = set()

    def write(self) -> str:
        self._begin()
        if self.rule.neighbour is not None:
            self._match_neighbour(self.rule.neighbour)
        self._require_values()
        self._require_conditions()
        self.emit(f"return {self._replacement(self.rule.result)}")
        self.indent = "    "
        if self.refusal != "return None":
            self.emit("return None")
        return self._function()

    # -- the left side

    def _match_neighbour(self, neighbour: ast.Neighbour) -> None:
        matched, variable = list(self.matched), self.fresh("o")
        self._search(f"neighbours(o0, {neighbour.order!r}, {neighbour.pattern.operation!r})", variable)
        self._match(neighbour.pattern, variable, (2,))
        if neighbour.name:
            number = neighbour.pattern.number
            if self._has_several(neighbour.pattern):
                self.require(f"len({variable}.results) == 1" if number is None else f"len({variable}.results) > {number}")
            self._bind(neighbour.name, f"{variable}.results[{number or 0}]")
        self.matched = matched  # it stays: nothing of it takes part in the replacement

    def _search(self, candidates: str, variable: str) -> None:
        """All that follows is tried with each of some candidates in turn."""
        self.emit(f"for {variable} in {candidates}:")
        self.indent += "    "
        self.refusal = "continue"
        self.emit("if edit.created: edit.cancel()")

    def _match(self, application: ast.Application, variable: str, path: Path) -> None:
        definition = self._definition(application)
        self.variables.setdefault(application.operation, variable)
        self._match_operands(application, definition, variable, path)
        if variable not in self.matched:
            self.matched.append(variable)
        for name, value in application.properties:
            self._match_property(application, variable, name, value)
        if application.type is not None:
            self._match_type(application.type, variable)
        if application.bodies:
            self.require(f"len({variable}.regions) == {len(application.bodies)}")
        for number, body in enumerate(application.bodies):
            self._match_body(body, variable, number)

    def _match_type(self, type: ast.Expression, variable: str) -> None:
        if isinstance(type, ast.Name) and type.name not in self.bound and literal_type(type.name) is None:
            self._bind_type(type.name, variable)
        else:
            self.later.append(f"element({variable}.results[0]) is {self.spell(type)}")

    def _match_operands(self, application: ast.Application, definition: OperationDefinition, variable: str, path: Path) -> None:
        patterns = application.operands
        if SEGMENTS in definition.property_names:
            if not all(isinstance(pattern, ast.Sequence) and isinstance(pattern.pattern, ast.Operand) for pattern in patterns):
                raise self.error(f"the operands of '{application.operation}' are sequences: write `a..., b...`")
            groups = self.fresh("g")
            self.emit(f"{groups} = segments_of({variable})")
            self.require(f"len({groups}) >= {len(patterns)} and not any({groups}[{len(patterns)}:])")
            for i, pattern in enumerate(patterns):
                self._bind_sequence(pattern, f"{groups}[{i}]")
            return
        single = patterns[:-1] if patterns and isinstance(patterns[-1], ast.Sequence) else patterns
        if any(isinstance(pattern, ast.Sequence) for pattern in single):
            raise self.error(f"a sequence must be the last operand of '{application.operation}'")
        if single == patterns:
            self._check_arity(application, definition)
            self.require(f"len({variable}._operands) == {len(patterns)}")
        elif single:
            self.require(f"len({variable}._operands) >= {len(single)}")
        for i, pattern in enumerate(single):
            self._match_operand(pattern, f"{variable}._operands[{i}]", (*path, i))
        if single != patterns:
            self._bind_sequence(patterns[-1], f"{variable}._operands[{len(single)}:]")

    def _check_arity(self, application: ast.Application, definition: OperationDefinition) -> None:
        if definition.operands is None or not any(name.endswith("...") for name in definition.operands):
            super()._check_arity(application, definition)

    def _bind_sequence(self, pattern: ast.Pattern, text: str) -> None:
        assert isinstance(pattern, ast.Sequence)
        if not isinstance(pattern.pattern, ast.Operand):
            raise self.error("a sequence of operands beside others, or at a level with memory, is a name: `x...`")
        name = pattern.pattern.name
        if name in self.bound:
            self.require(f"n_{name} == {text}")
        else:
            self.bound.add(name)
            self.several.add(name)
            self.emit(f"n_{name} = {text}")

    def _match_body(self, body: ast.Body, variable: str, number: int) -> None:
        block = self.fresh("b")
        self.emit(f"{block} = body_of({variable}, {number})")
        self.require(f"{block} is not None")
        if not body.name:
            self.require(f"does_nothing({variable}, {block})")
            return
        if body.name in self.bodies:
            self.require(f"same_body({self.bodies[body.name]}, {block})")
        else:
            self.bodies[body.name] = block
        if body.pure:
            self.require(f"touches_nothing({block}.operations)")
        if body.holding is not None:
            self._match_inside(body, block)

    def _match_inside(self, body: ast.Body, block: str) -> None:
        """An operation of the body whose operands come from outside."""
        inside = body.holding
        if not isinstance(inside, ast.Application) or not all(isinstance(operand, ast.Operand) for operand in inside.operands):
            raise self.error(f"what the body '{body.name}' holds is an operation on names: `{body.name} with f(x, y)`")
        variable = self.holes[body.name] = self.fresh("o")
        self._search(f"invariants({block}, {inside.operation!r})", variable)
        self._match(inside, variable, (3,))
        definition = self._definition(inside)
        if definition.signature is not None:
            allowed = {type for kind in signature_of(inside, definition).kinds.values() for type in KINDS[kind] if type is not None}
            names = sorted(f"type_{type}" for type in (allowed | ({INDEX} if {I32, I64} <= allowed else set())))
            self.sets.append(f"proved = frozenset(({', '.join(names)},))")
            self.require(f"all(is_of(value.type, proved) for value in (*{variable}._operands, *{variable}.results))")

    # -- the right side

    def _replacement(self, result: ast.Pattern) -> str:
        if isinstance(result, ast.Let):
            value = self._build(result.value, (1,))
            self.bound.add(result.name)
            self.emit(f"n_{result.name} = {value}")
            return self._replacement(result.result)
        if isinstance(result, ast.Values):
            values = self.fresh("r")
            self.emit(f"{values} = ({''.join(self._several(item) + ', ' for item in result.items)})")
            self.require(f"len({values}) == len(o0.results)")
            return values
        if isinstance(result, ast.Application) and result.operation in self.bodies:
            return self._inlined(result)
        if isinstance(result, ast.Application) and result.bodies:
            return self._repeated(result)
        return f"({self._build(result, (1,))},)"

    def _several(self, pattern: ast.Pattern) -> str:
        if isinstance(pattern, ast.Sequence):
            return f"*{self._sequence_name(pattern)}"
        return self._build(pattern, (1,))

    def _sequence_name(self, pattern: ast.Pattern) -> str:
        if not isinstance(pattern, ast.Sequence) or not isinstance(pattern.pattern, ast.Operand) or pattern.pattern.name not in self.several:
            raise self.error("a sequence on the right is one of the left: `x...`")
        return f"n_{pattern.pattern.name}"

    def _build(self, pattern: ast.Pattern, path: Path) -> str:
        if isinstance(pattern, ast.Application) and (pattern.bodies or pattern.operation in self.bodies):
            raise self.error("bodies stand at the root of the right side")
        if isinstance(pattern, ast.Operand | ast.Constant) and pattern.name in self.several:
            raise self.error(f"'{pattern.name}' is a sequence: write `{pattern.name}...`")
        if isinstance(pattern, ast.Application) and any(isinstance(operand, ast.Sequence) for operand in pattern.operands):
            self._check_right(pattern, self._definition(pattern))
            operands = "".join(self._several(operand) + ", " for operand in pattern.operands)
            return f"edit.apply({pattern.operation!r}, ({operands}), {self._properties(pattern)})"
        if isinstance(pattern, ast.Application):
            return self._built_operation(pattern, path)
        return super()._build(pattern, path)

    def _built_operation(self, pattern: ast.Application, path: Path) -> str:
        """An operation without bodies: its result is of the type of the operation that it takes after."""
        definition = self._definition(pattern)
        self._check_right(pattern, definition)
        operands = "".join(self._build(operand, (*path, i)) + ", " for i, operand in enumerate(pattern.operands))
        if self._has_several(pattern):
            if pattern.number is None or definition.infer is None:
                raise self.error(f"which result of '{pattern.operation}', and of what type, is not known", word=pattern.operation, of=pattern)
            return f"edit.create({pattern.operation!r}, ({operands}), {self._properties(pattern)}).results[{pattern.number}]"
        source = self.variables.get(pattern.operation)
        if definition.infer is None and source is not None:
            types = f"[result.type for result in {source}.results]"
            return f"edit.create({pattern.operation!r}, ({operands}), {self._properties(pattern)}, {types}).result"
        if definition.infer is None:
            raise self.error(f"the type of '{pattern.operation}' on the right is not known")
        return f"edit.apply({pattern.operation!r}, ({operands}), {self._properties(pattern)})"

    def _build_constant(self, pattern: ast.Splat | ast.Made, path: Path, type: str = "") -> str:
        value = repr(pattern.value) if isinstance(pattern, ast.Splat) else self.spell(pattern.value)
        made = self.fresh("t")
        self.emit(f"{made} = {type or 'o0.results[0].type'}")
        operation = constant_operation(self.rule.pattern.operation)
        return f"edit.create({operation!r}, (), {{'value': constant_attribute({value}, {made})}}, ({made},)).result"

    def _inlined(self, call: ast.Application) -> str:
        """The body's operations in the place of the root, with values for its arguments."""
        block = self.bodies[call.operation]
        if call.operation in self.holes:
            raise self.error(f"'{call.operation}' is without the operation that it holds: write `do {call.operation} with v`")
        parts = [
            self._build_constant(operand, (1,), f"{block}.arguments[{i}].type") if isinstance(operand, ast.Splat | ast.Made) else self._several(operand)
            for i, operand in enumerate(call.operands)
        ]
        arguments = self.fresh("a")
        self.emit(f"{arguments} = ({''.join(part + ', ' for part in parts)})")
        self.require(f"[a.type for a in {arguments}] == [a.type for a in {block}.arguments]")
        return f"edit.inline({block}, {arguments})"

    def _repeated(self, application: ast.Application) -> str:
        """The root once more, with other operands or bodies."""
        if application.operation != self.rule.pattern.operation or len(application.bodies) != len(self.rule.pattern.bodies):
            raise self.error(f"what has bodies on the right is a '{self.rule.pattern.operation}' as on the left")
        definition = self._definition(application)
        self._check_right(application, definition)
        operands = "".join(self._several(operand) + ", " for operand in application.operands)
        properties = self._properties(application)
        if SEGMENTS in definition.property_names:
            names = ", ".join(self._sequence_name(operand) for operand in application.operands)
            properties = f"{{**{properties}, {SEGMENTS!r}: lengths(o0, {names})}}"
        bodies = "".join(self._body(body) + ", " for body in application.bodies)
        return f"edit.repeat(o0, ({operands}), {properties}, ({bodies}))"

    def _body(self, body: ast.Body) -> str:
        if body.name not in self.bodies:
            raise self.error(f"'{body.name or 'nothing'}' is no body of the left side")
        hole = self.holes.get(body.name)
        if (hole is None) != (body.holding is None) or (body.holding is not None and not isinstance(body.holding, ast.Operand)):
            raise self.error(f"the body '{body.name}' holds an operation: write `do {body.name} with v`, where v stands for its result")
        value = self.spell(ast.Name(body.holding.name)) if isinstance(body.holding, ast.Operand) else "None"
        return f"({self.bodies[body.name]}, {hole}, {value})"

    def _check_right(self, application: ast.Application, definition: OperationDefinition) -> None:
        given = {name for name, _ in application.properties} | {SEGMENTS}
        missing = [name for name in definition.required_properties if name not in given]
        if missing and not application.rest:
            raise self.error(f"'{application.operation}' on the right needs the property '{missing[0]}'", "`..` copies the properties of the left side")
