"""The signature of a function: `(%x: i32 {a = 1}, %y: f32) -> (i32, f32 {b})`, or of a declaration `(i32) -> f32`."""

from __future__ import annotations

import attrs

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import ArrayAttribute, DictionaryAttribute, TypeAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.types import FunctionType, Type
from tinyir.text.assembly_parts import Part
from tinyir.text.draft import Draft, Line, UnprintableError

_EMPTY = DictionaryAttribute({})


@attrs.frozen(eq=False, repr=False)
class FunctionSignature(Part):
    """Writes the properties function_type, arg_attrs and res_attrs."""

    @property
    def consumes(self) -> tuple[str, ...]:
        return ("function_type", "arg_attrs", "res_attrs")

    def write(self, line: Line, operation: Operation) -> None:
        holder = operation.properties.get("function_type")
        if not isinstance(holder, TypeAttribute) or not isinstance(holder.type, FunctionType):
            raise UnprintableError
        type = holder.type
        texts = line.printer.texts
        blocks = operation.regions[line.regions_written].blocks if line.regions_written < len(operation.regions) else []
        if blocks:
            arguments = blocks[0].arguments
            if [argument.type for argument in arguments] != list(type.inputs):
                raise UnprintableError
            inputs = [f"{line.printer.names.of(argument)}: {texts[argument.type]}" for argument in arguments]
            line.named_arguments = len(arguments)
        else:
            inputs = [texts[input] for input in type.inputs]
        inputs = self._with_attributes(line, inputs, operation.properties.get("arg_attrs"))
        places = line.printer.places
        if blocks and places is not None:
            inputs = [f"{text}{places[argument.location]}" for text, argument in zip(inputs, blocks[0].arguments, strict=True)]
        given = operation.properties.get("res_attrs")
        outputs = self._with_attributes(line, [texts[result] for result in type.results], given)
        line.text += f"({', '.join(inputs)})"
        if len(outputs) == 1 and given is None and outputs[0][0] != "(":
            line.text += f" -> {outputs[0]}"
        elif outputs:
            line.text += f" -> ({', '.join(outputs)})"

    def _with_attributes(self, line: Line, texts: list[str], given: Attribute | None) -> list[str]:
        if given is None:
            return texts
        if not isinstance(given, ArrayAttribute) or len(given.elements) != len(texts) or all(e is _EMPTY for e in given.elements):
            raise UnprintableError
        return [text if e is _EMPTY else f"{text} {line.printer.texts[e]}" for text, e in zip(texts, given.elements, strict=True)]

    def read(self, draft: Draft) -> None:
        reader = draft.reader
        inputs: list[Type] = []
        attributes: list[Attribute] = []
        reader.expect("(")
        while not reader.sees(")") and (not inputs or reader.skip(",") or self._missing_comma(draft)):
            name = reader.take("VALUE")
            begin = reader.begin
            if name is not None:
                reader.expect(":")
            elif draft.arguments:
                raise reader.expected("an SSA name")
            inputs.append(reader.read_type())
            attributes.append(self._read_attributes(draft))
            if name is not None:
                draft.arguments.append((name, inputs[-1], reader.read_location(), begin))
                if len(draft.arguments) != len(inputs):
                    raise reader.failure("either all arguments have names or none", begin)
        reader.expect(")")
        results, result_attributes = self._read_results(draft)
        draft.properties["function_type"] = TypeAttribute(FunctionType(inputs, results))
        for property, found in (("arg_attrs", attributes), ("res_attrs", result_attributes)):
            if any(attribute is not _EMPTY for attribute in found):
                draft.properties[property] = ArrayAttribute(found)

    def _missing_comma(self, draft: Draft) -> bool:
        raise draft.reader.expected("',' or ')'")

    def _read_attributes(self, draft: Draft) -> Attribute:
        return DictionaryAttribute(draft.reader.read_dictionary()) if draft.reader.sees("{") else _EMPTY

    def _read_results(self, draft: Draft) -> tuple[list[Type], list[Attribute]]:
        reader = draft.reader
        if not reader.skip("->"):
            return [], []
        if not reader.skip("("):
            return [reader.read_type()], [_EMPTY]
        types: list[Type] = []
        attributes: list[Attribute] = []
        while not reader.sees(")") and (not types or reader.skip(",") or self._missing_comma(draft)):
            types.append(reader.read_type())
            attributes.append(self._read_attributes(draft))
        reader.expect(")")
        return types, attributes
