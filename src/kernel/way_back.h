// Does a namespace have a route back to who sends something there? Asked of its routing tables by
// rtnetlink, which takes no rights.
#pragma once

#include "kernel/bound_sockets.h"

namespace tracepkt::kernel {

// In this thread's namespace there certainly is none by which a socket that listens at `local`
// could answer a wish for a connection from `remote`. The socket must be neither bound to an
// interface nor marked (SO_MARK), as that may choose other routes. False where it is not certain.
bool has_no_way_back(const SocketEnd& local, const SocketEnd& remote);

}  // namespace tracepkt::kernel
