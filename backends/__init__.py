"""The C printer, the toolchains, the simulators and the readers of sizes and stacks."""

if __name__ != "tinyir.backends":
    raise ImportError("import this package as tinyir.backends: under the name 'backends' it would be loaded twice")
