"""Whether a graph's names make sense: everything read is made before, once; and which nodes the outputs need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tinyir.frontend.onnx_model import ModelError, Node, spell_name
from tinyir.ir.errors import closest


def name_errors(nodes: Sequence[Node], inputs: Sequence[str], constants: Sequence[str], outputs: Sequence[str]) -> Iterator[ModelError]:
    """What is wrong with the names; nothing follows from an error that another one has told."""
    if not outputs:
        yield ModelError("the graph has no outputs", hint="is this a whole model, exported for inference?")
    for names, what in ((inputs, "input"), (constants, "constant"), (outputs, "output")):
        for name in _repeated(names):
            yield ModelError(f"the graph has two {what}s named {spell_name(name)}")
    made: dict[str, str] = dict.fromkeys(constants, "a constant") | dict.fromkeys(inputs, "an input of the graph")
    makers: dict[str, Node] = {}
    for node in nodes:
        if not any(node.outputs):
            yield ModelError(f"{node}: has no outputs")
            return
        for name in filter(None, node.outputs):
            if name in made:
                yield ModelError(f"{node}: makes {spell_name(name)}, which is already {made[name]}")
                return
            made[name] = f"made by {node}"
            makers[name] = node
    yield from _order_errors(nodes, makers, {*inputs, *constants})
    for name in outputs:
        if name not in made:
            yield ModelError(f"the output {spell_name(name)} of the graph is made by no node", hint=_hint(name, made))


def _hint(name: str, known: Iterable[str]) -> str:
    close = closest(name, known)
    return f"did you mean {spell_name(close)}?" if close else ""


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _order_errors(nodes: Sequence[Node], makers: dict[str, Node], known: set[str]) -> Iterator[ModelError]:
    for node in nodes:
        for name in filter(None, node.inputs):
            if name in known:
                continue
            maker = makers.get(name)
            if maker is None:
                yield ModelError(f"{node}: reads {spell_name(name)}, which nothing makes", hint=_hint(name, {*known, *makers}))
                return
            cycle = _cycle_through(node, makers)
            if cycle:
                shown = [spell_name(member.label) for member in cycle]
                names = shown if len(shown) <= 8 else [*shown[:4], "...", *shown[-3:]]
                yield ModelError(f"{node}: needs its own result: {' <- '.join(names)}", hint="a network without loops through its nodes is needed")
            else:
                yield ModelError(f"{node}: reads {spell_name(name)} before {maker} makes it", hint="sort the nodes topologically, as ONNX demands")
            return
        known.update(node.outputs)


def _cycle_through(start: Node, makers: dict[str, Node]) -> list[Node]:
    """A way from a node over the makers of its inputs back to itself; empty if there is none."""
    came_from: dict[int, Node] = {}
    pending = [start]
    while pending:
        node = pending.pop()
        for name in node.inputs:
            maker = makers.get(name)
            if maker is None or maker.position in came_from:
                continue
            came_from[maker.position] = node
            if maker.position == start.position:
                return _way_back(start, came_from)
            pending.append(maker)
    return []


def _way_back(start: Node, came_from: dict[int, Node]) -> list[Node]:
    """The cycle in the order of reading: each member reads what the next one makes."""
    way = [start]
    node = came_from[start.position]
    while node.position != start.position:
        way.append(node)
        node = came_from[node.position]
    return [start, *reversed(way)]


def needed_nodes(nodes: Sequence[Node], outputs: Iterable[str]) -> list[Node]:
    """The nodes that the outputs depend on, in the order of the file (which must be topological)."""
    wanted = set(outputs)
    found = []
    for node in reversed(nodes):
        if not wanted.isdisjoint(filter(None, node.outputs)):
            found.append(node)
            wanted.update(node.inputs)
    return found[::-1]
