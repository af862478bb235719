/* What the trial programs (filter_trial.bpf.c) and the test that runs them share. */
#pragma once

#include <linux/types.h>

#define TRIAL_BYTES 1500

struct trial {   /* NOLINT(readability-identifier-naming): C */
  __u64 address; /* the program's own: where bytes[] is in the kernel */
  __u32 packet_len;
  __u32 linear_len;
  __u8 bytes[TRIAL_BYTES];
  __u32 pad;
};
