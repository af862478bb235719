#include "journey/builder.h"

#include <netinet/in.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

namespace tracepkt::journey {
namespace {

using decode::EchoKind;
using decode::Event;

// What is kept of a packet that circles, of which there is no end. Its end still finds room.
constexpr std::size_t kMaxEvents = 256;
constexpr std::size_t kMaxEnds = 2 * kMaxEvents;

// What is told before its packet: as much as other processors' records may come between.
constexpr std::size_t kMaxEarly = 64;

// Of a packet that is first seen when it is dropped, the way there is told before the drop.
bool may_be_early(const Event& event) {
  return event.stage == STAGE_route || (event.stage == STAGE_neigh && !event.packet) ||
         (event.stage == STAGE_out && !event.packet);
}

// Tells of a packet, but not that it was seen anywhere.
bool is_note(const Event& event) {
  return event.stage == STAGE_icmp || event.stage == STAGE_tcp || event.stage == STAGE_qdisc ||
         event.stage == STAGE_driver || event.stage == STAGE_xdp || event.stage == STAGE_tc;
}

// How long an answer may take to be joined to its request.
constexpr std::uint64_t kExchangeMemoryNs = 60'000'000'000;

}  // namespace

std::size_t Builder::EchoKeyHash::operator()(const EchoKey& key) const {
  const std::size_t addresses = decode::hash_of(key.src) * 31 + decode::hash_of(key.dst);
  return addresses * 31 + (static_cast<std::size_t>(key.id) << 17) +
         (static_cast<std::size_t>(key.seq) << 1) + (key.reply ? 1 : 0);
}

std::size_t Builder::SegmentKeyHash::operator()(const SegmentKey& key) const {
  const std::uint64_t numbers = static_cast<std::uint64_t>(key.seq) << 32 | key.ack;
  return std::hash<std::uint64_t>()(numbers) * 31 + (static_cast<std::size_t>(key.netns) << 32) +
         (static_cast<std::size_t>(key.ip_id) << 16) + key.len;
}

Builder::Builder(Names& names, Handler handler, BuilderOptions options)
    : names_(names), handler_(std::move(handler)), options_(options) {}

Builder::EchoKey Builder::key_of(const decode::Packet& packet, EchoKind kind) {
  const decode::Icmp echo = kind == EchoKind::kError && packet.quoted_echo
                                ? packet.quoted_echo->icmp
                                : packet.icmp.value_or(decode::Icmp{});
  return {.reply = kind != EchoKind::kRequest,
          .src = packet.src,
          .dst = packet.dst,
          .id = echo.id,
          .seq = echo.seq};
}

Builder::SegmentKey Builder::segment_of(const Event& event) {
  const decode::Packet& packet = *event.packet;
  return {.netns = event.netns.inode,
          .seq = packet.tcp_seq,
          .ack = packet.tcp_ack,
          .len = packet.len,
          .ip_id = packet.ip_id};
}

std::uint64_t Builder::add(Event&& event) {
  if (event.stage == STAGE_function) {
    return add_function(event);
  }
  const auto followed = by_packet_.find(event.packet_id);
  const bool known = followed != by_packet_.end();
  if (!known && ended_.contains(event.packet_id)) {
    return 0;
  }
  // An end or a note alone, of a buffer too many or of a packet whose events were lost, tells
  // nothing; nor do chains that an unknown packet passed.
  if (!known && (event.stage == STAGE_end || event.stage == STAGE_netfilter || is_note(event))) {
    return 0;
  }
  if (!known && may_be_early(event)) {
    keep_early(event);
    return 0;
  }
  const auto open = known ? followed->second : open_for(event);
  if (!known) {
    take_early(open, event.packet_id);
    asks_.learn(event, open->journey, next_exchange_);
  }
  if (event.packet) {
    learn_echo(open, event);
    flows_.learn(*event.packet, open->in_flow, open->journey, next_exchange_);
  }
  learn_segment(open, event);
  open->last_ns = std::max(open->last_ns, event.time_ns);
  open_.splice(open_.end(), open_, open);
  const std::uint64_t id = open->journey.id;
  const bool last = event.last;
  const std::uint64_t packet_id = event.packet_id;
  const stage_id stage = event.stage;
  if (open->events.size() < (last ? kMaxEnds : kMaxEvents)) {
    open->events.push_back(std::move(event));
  } else {
    ++open->journey.more_hops;
  }
  if (!known || stage == STAGE_out) {
    senders_.learn(open->events, names_);
  }
  translations_.learn(open->events);
  if (last) {
    std::erase(open->packet_ids, packet_id);
    end_if_over(open);
  }
  return id;
}

// A packet is freed deep inside of the functions that it was given to: what these return comes
// after its end.
void Builder::end_if_over(OpenList::iterator open) {
  if (open->packet_ids.empty() && open->calls == 0) {
    end(open, Ending::kSeen);
  }
}

std::uint64_t Builder::add_function(const Event& event) {
  const auto it = by_packet_.find(event.packet_id);
  const auto* call = std::get_if<decode::FunctionCall>(&event.note);
  if (it == by_packet_.end() || call == nullptr) {
    return 0;
  }
  const auto open = it->second;
  Journey& journey = open->journey;
  const std::uint64_t id = journey.id;
  open->last_ns = std::max(open->last_ns, event.time_ns);
  open_.splice(open_.end(), open_, open);
  if (call->returned) {
    take_return(*open, event);
    end_if_over(open);
  } else if (journey.functions.size() < options_.max_functions &&
             functions_ < options_.max_all_functions) {
    journey.functions.push_back({.time_ns = event.time_ns,
                                 .cpu = event.cpu,
                                 .netns = event.netns,
                                 .device = event.device,
                                 .call = *call,
                                 .netns_name = {},
                                 .name = {}});
    ++functions_;
    open->calls += call->has_return() ? 1 : 0;
  } else {
    ++journey.more_functions;
  }
  return id;
}

// Of the calls of that function the newest that has not returned: on the same processor, if there
// is one there, as two copies of a packet may be in it at once.
void Builder::take_return(Open& open, const Event& event) {
  const auto& returned = std::get<decode::FunctionCall>(event.note);
  auto found = open.journey.functions.rend();
  for (auto step = open.journey.functions.rbegin(); step != open.journey.functions.rend(); ++step) {
    if (step->call.address != returned.address || step->call.returned) {
      continue;
    }
    if (step->cpu == event.cpu) {
      found = step;
      break;
    }
    found = found == open.journey.functions.rend() ? step : found;
  }
  if (found != open.journey.functions.rend()) {
    found->call.returned = true;
    found->call.value = returned.value;
    --open.calls;
  }
}

// A route without any packet that takes it tells nothing.
void Builder::keep_early(const Event& event) {
  if (early_.size() == kMaxEarly) {
    early_.pop_front();
  }
  early_.push_back(event);
}

void Builder::take_early(OpenList::iterator open, std::uint64_t packet_id) {
  std::erase_if(early_, [&](const Event& event) {
    if (event.packet_id != packet_id) {
      return false;
    }
    open->events.push_back(event);
    return true;
  });
}

Builder::OpenList::iterator Builder::open_for(const Event& event) {
  const EchoKind kind = event.packet ? event.packet->echo_kind() : EchoKind::kNone;
  const bool has_key = kind == EchoKind::kRequest || kind == EchoKind::kReply ||
                       (kind == EchoKind::kError && event.packet->quoted_echo);
  if (has_key) {
    if (const auto it = by_echo_.find(key_of(*event.packet, kind)); it != by_echo_.end()) {
      // The same message in another buffer: a copy beside the one before, or what it became.
      const auto open = it->second;
      if (open->all_ids.size() >= kMaxEvents) {
        return open;
      }
      open->packet_ids.push_back(event.packet_id);
      open->all_ids.push_back(event.packet_id);
      by_packet_.emplace(event.packet_id, open);
      return open;
    }
  }
  const auto open = forwarded(event);
  return open != open_.end() ? open : create(event);
}

// TCP sends clones of what it keeps, so a router that has to change a segment copies it, and what
// leaves, waits or is dropped there, is another buffer. open_.end() if this is none.
Builder::OpenList::iterator Builder::forwarded(const Event& event) {
  // What waits for its next hop's link address is seen there first.
  const bool sent_on =
      event.stage == STAGE_tx || event.stage == STAGE_drop || event.stage == STAGE_neigh;
  if (!sent_on || event.iif == 0 || !event.packet || event.packet->protocol != IPPROTO_TCP) {
    return open_.end();
  }
  const auto it = by_segment_.find(segment_of(event));
  if (it == by_segment_.end()) {
    return open_.end();
  }
  const auto open = it->second;
  // The buffer before is its sender's, who frees it unseen.
  open->packet_ids.assign(1, event.packet_id);
  open->all_ids.push_back(event.packet_id);
  by_packet_.emplace(event.packet_id, open);
  return open;
}

void Builder::learn_segment(OpenList::iterator open, const Event& event) {
  if (event.stage == STAGE_netfilter || event.stage == STAGE_route) {
    return;  // it is in that IP layer still
  }
  forget_segment(open);
  if (event.stage == STAGE_in && event.packet && event.packet->protocol == IPPROTO_TCP) {
    open->segment = segment_of(event);
    by_segment_.insert_or_assign(open->segment, open);
  }
}

void Builder::forget_segment(OpenList::iterator open) {
  if (open->segment == SegmentKey{}) {
    return;
  }
  if (const auto it = by_segment_.find(open->segment);
      it != by_segment_.end() && it->second == open) {
    by_segment_.erase(it);
  }
  open->segment = {};
}

Builder::OpenList::iterator Builder::create(const Event& event) {
  while (open_.size() >= options_.max_open) {
    const Event& newest = open_.front().events.back();
    const bool taken = newest.stage == STAGE_in && newest.packet && newest.packet->has_ports;
    given_up_ += taken ? 0 : 1;
    end(open_.begin(), Ending::kSilent);
  }
  if (spare_.empty()) {
    open_.emplace_back().events.reserve(5);
  } else {
    open_.splice(open_.end(), spare_, spare_.begin());
  }
  const auto open = std::prev(open_.end());
  open->journey.id = next_id_++;
  open->packet_ids.push_back(event.packet_id);
  open->all_ids.push_back(event.packet_id);
  by_packet_.emplace(event.packet_id, open);
  return open;
}

void Builder::learn_echo(OpenList::iterator open, const Event& event) {
  const decode::Packet& packet = *event.packet;
  const EchoKind kind = packet.echo_kind();
  if (kind == EchoKind::kNone || (kind == EchoKind::kError && !packet.quoted_echo)) {
    return;
  }
  const EchoKey key = key_of(packet, kind);
  if (std::ranges::find(open->keys, key) != open->keys.end()) {
    return;
  }
  if (kind == EchoKind::kRequest) {
    learn_request(open, key, event.time_ns);
  } else if (open->journey.exchange == 0) {
    const EchoKey request{.reply = false,
                          .src = kind == EchoKind::kError ? packet.quoted_echo->src : packet.dst,
                          .dst = kind == EchoKind::kError ? packet.quoted_echo->dst : packet.src,
                          .id = key.id,
                          .seq = key.seq};
    open->journey.direction = Direction::kReply;
    if (const auto it = exchanges_.find(request); it != exchanges_.end()) {
      Exchange& exchange = *it->second;
      open->journey.exchange = exchange.id;
      if (kind == EchoKind::kReply && event.stage == STAGE_tx && exchange.answered_ns == 0) {
        exchange.answered_in_netns = event.netns.inode;
        exchange.answered_ns = event.time_ns;
      }
    } else {
      open->journey.exchange = next_exchange_++;
    }
  }
  open->keys.push_back(key);
  by_echo_.insert_or_assign(key, open);
}

void Builder::learn_request(OpenList::iterator open, const EchoKey& key, std::uint64_t time_ns) {
  ExchangePtr& known = exchanges_[key];
  if (!open->exchange) {
    // Seen a second time after it had left, it is still that exchange. Once that is answered,
    // somebody asks the same again.
    open->exchange =
        known && known->answered_ns == 0
            ? known
            : std::make_shared<Exchange>(Exchange{.id = next_exchange_++, .seen_ns = time_ns});
    open->journey.exchange = open->exchange->id;
    open->journey.direction = Direction::kRequest;
  }
  if (known != open->exchange) {
    known = open->exchange;
    exchange_order_.emplace_back(key, known);
    forget_old_exchanges(time_ns);
  }
}

void Builder::end(OpenList::iterator open, Ending ending) {
  if (open->packet_ids.empty()) {
    ending = Ending::kSeen;
  }
  functions_ -= open->journey.functions.size();
  forget_segment(open);
  for (const std::uint64_t id : open->all_ids) {
    by_packet_.erase(id);
  }
  if (ending != Ending::kSeen || open->all_ids.size() > 1) {
    remember_ended(open->all_ids);
  }
  AssembleContext context{
      .names = names_, .ending = ending, .senders = &senders_, .translations = &translations_};
  context.opening = flows_.opening(open->in_flow);
  for (const EchoKey& key : open->keys) {
    if (const auto it = by_echo_.find(key); it != by_echo_.end() && it->second == open) {
      by_echo_.erase(it);
    }
  }
  if (open->exchange) {
    context.answered_in_netns = open->exchange->answered_in_netns;
    context.answered_ns = open->exchange->answered_ns;
  }
  assemble(open->events, context, open->journey);
  asks_.refer(open->journey);
  open->journey.outcome.in_vain = asks_.was_in_vain(open->journey);
  handler_(std::move(open->journey));
  open->journey = Journey();
  open->exchange.reset();
  open->in_flow = {};
  open->events.clear();
  open->packet_ids.clear();
  open->all_ids.clear();
  open->keys.clear();
  open->calls = 0;
  open->last_ns = 0;
  spare_.splice(spare_.begin(), open_, open);
}

void Builder::remember_ended(const std::vector<std::uint64_t>& packet_ids) {
  for (const std::uint64_t id : packet_ids) {
    if (ended_.insert(id).second) {
      ended_order_.push_back(id);
    }
  }
  while (ended_order_.size() > options_.max_open) {
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
}

bool Builder::expire(std::uint64_t now_ns) {
  bool changed = false;
  while (!open_.empty() && now_ns > open_.front().last_ns + options_.silence_ns) {
    end(open_.begin(), Ending::kSilent);
    changed = true;
  }
  return forget_old_exchanges(now_ns) || changed;
}

bool Builder::forget_old_exchanges(std::uint64_t now_ns) {
  bool changed = false;
  while (!exchange_order_.empty()) {
    const auto& [key, exchange] = exchange_order_.front();
    if (exchange_order_.size() <= options_.max_exchanges &&
        now_ns <= exchange->seen_ns + kExchangeMemoryNs) {
      break;
    }
    // The same request may have been sent again since.
    if (const auto it = exchanges_.find(key); it != exchanges_.end() && it->second == exchange) {
      exchanges_.erase(it);
    }
    exchange_order_.pop_front();
    changed = true;
  }
  return changed;
}

void Builder::finish(Ending ending) {
  // In the order of first sight, as they would be read.
  open_.sort([](const Open& a, const Open& b) { return a.journey.id < b.journey.id; });
  while (!open_.empty()) {
    end(open_.begin(), ending);
  }
}

bool Builder::has_seq(const Open& open, std::uint16_t seq) {
  return std::ranges::any_of(open.keys, [&](const EchoKey& key) { return key.seq == seq; });
}

void Builder::finish_echo(std::uint16_t seq) {
  for (auto open = open_.begin(); open != open_.end();) {
    const auto next = std::next(open);
    if (has_seq(*open, seq)) {
      end(open, Ending::kSilent);
    }
    open = next;
  }
}

bool Builder::has_open_echo(std::uint16_t seq) const {
  return std::ranges::any_of(open_, [&](const Open& open) { return has_seq(open, seq); });
}

}  // namespace tracepkt::journey
