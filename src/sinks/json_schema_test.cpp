// The schema's lists against the tables that they are about: neither has a word that the other
// lacks.
#include "sinks/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "decode/event.h"
#include "explain/route.h"
#include "journey/journey.h"

namespace tracepkt::sinks {
namespace {

using Words = std::set<std::string>;
using ::testing::ContainerEq;

const nlohmann::json& schema() {
  static const nlohmann::json parsed = nlohmann::json::parse(json_schema());
  return parsed;
}

Words list(const char* pointer) {
  return schema().at(nlohmann::json::json_pointer(pointer)).get<Words>();
}

TEST(JsonSchema, IsOfTheDraftThatItSays) {
  EXPECT_EQ(schema().at("$schema"), "https://json-schema.org/draft/2020-12/schema");
}

// In the order of the .def files, whichever rows come.
TEST(JsonSchema, KnowsEveryStageOfAHop) {
  Words stages = {
#define STAGE(id, name, says) #name,
#include "wire/stages.def"
#undef STAGE
  };
  stages.erase("end");  // no hop tells it
  // Also those that not every kernel side tells of.
  stages.insert({"out", "netfilter", "nat", "neigh", "qdisc", "icmp", "tcp", "driver", "tunnel"});
  EXPECT_THAT(list("/$defs/hop/properties/stage/enum"), ContainerEq(stages));
}

TEST(JsonSchema, KnowsEveryCauseOfLoss) {
  Words causes = {
#define LOSS(id, name, says) #name,
#include "wire/losses.def"
#undef LOSS
  };
  // The user side's own (kernel/tracer.cpp, cli/live.cpp), and those of `trace -- COMMAND`.
  causes.insert({"program_busy", "functions_busy", "undecodable", "given_up", "processes_full"});
  EXPECT_THAT(list("/$defs/lost/propertyNames/enum"), ContainerEq(causes));
}

TEST(JsonSchema, KnowsEveryKeyOfAdvice) {
  const Words keys = {
#define FAULT(key, check, mend) #key,
#define NO_FAULT(key, check, mend) #key,
#define SILENCE(key, cause, check, mend) #key,
#include "explain/advice.def"
  };
  EXPECT_THAT(list("/$defs/advice/properties/key/enum"), ContainerEq(keys));
}

TEST(JsonSchema, KnowsEveryKindOfOutcome) {
  Words kinds;
  for (int kind = 0; kind <= static_cast<int>(journey::OutcomeKind::kLost); ++kind) {
    kinds.emplace(journey::outcome_name(static_cast<journey::OutcomeKind>(kind)));
  }
  EXPECT_THAT(list("/$defs/outcome/properties/kind/enum"), ContainerEq(kinds));
}

TEST(JsonSchema, KnowsEveryDirection) {
  Words directions;
  for (int one = 0; one <= static_cast<int>(journey::Direction::kReply); ++one) {
    directions.emplace(journey::direction_name(static_cast<journey::Direction>(one)));
  }
  EXPECT_THAT(list("/$defs/journey/properties/direction/enum"), ContainerEq(directions));
}

TEST(JsonSchema, KnowsEveryTypeOfRoute) {
  Words types;
  for (int type = 0; type < 256; ++type) {
    types.emplace(explain::route_type({.type = static_cast<std::uint8_t>(type)}));
    types.emplace(explain::route_type({.table = static_cast<std::uint32_t>(type)}));
  }
  EXPECT_THAT(list("/$defs/hop/properties/type/enum"), ContainerEq(types));
}

}  // namespace
}  // namespace tracepkt::sinks
