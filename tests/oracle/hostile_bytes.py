"""Files that are no ONNX model at all, or whose protobuf messages are nested wrongly."""

import struct
from random import Random

from tests.oracle.spoil import HostileFile, serialized, valid_model


def broken_bytes() -> list[HostileFile]:
    whole = serialized(valid_model())
    places = sorted({1, 2, 7, len(whole) // 7, len(whole) // 3, len(whole) // 2, len(whole) - 100, len(whole) - 9, len(whole) - 1})
    cases = [HostileFile(f"truncated_at_{place}", whole[:place]) for place in places]
    cases += [HostileFile(f"random_bytes_{size}", Random(size).randbytes(size)) for size in (1, 3, 64, 1000, 20_000)]
    cases += [HostileFile(f"flipped_bits_{seed}", _with_flipped_bits(whole, seed)) for seed in range(4)]
    return [
        *cases,
        HostileFile("empty_file", b""),
        HostileFile("zeros", bytes(4096)),
        HostileFile("a_text_file", b"module {\n  func.func @main() { return }\n}\n"),
        HostileFile("an_elf_file", b"\x7fELF\x01\x01\x01" + bytes(57)),
        HostileFile("a_zip_file", b"PK\x03\x04" + bytes(60)),
        HostileFile("a_tflite_file", struct.pack("<I", 28) + b"TFL3" + bytes(64)),
        HostileFile("bytes_after_the_end", whole + b"\xff\xff\xff\xff"),
    ]


def _with_flipped_bits(content: bytes, seed: int) -> bytes:
    """Flips bits in the structure (the first 200 bytes: names, tags and lengths of the nodes), where it cannot go unnoticed."""
    random, spoiled = Random(seed), bytearray(content)
    for _ in range(16):
        spoiled[random.randrange(200)] ^= 1 << random.randrange(8)
    return bytes(spoiled)


# Field numbers in onnx.proto.
_IR_VERSION, _GRAPH, _OPSETS = 1, 7, 8  # of ModelProto
_NODES, _ATTRIBUTES, _SUBGRAPH = 1, 5, 6  # of GraphProto, NodeProto, AttributeProto


def _field(number: int, content: bytes) -> bytes:
    """One length-delimited protobuf field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def wrong_nesting() -> list[HostileFile]:
    model = valid_model()
    opsets = _varint(_IR_VERSION << 3) + _varint(8) + _field(_OPSETS, model.opset_import[0].SerializeToString())
    tensor = model.graph.initializer[0].SerializeToString()
    deep = b""
    for _ in range(1000):
        deep = _field(_NODES, _field(_ATTRIBUTES, _field(_SUBGRAPH, deep)))
    return [
        HostileFile("a_tensor_as_graph", opsets + _field(_GRAPH, tensor)),
        HostileFile("a_tensor_as_node", opsets + _field(_GRAPH, _field(_NODES, tensor))),
        HostileFile("a_model_as_graph", opsets + _field(_GRAPH, serialized(model))),
        HostileFile("a_graph_as_file", model.graph.SerializeToString()),
        HostileFile("a_tensor_as_file", tensor),
        HostileFile("a_number_as_graph", opsets + _varint(_GRAPH << 3) + _varint(12345)),
        HostileFile("an_endless_varint", b"\x08" + b"\xff" * 40),
        HostileFile("an_open_group", opsets + _varint(_GRAPH << 3 | 3)),
        HostileFile("a_length_past_the_end", opsets + _varint(_GRAPH << 3 | 2) + _varint(2**31 - 1) + b"abc"),
        HostileFile("a_length_of_64_bits", opsets + _varint(_GRAPH << 3 | 2) + _varint(2**64 - 1) + b"abc"),
        HostileFile("nested_3000_deep", opsets + _field(_GRAPH, deep)),
        HostileFile("a_name_that_is_not_utf8", serialized(model).replace(b"relu", b"\xff\xfe\xc3("), ""),
    ]
