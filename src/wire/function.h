/*
 * The kernel functions that take a packet, for -vv: what the kernel side has to know of each. Plain
 * C, read by both sides.
 */
#pragma once

#include <linux/types.h>

#define FUNCTIONS_MAX 16384

enum function_returns {
  RETURNS_NOTHING = 0,
  RETURNS_SIGNED = 1,
  RETURNS_UNSIGNED = 2,
  RETURNS_BOOL = 3,
  RETURNS_POINTER = 4,
};

struct traced_function {
  __u8 argument; /* the skb: 1 is the first one */
  __u8 returns;  /* enum function_returns */
  __u8 size;     /* bytes of what it returns */
  __u8 pad;
};
