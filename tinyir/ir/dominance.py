"""Dominance between the blocks of a region (Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm, 2001)."""

from __future__ import annotations

from tinyir.ir.operation import Block, Region


def dominator_tree(region: Region) -> tuple[dict[Block, list[Block]], list[Block]]:
    """For each reachable block those that it immediately dominates, and the blocks that cannot be reached."""
    entry = region.blocks[0]
    order = _reverse_postorder(entry)
    number = {block: position for position, block in enumerate(order)}
    predecessors: dict[Block, list[Block]] = {block: [] for block in order}
    for block in order:
        for successor in _successors(block):
            if successor in number:
                predecessors[successor].append(block)
    dominators = {entry: entry}
    changed = True
    while changed:
        changed = False
        for block in order[1:]:
            known = [p for p in predecessors[block] if p in dominators]
            nearest = known[0]
            for other in known[1:]:
                nearest = _meet(nearest, other, dominators, number)
            if dominators.get(block) is not nearest:
                dominators[block] = nearest
                changed = True
    children: dict[Block, list[Block]] = {block: [] for block in order}
    for block in order[1:]:
        children[dominators[block]].append(block)
    return children, [block for block in region.blocks if block not in number]


def _successors(block: Block) -> tuple[Block, ...]:
    return block.last.successors if block.last is not None else ()


def _reverse_postorder(entry: Block) -> list[Block]:
    finished: list[Block] = []
    seen = {entry}
    stack = [(entry, iter(_successors(entry)))]
    while stack:
        block, remaining = stack[-1]
        following = next((s for s in remaining if s not in seen), None)
        if following is None:
            finished.append(block)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(_successors(following))))
    return finished[::-1]


def _meet(first: Block, second: Block, dominators: dict[Block, Block], number: dict[Block, int]) -> Block:
    """The nearest common dominator."""
    while first is not second:
        while number[first] > number[second]:
            first = dominators[first]
        while number[second] > number[first]:
            second = dominators[second]
    return first
