/* The four functions that a C compiler may call even in freestanding code (C99 aside, GCC manual, "Standards"), word by word where both ends are aligned,
   and their names in Arm's run-time ABI (IHI 0043, section 4.3.4).  A model pays for the ones that it uses: sections nobody needs are dropped at the link. */
#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#define PLAIN __attribute__((no_builtin))
#else
#define PLAIN __attribute__((optimize("no-tree-loop-distribute-patterns"))) /* or the loop below becomes a call of the function it stands in */
#endif
typedef uint32_t __attribute__((may_alias)) word;

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);

PLAIN void *memcpy(void *to, const void *from, size_t bytes) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if ((((uintptr_t)t | (uintptr_t)f) & 3u) == 0)
    for (; bytes >= 4; bytes -= 4, t += 4, f += 4) *(word *)(void *)t = *(const word *)(const void *)f;
  for (; bytes; bytes--) *t++ = *f++;
  return to;
}

PLAIN void *memmove(void *to, const void *from, size_t bytes) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if ((uintptr_t)t - (uintptr_t)f >= bytes) return memcpy(to, from, bytes);
  while (bytes--) t[bytes] = f[bytes];
  return to;
}

PLAIN void *memset(void *to, int value, size_t bytes) {
  uint8_t *t = to;
  const uint8_t byte = (uint8_t)value;
  if (((uintptr_t)t & 3u) == 0)
    for (; bytes >= 4; bytes -= 4, t += 4) *(word *)(void *)t = byte * 0x01010101u;
  for (; bytes; bytes--) *t++ = byte;
  return to;
}

PLAIN int memcmp(const void *left, const void *right, size_t bytes) {
  const uint8_t *l = left, *r = right;
  for (; bytes; bytes--, l++, r++)
    if (*l != *r) return *l < *r ? -1 : 1;
  return 0;
}

#if defined(__arm__)
#define NAMED(name, as, parameters, arguments) \
  void name parameters;                        \
  PLAIN void name parameters { as arguments; }
NAMED(__aeabi_memcpy, memcpy, (void *to, const void *from, size_t bytes), (to, from, bytes))
NAMED(__aeabi_memcpy4, memcpy, (void *to, const void *from, size_t bytes), (to, from, bytes))
NAMED(__aeabi_memcpy8, memcpy, (void *to, const void *from, size_t bytes), (to, from, bytes))
NAMED(__aeabi_memmove, memmove, (void *to, const void *from, size_t bytes), (to, from, bytes))
NAMED(__aeabi_memmove4, memmove, (void *to, const void *from, size_t bytes), (to, from, bytes))
NAMED(__aeabi_memmove8, memmove, (void *to, const void *from, size_t bytes), (to, from, bytes))
NAMED(__aeabi_memset, memset, (void *to, size_t bytes, int value), (to, value, bytes))
NAMED(__aeabi_memset4, memset, (void *to, size_t bytes, int value), (to, value, bytes))
NAMED(__aeabi_memset8, memset, (void *to, size_t bytes, int value), (to, value, bytes))
NAMED(__aeabi_memclr, memset, (void *to, size_t bytes), (to, 0, bytes))
NAMED(__aeabi_memclr4, memset, (void *to, size_t bytes), (to, 0, bytes))
NAMED(__aeabi_memclr8, memset, (void *to, size_t bytes), (to, 0, bytes))
#endif
