"""Floats of the formats that `struct` does not know, from bf16 to the 8-bit kinds and f128: values to bits and back, rounded half even."""

from __future__ import annotations

import math

import attrs

from tinyir.ir.record import ValueRecord


@attrs.frozen(eq=False, repr=False)
class FloatFormat(ValueRecord):
    """Sign, `exponent` bits with `bias`, `fraction` bits; in an `explicit` format the leading bit is stored before them.

    `special` says what is no number: "ieee" (the greatest exponent: infinities and NaNs), "fn" (no infinity, all ones is
    NaN), "fnuz" (no infinity and no negative zero, whose bits are the only NaN) or "finite" (numbers only).
    """

    exponent: int
    fraction: int
    bias: int
    special: str = "ieee"
    explicit: bool = False

    @property
    def width(self) -> int:
        """Bits."""
        return 1 + self.exponent + self.stored

    @property
    def stored(self) -> int:
        """Bits below the exponent."""
        return self.fraction + self.explicit

    def encode(self, value: float) -> int:
        """The bits of a value; what is too large becomes infinity, NaN where there is none, or the greatest number."""
        sign = int(math.copysign(1.0, value) < 0) << (self.width - 1)
        if math.isnan(value):
            return self._nan(sign)
        if math.isinf(value):
            return self._overflow(sign)
        magnitude = self._magnitude(abs(value))
        if magnitude >= self._limit:
            return self._overflow(sign)
        return magnitude if self.special == "fnuz" and not magnitude else sign | magnitude

    def decode(self, bits: int) -> float:
        """The value of the bits, rounded to binary64 where that has fewer."""
        sign, magnitude = bits >> (self.width - 1), bits & ((1 << (self.width - 1)) - 1)
        if self.special == "fnuz" and sign and not magnitude:
            return math.nan
        if magnitude >= self._limit:
            value = math.inf if magnitude == self._infinity else math.nan
        else:
            exponent, significand = magnitude >> self.stored, magnitude & ((1 << self.stored) - 1)
            if exponent and not self.explicit:
                significand |= 1 << self.fraction
            value = _scaled(significand, max(exponent, 1) - self.bias - self.fraction)
        return -value if sign else value

    @property
    def _limit(self) -> int:
        """The least magnitude, as bits, that is no number."""
        if self.special == "ieee":
            return ((1 << self.exponent) - 1) << self.stored
        return (1 << (self.width - 1)) - (self.special == "fn")

    @property
    def _infinity(self) -> int:
        """The magnitude of infinity; -1 where there is none."""
        return self._limit | (self.explicit << self.fraction) if self.special == "ieee" else -1

    def _overflow(self, sign: int) -> int:
        if self.special == "finite":
            return sign | (self._limit - 1)
        return sign | self._infinity if self.special == "ieee" else self._nan(sign)

    def _nan(self, sign: int) -> int:
        if self.special == "fnuz":
            return 1 << (self.width - 1)
        if self.special == "finite":
            return self._overflow(sign)
        return sign | (self._infinity | (1 << (self.fraction - 1)) if self.special == "ieee" else self._limit)

    def _magnitude(self, value: float) -> int:
        """The bits below the sign of a finite value, rounded half even, as if the exponent had no end."""
        numerator, denominator = value.as_integer_ratio()
        exponent = max(math.frexp(value)[1] - 1, 1 - self.bias)
        shift = self.fraction - exponent
        significand, rest = divmod(numerator << max(shift, 0), denominator << max(-shift, 0))
        half = 2 * rest - (denominator << max(-shift, 0))
        significand += half > 0 or (half == 0 and significand & 1)
        if significand >> (self.fraction + 1):
            significand, exponent = significand >> 1, exponent + 1
        is_normal = significand >> self.fraction
        leading = significand if self.explicit else significand & ((1 << self.fraction) - 1)
        return ((exponent + self.bias) << self.stored | leading) if is_normal else leading


def _scaled(significand: int, exponent: int) -> float:
    """significand * 2**exponent; infinity if that is too large."""
    try:
        return significand / (1 << -exponent) if exponent < 0 else float(significand << exponent)
    except OverflowError:
        return math.inf


FORMATS = {
    "bf16": FloatFormat(8, 7, 127),
    "tf32": FloatFormat(8, 10, 127),
    "f80": FloatFormat(15, 63, 16383, explicit=True),
    "f128": FloatFormat(15, 112, 16383),
    "f8E5M2": FloatFormat(5, 2, 15),
    "f8E4M3": FloatFormat(4, 3, 7),
    "f8E3M4": FloatFormat(3, 4, 3),
    "f8E4M3FN": FloatFormat(4, 3, 7, "fn"),
    "f8E5M2FNUZ": FloatFormat(5, 2, 16, "fnuz"),
    "f8E4M3FNUZ": FloatFormat(4, 3, 8, "fnuz"),
    "f8E4M3B11FNUZ": FloatFormat(4, 3, 11, "fnuz"),
    "f6E3M2FN": FloatFormat(3, 2, 3, "finite"),
    "f6E2M3FN": FloatFormat(2, 3, 1, "finite"),
    "f4E2M1FN": FloatFormat(2, 1, 1, "finite"),
}
