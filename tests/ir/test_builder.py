"""The builder: operations go where it says, and have the types that follow."""

import pytest

import tinyir
from tinyir.ir.attributes import ArrayAttribute, DenseArray, DenseElements, FloatAttribute, IntegerAttribute, StringAttribute, TypeAttribute
from tinyir.ir.builder import Builder, create_function, create_module
from tinyir.ir.conversion import attribute_of
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import F32, I8, I32, I64, TensorType
from tinyir.ir.verifier import verify_or_raise

IMAGE, POOLED = TensorType((1, 4, 4, 3), F32), TensorType((1, 2, 2, 3), F32)
EXPECTED = """module {
  func.func @net(%arg0: tensor<1x4x4x3xf32>) -> tensor<1x2x2x3xf32> {
    %0 = graph.relu(%arg0) : (tensor<1x4x4x3xf32>) -> tensor<1x4x4x3xf32>
    %1 = graph.max_pool2d(%0) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>} : (tensor<1x4x4x3xf32>) -> tensor<1x2x2x3xf32>
    %2 = graph.constant() {value = dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<3xf32>} : () -> tensor<3xf32>
    %3 = graph.add(%1, %2) : (tensor<1x2x2x3xf32>, tensor<3xf32>) -> tensor<1x2x2x3xf32>
    return %3 : tensor<1x2x2x3xf32>
  }
}"""


def network() -> tuple[Operation, Operation, Value]:
    """A module, its function, and the result of the pool in it."""
    module = create_module()
    function = create_function(module, "net", [IMAGE], [POOLED])
    build = Builder.at_end(function.body)
    pooled = build.apply("graph.max_pool2d", build.apply("graph.relu", function.body.arguments[0]), kernel=(2, 2), stride=(2, 2))
    constant = build.apply("graph.constant", value=DenseElements.of(TensorType((3,), F32), [1.0, 2.0, 3.0]))
    build.create("func.return", [build.apply("graph.add", pooled, constant)])
    return module, function, pooled


def test_a_network_is_built_as_it_reads() -> None:
    module, _, _ = network()
    verify_or_raise(module)
    assert str(module) == EXPECTED
    assert tinyir.print(module) == EXPECTED + "\n"


def test_operations_go_where_the_builder_says() -> None:
    _, function, pooled = network()
    pool = pooled.definer
    assert pool is not None
    Builder.before(pool).apply("graph.negate", function.body.arguments[0])
    Builder.after(pool).apply("graph.absolute", pooled)
    Builder.at_start(function.body).apply("graph.exp", function.body.arguments[0])
    names = [operation.name.partition(".")[2] for operation in function.body]
    assert names == ["exp", "relu", "negate", "max_pool2d", "absolute", "constant", "add", "return"]


def test_operands_of_one_type_give_results_of_it() -> None:
    function = create_function(create_module(), "f", [I32, I32], [I32])
    build = Builder.at_end(function.body)
    assert build.apply("arith.addi", *function.body.arguments).type is I32


@pytest.mark.parametrize(
    ("name", "properties", "message", "hint"),
    [
        ("graph.rely", {}, "unknown operation 'graph.rely'", "did you mean 'graph.relu'?"),
        ("graph.max_pool2d", {"kernel": (9, 9)}, "'graph.max_pool2d' would have a result of shape [1, -4, -4, 3]", ""),
        ("graph.max_pool2d", {}, "'graph.max_pool2d' needs the property 'kernel'", ""),
        ("func.call", {}, "the result types of 'func.call' do not follow from its operands", "give them: create(name, operands, result_types)"),
    ],
)
def test_what_does_not_fit_is_an_error(name: str, properties: dict[str, object], message: str, hint: str) -> None:
    _, function, _ = network()
    before = str(function)
    with pytest.raises(TinyirError) as caught:
        Builder.at_end(function.body).apply(name, function.body.arguments[0], **properties)
    assert (caught.value.diagnostics[0].message, caught.value.diagnostics[0].hint) == (message, hint)
    assert str(function) == before


def test_python_values_become_attributes() -> None:
    assert attribute_of(3) is IntegerAttribute(3, I64)
    assert str(attribute_of(True)) == "true"
    assert attribute_of(0.5) is FloatAttribute.of(0.5, F32)
    assert attribute_of("a") is StringAttribute("a")
    assert attribute_of(I8) is TypeAttribute(I8)
    assert attribute_of((1, 2)) is DenseArray([1, 2])
    assert attribute_of([1.0, "x"]) is ArrayAttribute([FloatAttribute.of(1.0, F32), StringAttribute("x")])
    assert str(attribute_of({"a": 1})) == "{a = 1}"
    with pytest.raises(TypeError, match="no attribute stands for <object"):
        attribute_of(object())
