"""The dialect `func`: functions, calls and returns, spelled as in MLIR."""

from collections.abc import Iterable

from tinyir.ir.attributes import StringAttribute, SymbolReference, TypeAttribute
from tinyir.ir.builder import find_symbol, functions
from tinyir.ir.errors import did_you_mean
from tinyir.ir.finding import Finding
from tinyir.ir.operation import Operation
from tinyir.ir.registry import PURE, OperationDefinition, definition_of, has_trait, register
from tinyir.ir.types import FunctionType


def type_of(function: Operation) -> FunctionType:
    """The type of a `func.func`."""
    holder = function.properties["function_type"]
    assert isinstance(holder, TypeAttribute)
    assert isinstance(holder.type, FunctionType)
    return holder.type


def _spell(types: Iterable[object]) -> str:
    return f"({', '.join(map(str, types))})"


def _verify_function(function: Operation) -> Iterable[str]:
    holder = function.properties["function_type"]
    if not isinstance(holder, TypeAttribute) or not isinstance(holder.type, FunctionType):
        yield f"'func.func' has a function type, not {holder}"
        return
    for block in function.region.blocks[:1]:
        found = [argument.type for argument in block.arguments]
        if found != list(holder.type.inputs):
            yield f"'func.func' of type {holder.type} has arguments of types {_spell(found)}"
    for block in function.region.blocks:
        last = block.last
        if last is None or not (last.successors or has_trait(last, "terminator") or definition_of(last.name) is None):
            yield "the body of 'func.func' does not end with 'func.return'"


def _verify_return(operation: Operation) -> Iterable[str]:
    function = operation.parent_operation
    if function is None or function.name != "func.func":
        return
    found = [operand.type for operand in operation.operands]
    if found != list(type_of(function).results):
        message = f"'func.return' gives {_spell(found)}, its function {_spell(type_of(function).results)}"
        yield Finding(message, note=("the function is defined here", function))


def verify_call(operation: Operation) -> Iterable[str]:
    """Complains of a call whose `callee` is no function, or one of another type."""
    callee = operation.properties["callee"]
    if not isinstance(callee, SymbolReference):
        yield f"'{operation.name}' names a function, not {callee}"
        return
    table = next((above for above in operation.ancestors() if has_trait(above, "symbol_table")), None)
    function = find_symbol(table, callee) if table is not None else None
    if function is None or function.name != "func.func":
        known = {f"@{name.value}" for other in functions(table) if isinstance(name := other.properties.get("sym_name"), StringAttribute)} if table else ()
        yield Finding(f"there is no function {callee}", did_you_mean(str(callee), known), word=str(callee))
        return
    inputs, results = [o.type for o in operation.operands], [r.type for r in operation.results]
    if type_of(function) is not FunctionType(inputs, results):
        message = f"{callee} has type {type_of(function)}, called as {FunctionType(inputs, results)}"
        yield Finding(message, word=str(callee), note=(f"{callee} is defined here", function))


def _verify_constant(operation: Operation) -> Iterable[str]:
    value = operation.properties["value"]
    if not isinstance(value, SymbolReference) or not isinstance(operation.results[0].type, FunctionType):
        yield f"'func.constant' gives a function by its symbol, not {value} of type {operation.results[0].type}"


def _verify_call_indirect(operation: Operation) -> Iterable[str]:
    callee = operation.operands[0].type
    if not isinstance(callee, FunctionType):
        yield f"'func.call_indirect' calls a function, not a value of type {callee}"
        return
    called = FunctionType([o.type for o in operation.operands[1:]], [r.type for r in operation.results])
    if called is not callee:
        yield f"the function has type {callee}, called as {called}"


FUNC = register(
    OperationDefinition(
        "func.func",
        "A function; without blocks a declaration.",
        operands=(),
        results=(),
        properties={
            "sym_name": "text: its name",
            "function_type": "type: the types of its arguments and results",
            "?sym_visibility": "text: public, private or nested",
            "?arg_attrs": "list: a dictionary for each argument",
            "?res_attrs": "list: a dictionary for each result",
        },
        traits={"isolated", "symbol"},
        verify=_verify_function,
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
        verify=_verify_return,
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
        properties={"callee": "symbol: the function's symbol"},
        verify=verify_call,
        assembly="$callee `(` $operands `)` attr-dict `:` functional-type",
    )
)
CALL_INDIRECT = register(
    OperationDefinition(
        "func.call_indirect", "Calls a function value.", operands=("callee", "operands..."), results=("results...",), verify=_verify_call_indirect
    )
)
CONSTANT = register(
    OperationDefinition(
        "func.constant",
        "A function as a value.",
        operands=(),
        results=("result",),
        properties={"value": "symbol: the symbol"},
        effects=PURE,
        verify=_verify_constant,
        assembly="attr-dict $value `:` type($result)",
    )
)
