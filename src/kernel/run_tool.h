// Runs a program that prints something, and reads what it prints.
#pragma once

#include <string>

#include "base/result.h"

namespace tracepkt::kernel {

// What `file` without arguments writes to its output, in the namespaces of this thread. Fails where
// it cannot be run, does not end with 0, takes longer than some seconds (it is killed then), or
// writes more than fits into the memory set aside for it.
Result<std::string> run_tool(const std::string& file);

}  // namespace tracepkt::kernel
