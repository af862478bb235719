// The command line: which command, and its options.
#pragma once

#include <string>
#include <vector>

namespace tracepkt::cli {

// Runs the program; `arguments` begin with its name. Returns the exit status.
int run(std::vector<std::string> arguments);

}  // namespace tracepkt::cli
