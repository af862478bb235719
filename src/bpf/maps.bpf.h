/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the programs share with each other and with the user side. */
#pragma once

#include "bpf/losses.bpf.h"
#include "bpf/ring.bpf.h"

/* Alone in its section: the user side writes it at offset 0 before the programs are loaded. */
const volatile struct probe_config config SEC(".rodata.config");
