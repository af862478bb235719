// Asks the kernel's socket monitor (NETLINK_SOCK_DIAG) of this thread's namespace about TCP
// sockets, which takes no rights.
#pragma once

#include <linux/inet_diag.h>

#include <cstdint>

#include "base/fd.h"

namespace tracepkt::kernel {

// Asks about what `asked` says, of any cookie; `more`: of all that are like that (NLM_F_DUMP). The
// answer is to be read from what comes back, which is invalid where nothing could be asked.
Fd ask_about_tcp(inet_diag_req_v2 asked, bool more);

}  // namespace tracepkt::kernel
