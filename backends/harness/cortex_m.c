/* Cortex-M start-up: vectors, FPU on, .data copied, .bss cleared.  Works on every M-profile core (the two routines are Thumb-1). */
#include "harness.h"

extern uint32_t harness_estack[], harness_data_load[], harness_data[], harness_data_end[], harness_bss[], harness_bss_end[];
void harness_reset(void);

__asm__(".syntax unified\n"
        ".section .text.harness_semihost,\"ax\",%progbits\n"
        ".balign 4\n"
        ".global harness_semihost, harness_trap, harness_resume\n"
        ".thumb_func\n"
        "harness_semihost:\n"
        "harness_trap:\n"
        "  bkpt 0xAB\n"
        "harness_resume:\n"
        "  bx lr\n"
        ".section .text.harness_call,\"ax\",%progbits\n"
        ".balign 4\n"
        ".global harness_call, harness_start, harness_stop\n"
        ".thumb_func\n"
        "harness_call:\n"
        "  push {r4, lr}\n"
        "  mov r4, sp\n"
        "  mov sp, r1\n"
        "  b harness_start\n" /* so that a translation block begins at the label */
        "harness_start:\n"
        "  blx r0\n"
        "harness_stop:\n"
        "  mov sp, r4\n"
        "  pop {r4, pc}\n"
        ".text\n");

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))harness_estack, harness_reset, harness_fault, harness_fault, harness_fault, harness_fault, harness_fault, harness_fault,
    0, 0, 0, harness_fault, harness_fault, 0, harness_fault, harness_fault};

void harness_reset(void) {
  const uint32_t *from = harness_data_load;
  uint32_t *to;
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: full access to the FPU and vectors, before any loop that a compiler may vectorize */
  __asm__ volatile("dsb\n isb" : : : "memory");
#endif
  for (to = harness_data; to < harness_data_end; to++) *to = *from++;
  for (to = harness_bss; to < harness_bss_end; to++) *to = 0;
  harness_main();
}
