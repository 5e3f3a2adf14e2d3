"""Operations, values, blocks, regions, attributes, types, affine maps, locations and the verifier."""

import tinyir.ir.pickling  # noqa: F401 - operations can be pickled from the moment there are any
