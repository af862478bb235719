#include "cli/command_line.h"

int main(int argc, char** argv) { return tracepkt::cli::run({argv, argv + argc}); }
