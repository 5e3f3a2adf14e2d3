#ifndef SMALL_H
#define SMALL_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
int8_t *small_input_x(void);
float *small_input_gain(void);
const int8_t *small_output_y(void);
const float *small_output_z(void);
void small_run(void);
#ifdef __cplusplus
}
#endif
#endif
