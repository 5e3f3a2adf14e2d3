"""The corpus models that go all the way, what is fed to them, and what judges them."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
import onnx
from onnx import numpy_helper

from tests.oracle.cases import soaking
from tinyir.driver.arrays import Array

CASES_TOLERANCE = 1e-5  # of the output's range
SAMPLES = {"graph": 8, "loop": 2, "buffer": 2, "simulator": 1}
SOAK_SAMPLES = {"graph": 1000, "loop": 2, "buffer": 2, "simulator": 8}


def samples(stage: str) -> int:
    """How many rows are run at a stage: all in C on the host, fewer where a row takes seconds."""
    return (SOAK_SAMPLES if soaking() else SAMPLES)[stage]


@attrs.frozen
class Case:
    """One model file of the corpus; in golden.npz the rows that go in (`fed`) and those that must come out (`judge`).

    tolerance: greatest absolute difference relative to `span`, which is the golden outputs' range unless given; 0 means every byte.
    quantized: int8 layers, so that the exact oracle judges outputs and layers too.
    """

    name: str
    file: str
    fed: str
    judge: str
    quantized: bool = False
    tolerance: float = CASES_TOLERANCE
    span: float | None = None
    steps: float = 0.0
    """In place of a tolerance: the greatest difference as an output value, one quantization step."""

    def __str__(self) -> str:
        return f"{self.name}/{self.file.removesuffix('.onnx')}"

    def path(self, corpus: Path) -> Path:
        return corpus / self.name / self.file

    def inputs(self, corpus: Path) -> Array:
        """[rows, ...]: all inputs."""
        return self._array(corpus, self.fed)

    def expected(self, corpus: Path) -> Array:
        """[rows, elements]: the golden outputs."""
        golden = self._array(corpus, self.judge)
        return golden.reshape(len(golden), -1)

    def allowed(self, corpus: Path) -> float:
        """The greatest absolute difference to the golden outputs."""
        golden = self.expected(corpus).astype(np.float64)
        return self.steps or self.tolerance * (self.span or float(golden.max() - golden.min()))

    def _array(self, corpus: Path, key: str) -> Array:
        if key.endswith(".pb"):
            tensor = onnx.TensorProto.FromString((corpus / self.name / key).read_bytes())
            return np.asarray(numpy_helper.to_array(tensor))
        with np.load(corpus / self.name / "golden.npz") as arrays:
            return np.asarray(arrays[key])


_MLPERF = ("kws", "ic", "vww", "ad")
FLOAT_CASES: Sequence[Case] = (
    *(Case(f"mlperf_{name}", "fp32.onnx", "x", "fp32_ort", span=124.0 if name == "ad" else None) for name in _MLPERF),
    *(Case(name, "model.onnx", "x", "out0") for name in ("mnist_mlp6k", "mnist_cnn", "mnist_dsnet", "bcancer_tab", "tflm_hello_world_float")),
    Case("onnx_mnist1", "model.onnx", "input_0.pb", "output_0.pb"),
)
_SMALL_INT8 = ("mnist_cnn_int8ptq", "tflm_micro_speech_quantized", "tinymaix_mnist_valid_q")
# Every byte: the golden outputs, the exact oracle, and all layers.
INT8_CASES: Sequence[Case] = (
    *(Case(f"mlperf_{name}", "qdq.onnx", "x_int8", "qdq_ort_s8", quantized=True, tolerance=0.0) for name in _MLPERF),
    *(Case(name, "model.onnx", "x", "out0", quantized=True, tolerance=0.0) for name in _SMALL_INT8),
)
# A float average pool stands before the first quantize: near ties make one step of difference.
MIXED_CASES: Sequence[Case] = (Case("mnist_mlp6k", "qdq.onnx", "x", "qdq_ort", steps=0.12866),)
ALL_CASES = (*FLOAT_CASES, *INT8_CASES, *MIXED_CASES)
