"""The texts of attributes and types in one print: large constants left out, long quantized types under a short name.

    !quant = !quant.uniform<i8:f32:0, {0.0041, 0.0036, ...}>
    ...
    %w = graph.quantize(%x) {result_type = !quant} : (tensor<64x10xf32>) -> tensor<64x10x!quant>
"""

from __future__ import annotations

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import ArrayAttribute, DenseElements, DenseResource, DictionaryAttribute, TypeAttribute
from tinyir.ir.types import FunctionType, QuantizedType, TensorType

ELIDED = "__elided__"
LONGEST_TYPE = 80
"""A quantized type of more characters gets a name: that of a tensor stays in place, that of channels lists a scale for each."""
_HOLDERS = frozenset((ArrayAttribute, DictionaryAttribute, TypeAttribute, FunctionType, TensorType))


class Texts(dict[Attribute, str]):
    """Attribute -> text, kept for the time of one print.

    `elide`: dense elements of more than that are left out.  `has_aliases`: whether long types get names, which `definitions` defines.
    """

    def __init__(self, elide: int | None = None, has_aliases: bool = False) -> None:
        super().__init__()
        self.elide = elide
        self.has_aliases = has_aliases
        self._named: dict[QuantizedType, str] = {}

    def __missing__(self, attribute: Attribute) -> str:
        kind = type(attribute)
        if kind in _HOLDERS:
            text = attribute.spell_with(self.__getitem__)
        elif kind is DenseElements or kind is QuantizedType:
            text = self._shortened(attribute)
        else:
            text = str(attribute)
        self[attribute] = text
        return text

    def _shortened(self, attribute: Attribute) -> str:
        if isinstance(attribute, DenseElements):
            if self.elide is not None and not attribute.splat and attribute.type.element_count > self.elide:
                return str(DenseResource(ELIDED, attribute.type))
        elif isinstance(attribute, QuantizedType) and self.has_aliases and len(str(attribute)) > LONGEST_TYPE:
            return self._named.setdefault(attribute, f"!quant{len(self._named) or ''}")
        return str(attribute)

    @property
    def definitions(self) -> list[str]:
        """The lines that define the names that were given."""
        return [f"{name} = {type}" for type, name in self._named.items()]
