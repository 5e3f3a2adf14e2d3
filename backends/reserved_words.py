"""Names of the generated C, and those that it cannot use: words of C and, as headers are read there too, of C++, and what every C compiler knows."""

from __future__ import annotations

import re

RESERVED_WORDS = frozenset(
    (
        *("alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch"),
        *("char", "class", "compl", "const", "const_cast", "constexpr", "continue", "default", "delete", "do", "double", "dynamic_cast"),
        *("else", "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if", "inline"),
        *("int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq"),
        *("private", "protected", "public", "register", "reinterpret_cast", "restrict", "return", "short", "signed", "sizeof", "static", "static_assert"),
        *("static_cast", "struct", "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename"),
        *("typeof", "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq"),
    )
)
_KNOWN_WORDS = RESERVED_WORDS | {"main", "near", "far", "linux", "unix", "size_t", "ptrdiff_t", "NULL"}
"""These, and what is a macro or a type somewhere."""
_STANDARD_TYPE = re.compile(
    r"u?int((_least|_fast)?(8|16|32|64)|ptr|max)_t"
    r"|U?INT((_LEAST|_FAST)?(8|16|32|64)|PTR|MAX)_(MIN|MAX|C)|(SIZE|PTRDIFF|WCHAR|WINT|SIG_ATOMIC)_(MIN|MAX)"
)
"""The types and macros of <stdint.h>."""


def is_reserved(word: str) -> bool:
    """Whether nothing in a C file may be called by a word."""
    return word in _KNOWN_WORDS or _STANDARD_TYPE.fullmatch(word) is not None


def identifier(text: str) -> str:
    """The text as a C identifier: never a keyword, never with two underscores or a digit in front."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    if not word or word[0].isdigit():
        word = f"v{word}"
    return f"{word}_" if is_reserved(word) else word


_REAL_FUNCTIONS = """
acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 exp10 expm1 frexp ilogb ldexp log log10 log1p log2 logb modf scalbn
scalbln cbrt fabs hypot pow pow10 sqrt erf erfc lgamma tgamma gamma ceil floor nearbyint rint lrint llrint round lround llround roundeven trunc
fmod remainder remquo drem copysign nan nextafter nexttoward fdim fmax fmin fma significand scalb j0 j1 jn y0 y1 yn isinf isnan finite signbit sincos
"""
_OTHER_FUNCTIONS = """
abs labs llabs imaxabs div ldiv abort exit _Exit atexit calloc malloc realloc free aligned_alloc alloca isfinite isnormal isless isgreater
isalnum isalpha isascii isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit toascii tolower toupper
printf fprintf sprintf snprintf vprintf vfprintf vsprintf vsnprintf scanf fscanf sscanf vscanf vfscanf vsscanf puts fputs putc putchar fputc fwrite
memchr memcmp memcpy mempcpy memmove memset bcmp bcopy bzero index rindex ffs ffsl ffsll clz ctz popcount
strcat strchr strcmp strcpy stpcpy strcspn strdup strlen strncat strncmp strncpy stpncpy strndup strpbrk strrchr strspn strstr
strcasecmp strncasecmp strfmon strftime gettext dcgettext dgettext execl execlp execle execv execvp execve fork setjmp longjmp
cabs carg cimag creal conj cproj cexp clog cpow csqrt csin ccos ctan casin cacos catan csinh ccosh ctanh
"""
LIBRARY_FUNCTIONS = frozenset((*(name + suffix for name in _REAL_FUNCTIONS.split() for suffix in ("", "f", "l")), *_OTHER_FUNCTIONS.split()))
"""Functions that compilers know without a declaration: they warn where a file gives one of these names to what is none."""
