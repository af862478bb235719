#include "base/result.h"

#include <system_error>

namespace tracepkt {

std::unexpected<Error> errno_failure(int err, std::string what, std::string hint) {
  return failure(std::move(what) + ": " + std::generic_category().message(err), std::move(hint));
}

}  // namespace tracepkt
