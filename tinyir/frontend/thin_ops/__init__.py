"""How each ONNX operator is imported, in files of related operators."""
