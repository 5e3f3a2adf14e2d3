"""The dialect `func`: functions, calls and returns, spelled as in MLIR."""

from tinyir.ir.registry import PURE, OperationDefinition, register

FUNC = register(
    OperationDefinition(
        "func.func",
        "A function; without blocks a declaration.",
        operands=(),
        results=(),
        properties={
            "sym_name": "its name",
            "function_type": "the types of its arguments and results",
            "?sym_visibility": "public, private or nested",
            "?arg_attrs": "a dictionary for each argument",
            "?res_attrs": "a dictionary for each result",
            "?no_inline": "never inline it",
        },
        traits={"isolated", "symbol"},
        assembly="($sym_visibility:word)? $sym_name signature attr-dict-with-keyword (region)?",
    )
)
RETURN = register(
    OperationDefinition(
        "func.return",
        "Leaves the function with results.",
        operands=("operands...",),
        results=(),
        traits={"terminator"},
        effects=PURE,
        assembly="short attr-dict ($operands `:` type($operands))?",
    )
)
CALL = register(
    OperationDefinition(
        "func.call",
        "Calls a function by name.",
        operands=("operands...",),
        results=("results...",),
        properties={"callee": "the function's symbol"},
        assembly="$callee `(` $operands `)` attr-dict `:` functional-type",
    )
)
CALL_INDIRECT = register(
    OperationDefinition("func.call_indirect", "Calls a function value.", operands=("callee", "operands..."), results=("results...",))
)
CONSTANT = register(
    OperationDefinition(
        "func.constant",
        "A function as a value.",
        operands=(),
        results=("result",),
        properties={"value": "the symbol"},
        effects=PURE,
        assembly="attr-dict $value `:` type($result)",
    )
)
