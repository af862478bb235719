// From what the user types after --netns to the file that is this network namespace.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "kernel/netns_scan.h"

namespace tracepkt::kernel {

// The file, below `root`, of the namespace that `spec` names. In this order:
//   host               the initial namespace
//   /path ./path       that file
//   net:[4026531992]   the inode
//   digits             the pid if there is such a process, or else the inode
//   anything           a name from `ip netns`, or else a container's name or id (12 digits or
//   more),
//                      or else a path
Result<std::string> find_netns(std::string_view spec, const std::string& root = {},
                               const NetnsInodeOf& inode_of = netns_inode_of_file);

}  // namespace tracepkt::kernel
