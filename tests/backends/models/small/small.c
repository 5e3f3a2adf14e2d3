#include "small.h"

/* x [6] int8 -> dense 4, relu -> dense 3 -> y int8; z = gain * y as floats */
static const int8_t small_weight_1[4][6] = {
    {1, -2, 3, -4, 5, -6}, {7, 6, 5, 4, 3, 2}, {-1, 1, -1, 1, -1, 1}, {9, 0, -9, 0, 9, 0}};
static const int32_t small_bias_1[4] = {10, -20, 30, -40};
static const int8_t small_weight_2[3][4] = {{1, 2, 3, 4}, {-4, 3, -2, 1}, {5, -5, 5, -5}};
static int8_t small_x[6], small_hidden[4], small_y[3];
static float small_gain, small_z[3];

static int8_t small_clamp(int32_t value, int32_t low) { return (int8_t)(value < low ? low : value > 127 ? 127 : value); }

int8_t *small_input_x(void) { return small_x; }
float *small_input_gain(void) { return &small_gain; }
const int8_t *small_output_y(void) { return small_y; }
const float *small_output_z(void) { return small_z; }

void small_run(void) {
  int32_t o, i;
  for (o = 0; o < 4; o++) {
    int32_t sum = small_bias_1[o];
    for (i = 0; i < 6; i++) sum += (int32_t)small_x[i] * small_weight_1[o][i];
    small_hidden[o] = small_clamp(sum / 16, 0);
  }
  for (o = 0; o < 3; o++) {
    int32_t sum = 0;
    for (i = 0; i < 4; i++) sum += (int32_t)small_hidden[i] * small_weight_2[o][i];
    small_y[o] = small_clamp(sum / 8, -128);
    small_z[o] = small_gain * (float)small_y[o];
  }
}
