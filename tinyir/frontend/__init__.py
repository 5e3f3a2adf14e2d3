"""Front ends: trained models become modules of the graph level."""

from tinyir.frontend.model import import_model
from tinyir.frontend.onnx import import_onnx

__all__ = ["import_model", "import_onnx"]
