"""Operations, values, blocks, regions, attributes, types, affine maps, locations and the verifier."""
