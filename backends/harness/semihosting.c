/* Every row: read the inputs, run the model, write the outputs; all files stand in the working directory of the simulator.
   inputs.bin: number of rows (uint32), then the rows; outputs.bin: the rows; stack.bin: peak stack in bytes (uint32).
   The model has a stack of its own, painted once: what is no longer paint at the end, nothing but the model wrote.
   The calls are those of Arm's "Semihosting for AArch32 and AArch64", which the RISC-V specification took over. */
#include "harness.h"

enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_WRITE0 = 4, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT_EXTENDED = 0x20, STOPPED = 0x20026 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 };
enum { EXIT_FILE = 2, EXIT_FAULT = 99 };

static const uint32_t paint = 0xA5C35A3Cu;

static void leave(uintptr_t code) {
  uintptr_t block[2];
  block[0] = STOPPED;
  block[1] = code;
  for (;;) harness_semihost(SYS_EXIT_EXTENDED, block);
}

static void complain(const char *text) {
  harness_semihost(SYS_WRITE0, text);
  leave(EXIT_FAULT);
}

void harness_fault(void) { complain("the processor stopped at a fault (a stack that overflows is one)\n"); }

static uintptr_t open_file(const char *name, size_t length, uintptr_t mode) {
  uintptr_t block[3];
  intptr_t handle;
  block[0] = (uintptr_t)name;
  block[1] = mode;
  block[2] = length;
  handle = harness_semihost(SYS_OPEN, block);
  if (handle < 0) leave(EXIT_FILE);
  return (uintptr_t)handle;
}

static void transfer(intptr_t operation, uintptr_t handle, const void *data, size_t bytes) {
  uintptr_t block[3];
  block[0] = handle;
  block[1] = (uintptr_t)data;
  block[2] = bytes;
  if (bytes && harness_semihost(operation, block) != 0) leave(EXIT_FILE);
}

static void close_file(uintptr_t handle) { harness_semihost(SYS_CLOSE, &handle); }

static void run_rows(void) {
  uintptr_t in = open_file("inputs.bin", 10, READ_BINARY), out = open_file("outputs.bin", 11, WRITE_BINARY);
  const struct harness_tensor *t;
  uint32_t rows = 0;
  for (transfer(SYS_READ, in, &rows, sizeof rows); rows; rows--) {
    if (harness_model_reset) harness_model_reset();
    for (t = harness_inputs; t->address; t++) transfer(SYS_READ, in, t->address(), t->bytes);
    harness_call(harness_model_run, harness_stack_high);
    for (t = harness_outputs; t->address; t++) transfer(SYS_WRITE, out, t->address(), t->bytes);
  }
  close_file(in);
  close_file(out);
}

void harness_main(void) {
  volatile uint32_t *word;
  uint32_t stack_bytes;
  uintptr_t file;
  for (word = harness_stack_low; word < harness_stack_high; word++) *word = paint;
  run_rows();
  for (word = harness_stack_low; word < harness_stack_high && *word == paint; word++) {}
  if (word == harness_stack_low) complain("the model's stack overflowed\n");
  stack_bytes = (uint32_t)((uintptr_t)harness_stack_high - (uintptr_t)word);
  file = open_file("stack.bin", 9, WRITE_BINARY);
  transfer(SYS_WRITE, file, &stack_bytes, sizeof stack_bytes);
  close_file(file);
  leave(0);
}
