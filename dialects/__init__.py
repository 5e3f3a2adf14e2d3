"""The dialects, one file each: graph, loop, buffer, arith, func and c."""

if __name__ != "tinyir.dialects":
    raise ImportError("import this package as tinyir.dialects: under the name 'dialects' it would be loaded twice")
