"""The translations of ONNX operators, in files of related ones.  A file added here is found."""
