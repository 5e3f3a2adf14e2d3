"""The models of the corpus: which are imported, that what comes out is well-formed, and that it computes the golden outputs."""

from pathlib import Path

import attrs
import numpy as np
import pytest

from tests.oracle.cases import EXACT_CASES, QuantizedCase
from tinyir.frontend import import_model
from tinyir.interp.machine import Network
from tinyir.ir.builder import functions
from tinyir.ir.errors import TinyirError
from tinyir.ir.types import F32, QuantizedType, TensorType
from tinyir.ir.verifier import verify
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

_SAMPLES = 2


@attrs.frozen
class FloatCase:
    """A model with float inputs, and the names of inputs and outputs in its golden.npz."""

    name: str
    file: str = "model.onnx"
    fed: str = "x"
    judge: str = "out0"


FLOAT_CASES: tuple[FloatCase, ...] = (
    *(FloatCase(f"mlperf_{name}", "fp32.onnx", "x", "fp32_ort") for name in ("kws", "ic", "vww", "ad")),
    *(FloatCase(name) for name in ("mnist_mlp6k", "mnist_cnn", "mnist_dsnet", "bcancer_tab", "digits_vit", "mnist_unet", "tflm_hello_world_float")),
)
INTEGER_CASES = tuple(FloatCase(f"mlperf_{name}", f"{file}.onnx", "x", f"{file}_ort") for name in ("kws", "ic", "vww", "ad") for file in ("qop", "qopstd"))
OTHERS = (
    "mnist_mlp6k/qdq.onnx",
    "onnx_mnist1/model.onnx",
    "digits_incep/model.onnx",
    "deeploy_cct_1_16_16_8/model.onnx",
    "mnist_ternary/model.onnx",
    "pt2e_ic/model.onnx",
    "pt2e_kws/model.onnx",
)
IMPORTED = (*(f"{case.name}/{case.file}" for case in (*FLOAT_CASES, *INTEGER_CASES)), *(f"{case.name}/{case.file}" for case in EXACT_CASES), *OTHERS)
UNSUPPORTED = {
    "mnist_gru/model.onnx": "node 'node_gru__1' (GRU): the operator 'GRU' is not supported",
    "mnist_lstm/model.onnx": "node 'node_lstm__2' (LSTM): the operator 'LSTM' is not supported",
}


@pytest.mark.parametrize("file", IMPORTED)
def test_a_model_becomes_a_well_formed_module_of_the_graph_level(file: str, corpus: Path) -> None:
    module = import_model(corpus / file)
    assert verify(module) == []
    (function,) = functions(module)
    names = {operation.name for operation in function.body}
    assert all(name.startswith("graph.") or name == "func.return" for name in names)
    text = print_module(module)
    assert print_module(parse(text)) == text


@pytest.mark.parametrize("file", UNSUPPORTED)
def test_a_model_with_unsupported_operators_says_which_and_where(file: str, corpus: Path) -> None:
    with pytest.raises(TinyirError) as caught:
        import_model(corpus / file)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message == UNSUPPORTED[file]
    assert str(diagnostic.place) == str(corpus / file)


@pytest.mark.parametrize("case", FLOAT_CASES, ids=lambda case: case.name)
def test_a_float_model_computes_its_golden_outputs(case: FloatCase, corpus: Path) -> None:
    with np.load(corpus / case.name / "golden.npz") as golden:
        fed, expected = golden[case.fed][:_SAMPLES], golden[case.judge]
    network = Network(import_model(corpus / case.name / case.file))
    reach = float(np.ptp(expected))
    for row, wanted in zip(fed, expected, strict=False):
        (found,) = network.run({network.input_names[0]: row}).values()
        np.testing.assert_allclose(found.reshape(-1), wanted.reshape(-1), rtol=0, atol=1e-5 * reach)


@pytest.mark.parametrize("case", EXACT_CASES, ids=lambda case: case.name)
def test_the_integers_of_a_quantized_model_have_quantized_types(case: QuantizedCase, corpus: Path) -> None:
    (function,) = functions(import_model(case.path(corpus)))
    quantized = {"graph.quantize": 0, "graph.constant": 0}
    for operation in function.body:
        for result in operation.results:
            assert isinstance(result.type, TensorType)
            assert result.type.element is F32 or isinstance(result.type.element, QuantizedType)
            if isinstance(result.type.element, QuantizedType) and operation.name in quantized:
                quantized[operation.name] += 1
    assert min(quantized.values()) > 0


@pytest.mark.parametrize("case", INTEGER_CASES, ids=lambda case: f"{case.name} {case.file}")
def test_a_model_of_integer_operators_computes_its_golden_outputs(case: FloatCase, corpus: Path) -> None:
    """To one quantization step; two where float layers go on from integers that are a step apart."""
    with np.load(corpus / case.name / "golden.npz") as golden:
        fed, expected = golden[case.fed][:_SAMPLES], golden[case.judge]
    network = Network(import_model(corpus / case.name / case.file))
    step = float(np.ptp(expected)) / 255 * (2 if "std" in case.file else 1)
    for row, wanted in zip(fed, expected, strict=False):
        (found,) = network.run({network.input_names[0]: row}).values()
        np.testing.assert_allclose(found.reshape(-1), wanted.reshape(-1), rtol=0, atol=step)


def test_every_file_of_the_corpus_is_among_these(corpus: Path) -> None:
    files = {str(path.relative_to(corpus)) for path in corpus.glob("*/*.onnx")}
    assert files == {*IMPORTED, *UNSUPPORTED}
