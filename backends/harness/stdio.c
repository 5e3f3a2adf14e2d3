/* The harness of a hosted machine: the same files as semihosting.c, through the C library; no stack is measured. */
#include <stdio.h>
#include <stdlib.h>
#include "harness.h"

static FILE *open_file(const char *name, const char *mode) {
  FILE *file = fopen(name, mode);
  if (!file) exit(2);
  return file;
}

int main(void) {
  FILE *in = open_file("inputs.bin", "rb"), *out = open_file("outputs.bin", "wb");
  const struct harness_tensor *t;
  uint32_t rows = 0;
  if (fread(&rows, sizeof rows, 1, in) != 1) return 2;
  for (; rows; rows--) {
    if (harness_model_reset) harness_model_reset();
    for (t = harness_inputs; t->address; t++)
      if (fread(t->address(), 1, t->bytes, in) != t->bytes) return 2;
    harness_model_run();
    for (t = harness_outputs; t->address; t++)
      if (fwrite(t->address(), 1, t->bytes, out) != t->bytes) return 2;
  }
  return fclose(in) || fclose(out) ? 2 : 0;
}
