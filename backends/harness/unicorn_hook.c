/* Block hook for Unicorn, in C because a hook in Python is thirty times slower (block_counts.h says what it prints).
   Unicorn tells a block's address and bytes; the number of instructions follows from their encodings (Thumb: first halfword 0b11101 and up is 4 bytes;
   RISC-V: low bits 11 are 4 bytes), read once. */
#include "block_counts.h"

typedef int (*read_memory)(void *engine, uint64_t address, void *bytes, uint64_t count);
struct counter {
  read_memory read;
  uint64_t start, stop;
  int thumb;
};

struct counter *counter_new(void *read, int thumb, uint64_t start, uint64_t stop);
void counter_hook(void *engine, uint64_t address, uint32_t bytes, void *user);

struct counter *counter_new(void *read, int thumb, uint64_t start, uint64_t stop) {
  struct counter *c = calloc(1, sizeof *c);
  if (!c) return 0;
  c->read = (read_memory)(uintptr_t)read;
  c->thumb = thumb;
  c->start = start;
  c->stop = stop;
  return c;
}

static uint32_t count(const struct counter *c, void *engine, uint64_t address, uint32_t bytes) {
  uint8_t *code = malloc(bytes + 2u);
  uint32_t at = 0, found = 0;
  if (!code || c->read(engine, address, code, bytes)) abort();
  while (at + 1 < bytes) {
    uint32_t half = code[at] | (uint32_t)code[at + 1] << 8;
    int wide = c->thumb ? half >> 11 >= 0x1D : (half & 3) == 3;
    at += wide ? 4 : 2;
    found++;
  }
  free(code);
  return found;
}

void counter_hook(void *engine, uint64_t address, uint32_t bytes, void *user) {
  const struct counter *c = user;
  struct block *block = find_block(address, bytes);
  if (!block) block = new_block(address, bytes, count(c, engine, address, bytes));
  if (address == c->start)
    begin_pass();
  else if (address == c->stop)
    end_pass(address);
  else
    count_block(block);
}
