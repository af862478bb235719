// Events of many packets, as they come -> journeys, as they end. Joins what belongs together: the
// events of a packet by its id, an echo message or a forwarded TCP segment that the kernel moved to
// another buffer by what is in it, and an answer to its request by the addresses that the request
// had at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "journey/asks.h"
#include "journey/assemble.h"
#include "journey/flows.h"
#include "journey/journey.h"
#include "journey/senders.h"
#include "journey/translations.h"

namespace tracepkt::journey {

struct BuilderOptions {
  // A packet that nothing is heard of for so long has gone where no hook sees it. A neighbour that
  // does not answer keeps one waiting for 3 s (three probes, a second apart).
  std::uint64_t silence_ns = 4'000'000'000;
  // Journeys under way at the same time; beyond it the one silent for longest is ended, and counted
  // as given up, unless all that can be seen of it was seen: a socket took it.
  std::size_t max_open = 8192;
  // Calls of kernel functions that are kept: of one packet, and of all that are under way.
  std::size_t max_functions = 4096;
  std::size_t max_all_functions = 1 << 18;
  // Requests that an answer may still be joined to; beyond it the oldest is forgotten.
  std::size_t max_exchanges = 32768;
};

class Builder {
 public:
  using Handler = std::function<void(Journey&&)>;

  // `names` must outlive the builder. The handler gets each journey once, when it has ended.
  Builder(Names& names, Handler handler, BuilderOptions options = {});

  // The id of the journey that the event is a part of. 0: of none, or of none yet.
  std::uint64_t add(decode::Event&& event);

  // Ends the journeys that have been silent for too long at `now_ns` (CLOCK_MONOTONIC). False if
  // nothing is different from before: the call could as well not have been.
  bool expire(std::uint64_t now_ns);

  // Ends all that is still under way; `kCut` where nobody knows what would have come.
  void finish(Ending ending = Ending::kFinished);

  // Ends the journeys of echo messages with this sequence number now.
  void finish_echo(std::uint16_t seq);

  // Is a journey of an echo message with this sequence number under way?
  bool has_open_echo(std::uint16_t seq) const;

  std::size_t open_count() const { return open_.size(); }
  std::uint64_t given_up() const { return given_up_; }

 private:
  // Says which echo message this is: the same wherever it is seen, as long as nobody rewrites it.
  struct EchoKey {
    bool reply = false;
    decode::Address src;
    decode::Address dst;
    std::uint16_t id = 0;
    std::uint16_t seq = 0;

    bool operator==(const EchoKey&) const = default;
  };
  struct EchoKeyHash {
    std::size_t operator()(const EchoKey& key) const;
  };
  // What outlives a request: which exchange an answer to it belongs to. NAT gives it several keys.
  struct Exchange {
    std::uint64_t id = 0;
    std::uint64_t seen_ns = 0;
    std::uint32_t answered_in_netns = 0;
    std::uint64_t answered_ns = 0;
  };
  using ExchangePtr = std::shared_ptr<Exchange>;
  // Says which TCP segment came to the IP layer of which namespace: NAT leaves all of it alone.
  struct SegmentKey {
    std::uint32_t netns = 0;
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    std::uint32_t len = 0;
    std::uint16_t ip_id = 0;

    bool operator==(const SegmentKey&) const = default;
  };
  struct SegmentKeyHash {
    std::size_t operator()(const SegmentKey& key) const;
  };
  struct Open {
    Journey journey;
    SegmentKey segment;    // while it is in an IP layer
    ExchangePtr exchange;  // of a request
    Flows::Sight in_flow;
    std::vector<decode::Event> events;
    std::vector<std::uint64_t> packet_ids;  // still alive in the kernel
    std::vector<std::uint64_t> all_ids;
    std::vector<EchoKey> keys;
    std::size_t calls = 0;  // of functions that have not returned
    std::uint64_t last_ns = 0;
  };
  using OpenList = std::list<Open>;

  static EchoKey key_of(const decode::Packet& packet, decode::EchoKind kind);

  static SegmentKey segment_of(const decode::Event& event);

  std::uint64_t add_function(const decode::Event& event);
  static void take_return(Open& open, const decode::Event& event);
  void end_if_over(OpenList::iterator open);
  void keep_early(const decode::Event& event);
  void take_early(OpenList::iterator open, std::uint64_t packet_id);
  OpenList::iterator open_for(const decode::Event& event);
  OpenList::iterator forwarded(const decode::Event& event);
  void learn_segment(OpenList::iterator open, const decode::Event& event);
  void forget_segment(OpenList::iterator open);
  OpenList::iterator create(const decode::Event& event);
  void learn_echo(OpenList::iterator open, const decode::Event& event);
  void learn_request(OpenList::iterator open, const EchoKey& key, std::uint64_t time_ns);
  void end(OpenList::iterator open, Ending ending);
  static bool has_seq(const Open& open, std::uint16_t seq);
  bool forget_old_exchanges(std::uint64_t now_ns);
  void remember_ended(const std::vector<std::uint64_t>& packet_ids);

  Names& names_;
  Handler handler_;
  BuilderOptions options_;
  OpenList open_;   // the one silent for longest first
  OpenList spare_;  // ended: their memory is used again
  std::unordered_map<std::uint64_t, OpenList::iterator> by_packet_;
  std::unordered_map<EchoKey, OpenList::iterator, EchoKeyHash> by_echo_;
  std::unordered_map<SegmentKey, OpenList::iterator, SegmentKeyHash> by_segment_;
  std::unordered_map<EchoKey, ExchangePtr, EchoKeyHash> exchanges_;  // by the request's key
  std::deque<std::pair<EchoKey, ExchangePtr>> exchange_order_;       // the oldest first
  // Packets whose journey was told before the kernel was done with them: a copy of a reply may lie
  // in somebody else's socket for hours. What is heard of them later is no news.
  std::unordered_set<std::uint64_t> ended_;
  std::deque<std::uint64_t> ended_order_;
  Senders senders_;
  Translations translations_;
  Asks asks_;
  Flows flows_;
  std::deque<decode::Event> early_;  // told of packets not seen yet
  std::uint64_t next_id_ = 1;
  std::uint64_t next_exchange_ = 1;
  std::uint64_t given_up_ = 0;
  std::size_t functions_ = 0;  // kept, of all that is under way
};

}  // namespace tracepkt::journey
