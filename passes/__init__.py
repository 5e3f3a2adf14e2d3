"""The passes: one file is one pass, and the file's name is the pass's name."""

if __name__ != "tinyir.passes":
    raise ImportError("import this package as tinyir.passes: under the name 'passes' it would be loaded twice")
