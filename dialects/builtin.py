"""The dialect `builtin`: the module, and the cast between type systems."""

from tinyir.ir.registry import PURE, OperationDefinition, register

MODULE = register(
    OperationDefinition(
        "builtin.module",
        "A symbol table at the top of everything.",
        operands=(),
        results=(),
        properties={"?sym_name": "text: a name for the module", "?sym_visibility": "text: public, private or nested"},
        traits={"isolated", "symbol_table", "graph_region"},
        assembly="short ($sym_name)? attr-dict-with-keyword region",
    )
)
CAST = register(
    OperationDefinition(
        "builtin.unrealized_conversion_cast",
        "Values seen as other types, to be resolved by a later pass.",
        operands=("inputs...",),
        results=("outputs...",),
        effects=PURE,
        assembly="($inputs `:` type($inputs))? `to` type($outputs) attr-dict",
    )
)
