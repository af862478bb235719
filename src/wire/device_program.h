/*
 * The BPF programs of interfaces that are watched: what the kernel side has to know of each. Plain
 * C, read by both sides.
 */
#pragma once

#include <linux/types.h>

#define DEVICE_PROGRAMS_MAX 64

struct device_program {
  __u32 id;
  __u8 kind; /* enum program_kind; of XDP, where it is run tells */
  __u8 pad[3];
  char name[16];
};

/*
 * The programs at a device program are loaded once for each, with its number in `device_programs`
 * written in place of this.
 */
#define DEVICE_PROGRAM_SLOT 0x534c4f54
