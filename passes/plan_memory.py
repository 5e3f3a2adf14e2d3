"""One static arena for all tensors: who lives when, who may lie over whom, and which way each nest runs.

    buffer.global @x : memref<64xi8, "ram">                  buffer.global @arena : memref<96xi8, "ram">
    buffer.global @y : memref<64xi8, "ram">                  ...
    ...                                                =>    %a = buffer.get_global @arena : ...
    %y = buffer.get_global @y : ...                          %y = buffer.view %a[32] : ... to memref<64xi8, "ram">
    loop.for %i ... parallel { ... }                         loop.for %i ... parallel reverse { ... }

The order of the nests at the network's root is time.  A tensor lives from the first nest that touches it to the last; an
input from the start, an output to the end.  Where an input dies in the nest that makes an output, both may share bytes as far
as that nest's order of reads and writes allows, forwards or backwards: an `overlap` obligation for each such pair.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.dialects import loop
from tinyir.dialects.buffer import FLASH, RAM, alignment_bytes, global_type, network_functions, referenced_symbol, size_bytes, symbol_name, text_of
from tinyir.dialects.nest_accesses import MemoryAccess, nest_accesses
from tinyir.dialects.nest_sharing import NestSharing
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import IntegerAttribute, StringAttribute, SymbolReference, TypeAttribute, UnitAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, INDEX, MemRefType
from tinyir.prove.memory_check import PlanClaim
from tinyir.prove.memory_planner import Plan, plan_memory
from tinyir.prove.memory_problem import Buffer, Sharing
from tinyir.prove.obligations import Obligation
from tinyir.prove.overlap import InPlaceClaim, Nest, OverlapClaim
from tinyir.rewrite.passes import Pass, PassContext

MOST_STEPS = 1 << 22
"""Iterations up to which a nest is looked at step by step."""


@attrs.frozen
class PlanMemory(Pass):
    """`share`: inputs and outputs of a nest may overlap.  `reverse`: nests may be turned round for that."""

    name = "plan_memory"
    reads = ("builtin", "func", "arith", "loop", "buffer")
    leaves = ("builtin", "func", "arith", "loop", "buffer")

    share: bool = True
    reverse: bool = True
    arena: str = "arena"

    def run(self, module: Operation, context: PassContext) -> None:
        for function in network_functions(module):
            _Planning(self, module, function, context).run()


@attrs.frozen(eq=False)
class _Pair:
    """A nest's input and output that may share bytes: the nest as the provers see it, and the loops that its direction turns."""

    root: Operation
    sharing: Sharing
    nest: Nest
    loops: tuple[Operation, ...]


