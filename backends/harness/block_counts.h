/* What the counters of QEMU and of Unicorn share: how often each block of the program ran between the marks, less the call that stands at the first mark.
   For every pass "instructions N" on standard error; for one that took more than any before it a line for each block as well:
   "block ADDRESS INSTRUCTIONS EXECUTIONS JUMPS", JUMPS being how often it was not the code behind it that ran next.  A block is kept for good: the program does not
   change itself. */
#ifndef BLOCK_COUNTS_H
#define BLOCK_COUNTS_H
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHAINS = 16384 };
struct block {
  uint64_t address;
  uint32_t bytes, instructions;
  uint64_t executions, jumps;
  struct block *next;
};
static struct block *blocks[CHAINS], *last;
static uint64_t most;
static int counting;

static struct block **chain(uint64_t address) { return &blocks[(address >> 1) % CHAINS]; }

static struct block *find_block(uint64_t address, uint32_t bytes) {
  struct block *b = *chain(address);
  while (b && (b->address != address || b->bytes != bytes)) b = b->next;
  return b;
}

static struct block *new_block(uint64_t address, uint32_t bytes, uint32_t instructions) {
  struct block *b = calloc(1, sizeof *b);
  if (!b) abort();
  b->address = address;
  b->bytes = bytes;
  b->instructions = instructions;
  b->next = *chain(address);
  return *chain(address) = b;
}

/* QEMU tells only the first half of an instruction that lies across two of its pages (1 KB the smallest): what stands behind such a block is two bytes on. */
static void arrive(uint64_t address) {
  uint64_t end;
  if (!last) return;
  end = last->address + last->bytes;
  if (address != end && !(end % 1024 == 0 && address == end + 2)) last->jumps++;
}

static void count_block(struct block *b) {
  if (!counting) return;
  arrive(b->address);
  b->executions++;
  last = b;
}

static void begin_pass(void) {
  struct block *b;
  int i;
  for (i = 0; i < CHAINS; i++)
    for (b = blocks[i]; b; b = b->next) b->executions = b->jumps = 0;
  last = 0;
  counting = 1;
}

static void end_pass(uint64_t address) {
  struct block *b;
  uint64_t total = 0;
  int i;
  arrive(address);
  counting = 0;
  for (i = 0; i < CHAINS; i++)
    for (b = blocks[i]; b; b = b->next) total += b->executions * b->instructions;
  fprintf(stderr, "instructions %" PRIu64 "\n", total);
  if (total <= most) return;
  most = total;
  for (i = 0; i < CHAINS; i++)
    for (b = blocks[i]; b; b = b->next)
      if (b->executions) fprintf(stderr, "block %#" PRIx64 " %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", b->address, b->instructions, b->executions, b->jumps);
}
#endif
