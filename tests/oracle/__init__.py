"""The judge of the compiler: quantized networks evaluated in exact rational arithmetic, and models to try it on.

Shares no code with the compiler: it reads ONNX with the `onnx` package and computes with integers and fractions only.
"""