class _Planning:
    """One network function being planned."""

    def __init__(self, options: PlanMemory, module: Operation, function: Operation, context: PassContext) -> None:
        self.options = options
        self.module = module
        self.function = function
        self.context = context
        self.globals = {symbol_name(op): op for op in module.body if op.name == "buffer.global" and _is_planned(op)}
        self.roots = [op for op in function.body if op.name not in ("buffer.get_global", "buffer.view", "arith.constant", "func.return")]
        self.accesses = [nest_accesses(root) for root in self.roots]

    def run(self) -> None:
        buffers = self._buffers()
        if not buffers:
            return
        pairs = self._pairs({buffer.name: buffer for buffer in buffers}) if self.options.share else []
        plan = self._proved_plan(buffers, pairs)
        arena = self._declare_arena(plan, buffers)
        self._replace_globals(plan, arena)
        self._turn_nests(plan, pairs)

    # -- lifetimes

    def _buffers(self) -> list[Buffer]:
        """Time 0 is before the first nest, nest n is time n + 1."""
        lives: dict[str, list[int]] = {name: [] for name in self.globals}
        for step, accesses in enumerate(self.accesses, start=1):
            for access in accesses:
                if access.memory in lives:
                    lives[access.memory].append(step)
        for port in self.module.body:
            if port.name == "buffer.port" and (storage := referenced_symbol(port, "storage")) in lives:
                lives[storage].append(0 if text_of(port, "direction") == "input" else len(self.roots) + 1)
        scratch = [_scratch(operation, step, root) for step, root in enumerate(self.roots, start=1) for operation in _allocations(root)]
        self.scratch = {buffer.name: operation for buffer, operation in scratch}
        planned = [
            Buffer(name, size_bytes(global_type(self.globals[name])), min(steps), max(steps), alignment_bytes(self.globals[name]))
            for name, steps in lives.items()
            if steps
        ]
        return [*planned, *(buffer for buffer, _ in scratch)]

    # -- sharing

    def _pairs(self, buffers: dict[str, Buffer]) -> list[_Pair]:
        """All pairs of an input that dies and an output that is born in one nest."""
        found: list[_Pair] = []
        for step, (root, accesses) in enumerate(zip(self.roots, self.accesses, strict=True), start=1):
            memories = list(dict.fromkeys(access.memory for access in accesses if access.memory in buffers))
            dying = [memory for memory in memories if buffers[memory].last_step == step]
            born = [memory for memory in memories if buffers[memory].first_step == step]
            for given in dying:
                for made in born:
                    pair = self._pair(root, accesses, buffers[given], buffers[made], step) if given != made else None
                    found += [pair] if pair is not None else []
        return found

    def _pair(self, root: Operation, accesses: Sequence[MemoryAccess], given: Buffer, made: Buffer, step: int) -> _Pair | None:
        reads = [access for access in accesses if access.memory == given.name]
        writes = [access for access in accesses if access.memory == made.name]
        if any(access.is_write for access in reads):
            return None
        found = NestSharing.of(reads, writes, given.size_bytes, made.size_bytes, self.options.reverse, MOST_STEPS)
        if found is None or not found.saved_bytes(given.size_bytes, made.size_bytes):
            return None
        sharing = Sharing(f"nest{step}", given.name, made.name, found.forward, found.reverse, found.directions, found.in_place)
        return _Pair(root, sharing, found.nest, found.loops)

    # -- the plan and its proofs

    def _proved_plan(self, buffers: Sequence[Buffer], pairs: list[_Pair]) -> Plan:
        """A plan all of whose obligations are proved: a pair that cannot be proved is kept apart, and planning starts again."""
        while True:
            plan = plan_memory(buffers, [pair.sharing for pair in pairs])
            obligations = [(pair, obligation) for pair in pairs if (obligation := self._overlap(pair, plan)) is not None]
            verdicts = [(pair, obligation, obligation.claim.check()) for pair, obligation in obligations if obligation.claim is not None]
            unproved = [pair for pair, _, verdict in verdicts if verdict.state != "proved"]
            if not unproved:
                break
            pairs[:] = [pair for pair in pairs if pair not in unproved]
        for _, obligation in obligations:
            self.context.ledger.add(obligation)
        claim = PlanClaim.of(buffers, [pair.sharing for pair in pairs], plan)
        best = "the least possible" if plan.optimal else f"at least {plan.lower_bound_bytes} are needed"
        statement = f"{len(buffers)} tensors in {plan.arena_bytes} bytes ({best}), none overwritten while it lives"
        self.context.ledger.add(Obligation("overlap", symbol_name(self.function), statement, claim))
        return plan

    def _overlap(self, pair: _Pair, plan: Plan) -> Obligation | None:
        """The obligation of a pair, if the plan lets the two share bytes."""
        sharing = pair.sharing
        given, made = plan.offsets[sharing.input], plan.offsets[sharing.output]
        sizes = [size_bytes(global_type(self.globals[name])) for name in (sharing.input, sharing.output)]
        common = min(given + sizes[0], made + sizes[1]) - max(given, made)
        if common <= 0:
            return None
        direction = plan.directions[sharing.nest]
        distance = given - made if direction == "forward" else made - given
        where = ", ".join(pair.root.location.names) or sharing.nest
        if sharing.in_place and not distance:
            statement = f"'{sharing.output}' may overwrite '{sharing.input}' from its first byte on ({common} bytes in common): each step has its own"
            return Obligation("overlap", where, statement, InPlaceClaim(pair.nest))
        order = "" if direction == "forward" else ", running backwards"
        statement = f"'{sharing.output}' may overwrite '{sharing.input}' at distance {distance} ({common} bytes in common{order})"
        return Obligation("overlap", where, statement, OverlapClaim(pair.nest, distance, direction))

    # -- rewriting

    def _declare_arena(self, plan: Plan, buffers: Sequence[Buffer]) -> str:
        taken = {symbol_name(op) for op in self.module.body if "sym_name" in op.properties}
        name = self.options.arena
        while name in taken:
            name += "_"
        type = MemRefType([plan.arena_bytes], I8, None, RAM)
        alignment = max(buffer.alignment_bytes for buffer in buffers)
        properties: dict[str, Attribute] = {
            "sym_name": StringAttribute(name),
            "type": TypeAttribute(type),
            "alignment": IntegerAttribute(alignment, INDEX),
        }
        Builder.before(self.function).create("buffer.global", properties=properties)
        return name

    def _replace_globals(self, plan: Plan, arena: str) -> None:
        type = MemRefType([plan.arena_bytes], I8, None, RAM)
        whole = Builder.at_start(self.function.body, self.function.location).create("buffer.get_global", (), [type], {"name": SymbolReference(arena)}).result
        whole.name = arena
        for operation in list(self.function.body):
            if operation.name == "buffer.get_global" and (name := referenced_symbol(operation, "name")) in plan.offsets:
                offset: dict[str, Attribute] = {"offset": IntegerAttribute(plan.offsets[name], INDEX)}
                view = Builder.before(operation).create("buffer.view", [whole], [operation.result.type], offset).result
                view.name = operation.result.name
                operation.replace_by(view)
        for name, operation in self.scratch.items():
            offset = {"offset": IntegerAttribute(plan.offsets[name], INDEX)}
            view = Builder.after(whole.owner).create("buffer.view", [whole], [operation.result.type], offset, location=operation.location).result
            view.name = operation.result.name
            operation.replace_by(view)
        for port in self.module.body:
            if port.name == "buffer.port" and (name := referenced_symbol(port, "storage")) in plan.offsets:
                port.properties["storage"] = SymbolReference(arena)
                port.properties["offset"] = IntegerAttribute(plan.offsets[name], INDEX)
        for name, operation in self.globals.items():
            if name in plan.offsets:
                operation.erase()

    def _turn_nests(self, plan: Plan, pairs: Sequence[_Pair]) -> None:
        turned: dict[Operation, None] = {}
        for pair in pairs:
            if plan.directions[pair.sharing.nest] == "reverse":
                turned.update(dict.fromkeys(pair.loops))
        for operation in turned:
            if loop.is_reverse(operation):
                del operation.properties["reverse"]
            else:
                operation.properties["reverse"] = UnitAttribute()


