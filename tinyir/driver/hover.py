"""What an editor shows of the name under the cursor: type, location, meaning, in Markdown."""

from __future__ import annotations

from tinyir.driver.descriptions import code, describe_operation
from tinyir.ir.location import UNKNOWN, Location
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.registry import OperationDefinition, definition_of
from tinyir.ir.source import TextLocation
from tinyir.ir.types import Type
from tinyir.text.outline import Definition, Outline, Token

LANGUAGE = "tinyir"


def hover_text(outline: Outline, offset: int) -> tuple[Token, str] | None:
    """The name at an offset of the text and what there is to say of it; None if it is nothing that is known."""
    token = outline.token_at(offset)
    if token is None:
        return None
    said = _said_of_name(outline, token) if token.text[0] in "%^@#!" else _said_of_word(outline, token)
    return (token, said) if said else None


def _said_of_name(outline: Outline, token: Token) -> str:
    definition = outline.definition_of(token)
    if definition is None:
        return ""
    match definition.meaning:
        case Value() as value:
            return _value(token.text, value)
        case Block() as block:
            return code(f"{token.text}({', '.join(str(argument.type) for argument in block.arguments)})", LANGUAGE)
        case Operation() as operation:
            return _symbol(token.text, operation)
    return _alias(outline, definition)


def _value(name: str, value: Value) -> str:
    """Type, origin, number of uses."""
    operation = value.definer
    lines = [code(f"{name} : {value.type}", LANGUAGE)]
    uses = f"used {value.use_count} time{'s' * (value.use_count != 1)}"
    if operation is None:
        owner = value.block.parent.parent if value.block is not None and value.block.parent is not None else None
        lines.append(f"block argument{f' of `{owner.name}`' if owner is not None else ''}, {uses}")
        return "\n\n".join(lines)
    definition = definition_of(operation.name)
    summary = f": {definition.summary.splitlines()[0]}" if definition is not None and definition.summary else ""
    lines += [f"result of `{operation.name}`{summary}", _origin(operation.location), uses]
    return "\n\n".join(line for line in lines if line)


def _symbol(name: str, operation: Operation) -> str:
    kind = operation.get("function_type") or operation.get("type")
    lines = [code(f"{name}{f' : {kind}' if kind is not None else ''}", LANGUAGE), f"symbol of `{operation.name}`", _origin(operation.location)]
    return "\n\n".join(line for line in lines if line)


def _alias(outline: Outline, definition: Definition) -> str:
    line = outline.source.place(definition.offset).text.strip()
    return code(line, LANGUAGE)


def _origin(location: Location) -> str:
    """Where the operation came from, if the text says so: the nodes of a model, or a place in a source."""
    if isinstance(location, TextLocation) or location is UNKNOWN:
        return ""
    return f"from {', '.join(f'`{name}`' for name in location.names)}" if location.names else f"from `{location}`"


def _said_of_word(outline: Outline, token: Token) -> str:
    """An operation's name, or that of one of its properties."""
    operation = outline.operation_at(token.offset)
    known = definition_of(token.text) or (definition_of(operation.name) if operation is not None else None)
    if known is None:
        return ""
    if known.name == token.text or known.name.endswith(f".{token.text}"):
        return _operation(known, operation)
    return _property(known, operation, token.text)


def _operation(definition: OperationDefinition, operation: Operation | None) -> str:
    lines = [f"**{definition.name}**", describe_operation(definition)]
    if operation is not None and operation.name == definition.name:
        lines += [code(_signature(operation), LANGUAGE), _origin(operation.location)]
    return "\n\n".join(line for line in lines if line)


def _signature(operation: Operation) -> str:
    return f"({_types(operation.operands)}) -> ({_types(operation.results)})"


def _types(values: tuple[Value, ...]) -> str:
    types: list[Type] = [value.type for value in values]
    return ", ".join(map(str, types))


def _property(definition: OperationDefinition, operation: Operation | None, name: str) -> str:
    if name not in definition.property_names or operation is None:
        return ""
    value = operation.get(name)
    meaning = definition.properties.get(name) or definition.properties.get(f"?{name}") or f"property of `{definition.name}`"
    return f"{code(f'{name} = {value}', LANGUAGE)}\n\n{meaning}" if value is not None else meaning
