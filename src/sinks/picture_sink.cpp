#include "sinks/picture_sink.h"

#include <fmt/format.h>

#include <algorithm>

#include "explain/words.h"
#include "sinks/picture.h"
#include "sinks/place.h"

namespace tracepkt::sinks {
namespace {

// A question may have any number of answers: each host that heard a broadcast answers it.
constexpr std::size_t kMostDrawn = 4;

}  // namespace

void PictureSink::journey(const journey::Journey& journey) {
  const bool belongs = drawn_.empty() || journey.is_paired_with(drawn_.front());
  if (belongs && drawn_.size() < kMostDrawn) {
    drawn_.push_back(journey);
    if (!every_stage_) {
      std::erase_if(drawn_.back().hops, [](const journey::Hop& hop) { return !is_news(hop); });
    }
  } else {
    ++others_;
  }
}

void PictureSink::exchange(const PingExchange& exchange) {
  for (const journey::Journey& one : exchange.journeys) {
    journey(one);
  }
  if (!exchange.trouble.empty()) {
    err_.write(fmt::format("tracepkt: {}\n", exchange.trouble));
    err_.flush();
  }
}

void PictureSink::summary(const Summary&) {
  if (drawn_.empty()) {
    err_.write("nothing to draw: no such packet was seen\n");
    err_.flush();
    return;
  }
  std::ranges::sort(drawn_, {}, &journey::Journey::begin_ns);
  out_.write(format_ == Format::kSvg       ? svg_picture(drawn_)
             : format_ == Format::kMermaid ? mermaid_picture(drawn_)
                                           : dot_picture(drawn_));
  out_.offer();
  if (others_ > 0) {
    const journey::Journey& first = drawn_.front();
    err_.write(fmt::format(
        "drawn: journey {} ({}){}; not drawn: {} more. -r FILE with --journey N, or a FILTER, "
        "chooses another\n",
        first.id, explain::packet_words(first.packet),
        drawn_.size() > 1 ? " and what belongs to it" : "", others_));
    err_.flush();
  }
}

}  // namespace tracepkt::sinks