def _allocations(root: Operation) -> list[Operation]:
    """The scratch of a nest: what lives during one iteration of a loop may lie in the arena, since no two iterations run at once."""
    return [operation for operation in root.walk() if operation.name == "buffer.allocate"]


def _scratch(operation: Operation, step: int, root: Operation) -> tuple[Buffer, Operation]:
    """Scratch as a buffer that lives from the first to the last operation of the root's body that accesses it."""
    memory = operation.result.type
    assert isinstance(memory, MemRefType)
    name = f"{operation.result.name or 'scratch'}#{step}.{_allocations(root).index(operation)}"
    parts = [root.body.operations.index(_child(user, root)) for user in _users(operation.result)]
    return Buffer(name, size_bytes(memory), step, step, alignment_bytes(operation), (min(parts), max(parts)) if parts else None), operation


def _users(memory: Value) -> list[Operation]:
    """What accesses a memory, through views of it as well."""
    return [inner for user in memory.users for inner in (_users(user.result) if user.name == "buffer.view" else [user])]


def _child(operation: Operation, root: Operation) -> Operation:
    """The operation of the root's body that is or holds another one."""
    return operation if operation.parent_operation is root else next(above for above in operation.ancestors() if above.parent_operation is root)


def _is_planned(operation: Operation) -> bool:
    """Whether a global is memory of one run of the network: in RAM, without a value that it starts with."""
    return global_type(operation).space is not FLASH and "value" not in operation.properties
