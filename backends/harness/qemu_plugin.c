/* QEMU plugin: counts the blocks executed between the labels start and stop (block_counts.h says what it prints).
   Use: -plugin FILE,start=0xADDRESS,stop=0xADDRESS.  One processor.  Only calls that every version of the plugin interface has are used
   (a counter in a callback, no inline operations), so no header of QEMU's is needed. */
#include <string.h>
#include "block_counts.h"

#define EXPORT __attribute__((visibility("default")))
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated)(plugin_id, struct qemu_plugin_tb *);
typedef void (*executed)(unsigned processor, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, executed, int flags, void *data);
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments);

/* QEMU refuses a plugin that states a version of the interface which is newer or much older than its own.  Which one this QEMU has, the functions that came
   with each version tell: where one is missing, its address is 0. */
__attribute__((weak)) int qemu_plugin_num_vcpus(void);
__attribute__((weak)) void qemu_plugin_read_memory_vaddr(void);
__attribute__((weak)) void qemu_plugin_write_register(void);
EXPORT int qemu_plugin_version = 1;
__attribute__((constructor)) static void state_version(void) {
  if (qemu_plugin_num_vcpus) qemu_plugin_version = 2;
  if (qemu_plugin_read_memory_vaddr) qemu_plugin_version = 4;
  if (qemu_plugin_write_register) qemu_plugin_version = 5;
}

static uint64_t start, stop;

/* Both labels begin a block (a jump stands before the one, a return leads to the other); the one at start is the call alone. */
static void on_block(unsigned processor, void *data) {
  (void)processor;
  count_block(data);
}
static void on_start(unsigned processor, void *data) {
  (void)processor;
  (void)data;
  begin_pass();
}
static void on_stop(unsigned processor, void *data) {
  (void)processor;
  (void)data;
  end_pass(stop);
}

static void translate(plugin_id id, struct qemu_plugin_tb *translated_block) {
  size_t count = qemu_plugin_tb_n_insns(translated_block);
  const struct qemu_plugin_insn *end = qemu_plugin_tb_get_insn(translated_block, count - 1);
  uint64_t address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(translated_block, 0));
  uint32_t bytes = (uint32_t)(qemu_plugin_insn_vaddr(end) + qemu_plugin_insn_size(end) - address);
  executed call = address == start ? on_start : address == stop ? on_stop : on_block;
  struct block *block = find_block(address, bytes);
  (void)id;
  if (!block) block = new_block(address, bytes, (uint32_t)count);
  qemu_plugin_register_vcpu_tb_exec_cb(translated_block, call, 0, block);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments) {
  int i;
  (void)info;
  for (i = 0; i < count; i++) {
    if (!strncmp(arguments[i], "start=", 6)) start = strtoull(arguments[i] + 6, 0, 0);
    if (!strncmp(arguments[i], "stop=", 5)) stop = strtoull(arguments[i] + 5, 0, 0);
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  return 0;
}
