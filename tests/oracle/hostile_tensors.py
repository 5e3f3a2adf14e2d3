"""Models whose inputs or constants have a type that is not taken, or hold other data than they claim."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.oracle.spoil import HostileFile, on_tensor, replaced, spoiled


def _input_type(kind: int) -> Callable[[onnx.ModelProto], None]:
    def spoil(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.elem_type = kind

    return spoil


def types() -> list[HostileFile]:
    names = ("DOUBLE", "STRING", "COMPLEX64", "BOOL", "INT64", "FLOAT16", "BFLOAT16", "UNDEFINED")
    cases = [spoiled(f"an_input_of_{name.lower()}", _input_type(TensorProto.DataType.Value(name)), "x") for name in names]

    def sequence_input(model: onnx.ModelProto) -> None:
        element = helper.make_tensor_type_proto(TensorProto.FLOAT, [1, 2, 6, 6])
        model.graph.input[0].type.CopyFrom(helper.make_sequence_type_proto(element))

    def strings(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array(["one", "two"], dtype=object), "w"))

    def doubles(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones([4, 2, 3, 3]), "w"))

    return [
        *cases,
        spoiled("an_input_of_type_999", _input_type(999), "x"),
        spoiled("an_input_without_a_type", lambda model: model.graph.input[0].ClearField("type"), "x"),
        spoiled("an_input_that_is_a_sequence", sequence_input, "x"),
        spoiled("weights_that_are_strings", strings),
        spoiled("weights_that_are_doubles", doubles),
    ]


def _dims(tensor: onnx.TensorProto, dims: Sequence[int], *, keep: bool = True) -> None:
    tensor.dims[:] = dims
    if not keep:
        tensor.ClearField("raw_data")


def tensors() -> list[HostileFile]:
    def weights(name: str, change: Callable[[onnx.TensorProto], object]) -> HostileFile:
        return spoiled(name, on_tensor("w", change))

    def both_kinds_of_data(tensor: onnx.TensorProto) -> None:
        tensor.float_data.extend([1.0, 2.0])

    def data_of_another_kind(tensor: onnx.TensorProto) -> None:
        tensor.ClearField("raw_data")
        tensor.int64_data.extend(range(72))

    def typed(kind: int) -> Callable[[onnx.TensorProto], None]:
        def change(tensor: onnx.TensorProto) -> None:
            tensor.data_type = kind

        return change

    def raw(edit: Callable[[bytes], bytes]) -> Callable[[onnx.TensorProto], None]:
        def change(tensor: onnx.TensorProto) -> None:
            tensor.raw_data = edit(tensor.raw_data)

        return change

    return [
        weights("weights_that_claim_2_to_the_40_elements", lambda tensor: _dims(tensor, [2**20, 2**20], keep=False)),
        weights("weights_that_claim_2_to_the_40_and_hold_few", lambda tensor: _dims(tensor, [2**20, 2**20])),
        weights("weights_whose_size_overflows_64_bits", lambda tensor: _dims(tensor, [2**32, 2**31, 4, 4])),
        weights("weights_whose_size_overflows_to_their_own", lambda tensor: _dims(tensor, [2**32, 2**32, 72])),
        weights("weights_of_negative_size", lambda tensor: _dims(tensor, [4, -2, 3, 3])),
        weights("weights_of_two_negative_sizes", lambda tensor: _dims(tensor, [4, -2, -3, 3])),
        weights("weights_of_a_hundred_thousand_axes", lambda tensor: _dims(tensor, [*[1] * 100_000, 72])),
        weights("weights_with_a_byte_missing", raw(lambda data: data[:-1])),
        weights("weights_with_elements_missing", raw(lambda data: data[:-64])),
        weights("weights_with_elements_to_spare", raw(lambda data: data + bytes(64))),
        weights("weights_without_data", raw(lambda _: b"")),
        weights("weights_with_two_kinds_of_data", both_kinds_of_data),
        weights("weights_with_data_of_another_kind", data_of_another_kind),
        weights("weights_of_an_unknown_type", typed(77)),
        weights("weights_of_an_undefined_type", typed(0)),
        spoiled("a_constant_node_without_a_value", replaced("Constant", [""])),
    ]
