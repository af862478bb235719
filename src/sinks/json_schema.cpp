#include "sinks/json_schema.h"

extern "C" {
extern const char tracepkt_json_schema_begin[];
extern const char tracepkt_json_schema_end[];
}

namespace tracepkt::sinks {

std::string_view json_schema() { return {tracepkt_json_schema_begin, tracepkt_json_schema_end}; }

}  // namespace tracepkt::sinks
