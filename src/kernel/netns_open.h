// Opening the network namespace that the user means by --netns, and running something inside of
// one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "kernel/netns_find.h"

namespace tracepkt::kernel {

// The namespace that `spec` names (see find_netns), opened.
Result<Fd> open_netns(std::string_view spec);

// Fails if `fd` is not a network namespace.
Result<std::uint32_t> netns_inode(int fd);

// Runs `run` with this thread in that namespace, and takes the thread back. `run` must not throw.
// If there is no way back the thread is lost to the program: that failure goes before run's own.
Status run_in_netns(int netns_fd, const std::function<Status()>& run);

// The same in the namespace that this file is; empty: in the one where this thread is.
Status run_in_netns_file(const std::string& file, const std::function<Status()>& run);

}  // namespace tracepkt::kernel
