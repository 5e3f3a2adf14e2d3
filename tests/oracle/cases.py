"""The quantized cases of the corpus, and what judges them."""

import os
from pathlib import Path

import attrs
import numpy as np

from tests.oracle.graph import read_graph
from tests.oracle.rational import Array


def soaking() -> bool:
    """All samples where a selection would do (TINYIR_SOAK=1)."""
    return os.environ.get("TINYIR_SOAK") == "1"


@attrs.frozen
class QuantizedCase:
    """One quantized model of the corpus: its file, and in golden.npz the rows that go in and those that must come out."""

    name: str
    file: str
    fed: str
    judge: str

    def path(self, corpus: Path) -> Path:
        return corpus / self.name / self.file

    def inputs(self, corpus: Path, count: int | None = None) -> list[dict[str, Array]]:
        """One dictionary per row of the golden inputs (the first `count`)."""
        (name,) = read_graph(self.path(corpus)).inputs
        return [{name: row} for row in self._golden(corpus, self.fed)[:count]]

    def expected(self, corpus: Path) -> Array:
        """[rows, elements]: the golden outputs."""
        golden = self._golden(corpus, self.judge)
        return golden.reshape(len(golden), -1)

    def _golden(self, corpus: Path, key: str) -> Array:
        with np.load(corpus / self.name / "golden.npz") as arrays:
            return np.asarray(arrays[key])


# Equal to the oracle on every byte: onnxruntime's int8 kernels, and torch for the model with float biases.
EXACT_CASES = (
    *(QuantizedCase(f"mlperf_{name}", "qdq.onnx", "x_int8", "qdq_ort_s8") for name in ("kws", "ic", "vww", "ad")),
    QuantizedCase("mnist_cnn_int8ptq", "model.onnx", "x", "out0"),
    QuantizedCase("tinymaix_mnist_valid_q", "model.onnx", "x", "out0"),
    QuantizedCase("tflm_micro_speech_quantized", "model.onnx", "x", "out0"),
)
# A binary32 average pool in front of the first quantization, where x / scale is a near tie for every fourth pixel.
FLOAT_PREFIX_CASE = QuantizedCase("mnist_mlp6k", "qdq.onnx", "x", "qdq_ort")
# A softmax in binary32 behind the last quantization.
FLOAT_SUFFIX_CASES = tuple(QuantizedCase(f"pt2e_{name}", "model.onnx", "x", "out0") for name in ("kws", "ic"))
