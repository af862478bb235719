// Runs a program that prints something, and reads what it prints.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tracepkt::kernel {

// The file of an administrator's program, from PATH or where such programs usually are; empty where
// it is not installed.
std::string find_tool(std::string_view name);

// What `file` writes to its output, in the namespaces of this thread. Fails where it cannot be run,
// does not end with 0, takes longer than some seconds (it is killed then), or writes more than fits
// into the memory set aside for it.
Result<std::string> run_tool(const std::string& file,
                             const std::vector<std::string>& arguments = {});

}  // namespace tracepkt::kernel
