"""Short names for generated code, from the names that models give their nodes and tensors."""

from __future__ import annotations

import re

LONGEST = 40
_TOOLING = re.compile(r"(_?(De)?[Qq]uantize(Linear)?(_Input|_Output)?|_prequant|_dequant|_quant(ized)?|_Output)(_\d+)?$")
"""What quantizers append to the names of the tensors that they insert."""


def short_name(text: str, otherwise: str = "") -> str:
    """The telling end of a node's or tensor's name, as a word of letters, digits and underscores that starts with a letter.

    `functional_1/activation_8/Relu;functional_1/...` becomes `activation_8_Relu`, `/features/0/Conv` `features_0_Conv`.
    """
    parts = [part for part in text.split(";")[0].split("/") if part]
    kept = 2
    while kept < len(parts) and not parts[-kept][0].isalpha():
        kept += 1
    word = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(parts[-kept:])).strip("_")
    stripped = _TOOLING.sub("", word)
    word = stripped or word
    if len(word) > LONGEST:
        word = word[-LONGEST:].partition("_")[2] or word[-LONGEST:]
    if not word:
        return otherwise
    return word if word[0].isalpha() else f"n{word}"
