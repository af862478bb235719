// The signals that end a session in order, with its summary.
#pragma once

#include <array>
#include <csignal>

namespace tracepkt {

constexpr std::array kEndingSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

}  // namespace tracepkt
