// The JSON Schema (draft 2020-12) of what --format json prints: json.schema.json, which is
// embedded.
#pragma once

#include <string_view>

namespace tracepkt::sinks {

std::string_view json_schema();

}  // namespace tracepkt::sinks
