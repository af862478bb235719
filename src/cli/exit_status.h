// The exit statuses, all of them.
#pragma once

namespace tracepkt::cli {

constexpr int kOk = 0;           // done; for ping: answered
constexpr int kNoAnswer = 1;     // ping: nobody answered
constexpr int kError = 2;        // wrong arguments, missing rights, or it went wrong
constexpr int kUnavailable = 3;  // what was asked for by name cannot be had on this kernel

// trace -- COMMAND: the command's own, or as shells say it.
constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;
constexpr int kKilled = 128;  // and the signal's number

}  // namespace tracepkt::cli
