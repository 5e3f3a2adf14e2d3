/* What the generated table tells the harness of a model, and what a board gives the harness. */
#ifndef HARNESS_H
#define HARNESS_H
#include <stddef.h>
#include <stdint.h>

struct harness_tensor {
  void *(*address)(void);
  size_t bytes;
};

/* The table; both lists end with address 0. */
extern const struct harness_tensor harness_inputs[], harness_outputs[];
extern void (*const harness_model_run)(void);
extern void (*const harness_model_reset)(void); /* called before every row; may be 0 */

/* The board (bare metal only).  harness_call runs the function on the stack below `stack_high`; its call instruction stands at the label harness_start
   and returns to harness_stop, so that the instructions between the two are those of the function and one call.
   harness_semihost is Arm's semihosting call; its trap stands at harness_trap and ends at harness_resume. */
void harness_call(void (*function)(void), void *stack_high);
intptr_t harness_semihost(intptr_t operation, const void *argument);
void harness_main(void);
void harness_fault(void);
extern uint32_t harness_stack_low[], harness_stack_high[]; /* from the linker script: the stack of the model, which nothing else uses */
#endif
