#include "cli/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <string_view>
#include <utility>
#include <variant>

#include "base/text.h"
#include "cli/hop_comment.h"
#include "cli/name_keys.h"
#include "explain/words.h"

namespace tracepkt::cli {
namespace {

using capture::NameKind;

// Names and places kept; beyond it they are asked for, and written, again.
constexpr std::size_t kMaxKnown = 65536;
constexpr std::size_t kMaxPlaces = 4096;

std::int64_t wall_ns() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

std::uint64_t random_number() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

capture::Ping ping_of(const sinks::PingStatistics& ping) {
  return {.host = ping.host,
          .packets_line = ping.packets_line,
          .rtt_line = ping.rtt_line,
          .sent = ping.sent,
          .received = ping.received,
          .duplicates = ping.duplicates,
          .errors = ping.errors,
          .corrupted = ping.corrupted,
          .rtt_min_ns = ping.rtt_min_ns,
          .rtt_max_ns = ping.rtt_max_ns,
          .rtt_avg_ns = ping.rtt_avg_ns,
          .rtt_mdev_ns = ping.rtt_mdev_ns,
          .loss_percent = ping.loss_percent};
}

// A chain that is through, or one of its rules.
journey::ChainWalk chain_of(const decode::Event& event) {
  journey::ChainWalk walk{.base = *event.netfilter, .rules = {}};
  if (event.netfilter->kind != NETFILTER_CHAIN) {
    walk.rules.push_back({.raw = *event.netfilter, .text = {}});
    walk.by_policy = event.netfilter->kind == NETFILTER_POLICY;
  }
  return walk;
}

}  // namespace

Result<Recorder> Recorder::create(RecorderOptions options, const capture::Session& session,
                                  journey::Names& live) {
  capture::Rotation rotation(options.path, options.rotate_bytes, options.files);
  capture::Session part = session;
  std::string path = options.path;
  if (options.rotate_bytes != 0) {
    path = rotation.next(wall_ns());
    part.capture = random_number();
    part.part = rotation.part();
  }
  auto writer = capture::Writer::create(path, part);
  if (!writer) {
    return std::unexpected(writer.error());
  }
  rotation.keep_newest();
  return Recorder(*std::move(writer), std::move(rotation), std::move(options), std::move(part),
                  live);
}

Recorder::Recorder(capture::Writer writer, capture::Rotation rotation, RecorderOptions options,
                   capture::Session session, journey::Names& live)
    : writer_(std::move(writer)),
      rotation_(std::move(rotation)),
      options_(std::move(options)),
      session_(std::move(session)),
      live_(live) {}

std::size_t Recorder::PlaceHash::operator()(const Place& place) const {
  const std::string_view name(place.device.name.bytes.data(), place.device.name.bytes.size());
  std::size_t hash = std::hash<std::string_view>()(name);
  for (const std::uint64_t part : {std::uint64_t{place.netns.inode}, place.netns.cookie,
                                   std::uint64_t{place.device.index}, std::uint64_t{place.stage}}) {
    hash = hash * 0x9e3779b97f4a7c15 + part;
  }
  return hash;
}

// The live name, and a note in the file when it is another than before.
template <typename LookUp>
const std::string& Recorder::name(const Key& key, LookUp look_up) {
  if (known_.size() >= kMaxKnown && !known_.contains(key)) {
    known_.clear();
  }
  const auto [it, is_new] = known_.try_emplace(key);
  Known& known = it->second;
  if (known.turn != turn_) {
    known.turn = turn_;
    if (std::string text(look_up()); is_new || text != known.text) {
      known.text = std::move(text);
      const auto& [kind, first, second] = key;
      writer_.add(capture::Name{.kind = kind, .key = first, .key2 = second, .text = known.text});
    }
  }
  return known.text;
}

std::string Recorder::netns(const decode::NetnsId& id) {
  return name({NameKind::kNetns, id.inode, id.cookie}, [&] { return live_.netns(id); });
}

std::string Recorder::netns_file(std::uint32_t inode) {
  return name({NameKind::kNetnsFile, inode, 0}, [&] { return live_.netns_file(inode); });
}

std::string Recorder::drop_reason(std::uint32_t reason) {
  return name({NameKind::kReason, reason, 0}, [&] { return live_.drop_reason(reason); });
}

std::string Recorder::symbol(std::uint64_t address) {
  return name({NameKind::kSymbol, address, 0}, [&] { return live_.symbol(address); });
}

std::string Recorder::rule(std::uint32_t inode, const decode::Netfilter& netfilter) {
  return name({NameKind::kRule, netfilter.rule, rule_scope(inode, netfilter)},
              [&] { return live_.rule(inode, netfilter); });
}

std::string Recorder::socket_owner(std::uint64_t inode) {
  return name({NameKind::kSocketOwner, inode, 0}, [&] { return live_.socket_owner(inode); });
}

std::uint64_t Recorder::socket_at(const journey::SocketPlace& place) {
  return number_in(name({NameKind::kSocketAt, place_key(place), 0}, [&] {
    const std::uint64_t inode = live_.socket_at(place);
    return inode == 0 ? "" : std::to_string(inode);
  }));
}

std::string Recorder::full_queue(const journey::SocketPlace& place) {
  return name({NameKind::kFullQueue, place_key(place), 0}, [&] { return live_.full_queue(place); });
}

std::string Recorder::full_syn_queue(const journey::SocketPlace& place) {
  return name({NameKind::kFullSynQueue, place_key(place), 0},
              [&] { return live_.full_syn_queue(place); });
}

std::optional<std::uint64_t> Recorder::unread(const journey::SocketPlace& place,
                                              std::uint64_t inode, std::uint64_t since_ns) {
  const std::string& text = name({NameKind::kUnread, inode, since_ns}, [&] {
    const auto unread = live_.unread(place, inode, since_ns);
    return unread ? std::to_string(*unread) : "";
  });
  return text.empty() ? std::nullopt : std::optional(number_in(text));
}

bool Recorder::is_conntrack_full(std::uint32_t inode) {
  return !name({NameKind::kConntrackFull, inode, 0}, [&] {
            return live_.is_conntrack_full(inode) ? "1" : "";
          }).empty();
}

bool Recorder::has_connection(const journey::SocketPlace& place) {
  return !name({NameKind::kConnection, place_key(place), 0}, [&] {
            return live_.has_connection(place) ? "1" : "";
          }).empty();
}

bool Recorder::is_time_wait(const journey::SocketPlace& place) {
  return !name({NameKind::kTimeWait, place_key(place), 0}, [&] {
            return live_.is_time_wait(place) ? "1" : "";
          }).empty();
}

bool Recorder::has_no_way_back(const journey::SocketPlace& place) {
  return !name({NameKind::kNoWayBack, place_key(place), 0}, [&] {
            return live_.has_no_way_back(place) ? "1" : "";
          }).empty();
}

std::string Recorder::reset_reason(std::uint32_t reason) {
  return name({NameKind::kResetReason, reason, 0}, [&] { return live_.reset_reason(reason); });
}

std::string Recorder::flowtable(std::uint32_t inode, const decode::Device& device) {
  return name({NameKind::kFlowtable, std::uint64_t{inode} << 32 | device.index, 0},
              [&] { return live_.flowtable(inode, device); });
}

std::string Recorder::routing_rules(std::uint32_t inode, std::uint8_t family) {
  return name({NameKind::kRoutingRules, inode, family},
              [&] { return live_.routing_rules(inode, family); });
}

std::string Recorder::programs(std::uint32_t inode, std::uint32_t ifindex,
                               journey::ProgramPlace place) {
  return name({NameKind::kPrograms, std::uint64_t{inode} << 32 | ifindex,
               static_cast<std::uint64_t>(place)},
              [&] { return live_.programs(inode, ifindex, place); });
}

void Recorder::note_owner(std::uint64_t socket, const std::optional<journey::Process>& owner) {
  if (socket == 0) {
    return;
  }
  const capture::Name note{
      .kind = NameKind::kSocketOwner, .key = socket, .text = journey::owner_text(owner)};
  Known& known = known_[{note.kind, socket, 0}];
  if (known.text != note.text) {
    known.text = note.text;
    writer_.add(note);
  }
}

const Recorder::PlaceWords& Recorder::words_of(const decode::Event& event) {
  if (places_.size() >= kMaxPlaces) {
    places_.clear();
  }
  const auto [it, is_new] =
      places_.try_emplace({.netns = event.netns, .device = event.device, .stage = event.stage});
  if (is_new) {
    journey::Netns where{.inode = event.netns.inode, .name = {}};
    if (where.inode != 0) {
      where.name = netns(event.netns);
    }
    it->second.netns = where.label();
    it->second.comment = comment_place(where, event.device, event.stage);
  }
  return it->second;
}

void Recorder::describe(const decode::Event& event) {
  const PlaceWords& place = words_of(event);
  netns_ = place.netns;
  comment_ = place.comment;
  std::string told;
  // What goes in is said anyway, and what the kernel did with what it took is not known yet.
  if (event.drop || event.route || event.socket || event.netfilter) {
    journey::Hop hop{.netns = {},
                     .device = event.device,
                     .stage = event.stage,
                     .packet = event.packet,
                     .socket = event.socket,
                     .route = event.route};
    if (event.netfilter) {
      hop.chain = chain_of(event);
    }
    if (event.drop) {
      hop.drop = journey::DropInfo{.raw = *event.drop};
      hop.drop->reason = event.drop->has_reason ? drop_reason(event.drop->reason) : "";
      if (hop.drop->reason.empty()) {  // which is dear to look up
        hop.drop->function = symbol(event.drop->location);
      }
    }
    told = explain::hop_words(hop, nullptr);
  }
  if (const auto* call = std::get_if<decode::FunctionCall>(&event.note)) {
    journey::Hop hop{.netns = {},
                     .stage = event.stage,
                     .note = event.note,
                     .function = symbol(call->address),
                     .reset_reason = {}};
    hop.function.resize(std::min(hop.function.size(), hop.function.find('+')));
    told = explain::hop_words(hop, nullptr);
  }
  if (std::holds_alternative<decode::ProgramVerdict>(event.note)) {
    told = explain::hop_words({.netns = {}, .stage = event.stage, .note = event.note}, nullptr);
  }
  add_to_comment(comment_, told, event.packet);
}

void Recorder::joined(std::uint64_t journey) {
  if (journey != 0) {
    comment_.insert(0, fmt::format("#{} ", journey));
  }
}

void Recorder::add_record(std::span<const std::byte> record) {
  if (options_.snaplen < WINDOW_BYTES) {
    decode::cut_packet(record, options_.snaplen, cut_);
    record = cut_;
  }
  const decode::PacketBytes packet = decode::packet_bytes(record);
  writer_.record(record, {.ethertype = packet.ethertype,
                          .len = packet.len,
                          .bytes = packet.bytes,
                          .netns = netns_,
                          .comment = comment_});
  netns_.clear();
  comment_.clear();
}

// What was lost since the file began.
capture::End Recorder::end_of(const sinks::Summary& summary) {
  capture::End end;
  for (const sinks::LossCount& loss : summary.losses) {
    const std::uint64_t before = std::exchange(losses_before_[loss.name], loss.count);
    end.losses.push_back(
        {.name = loss.name, .says = loss.says, .count = loss.count - std::min(before, loss.count)});
  }
  for (const std::string& probe : summary.probes.attached) {
    end.probes.push_back({.name = probe, .why = {}});
  }
  for (const auto& probe : summary.probes.unavailable) {
    end.probes.push_back({.name = probe.name, .why = probe.why});
  }
  if (summary.ping) {
    end.ping = ping_of(*summary.ping);
  }
  return end;
}

void Recorder::end(const sinks::Summary& summary) { writer_.add(end_of(summary)); }

// What is known is asked for again, so that the names that the next file needs are in it.
void Recorder::next_file(const sinks::Summary& summary) {
  if (error_) {
    return;
  }
  capture::End end = end_of(summary);
  end.goes_on = true;
  writer_.add(end);
  if (const Status written = writer_.flush(); !written) {
    error_ = written.error();
    return;
  }
  const std::string path = rotation_.next(wall_ns());
  session_.part = rotation_.part();
  auto writer = capture::Writer::create(path, session_);
  if (!writer) {
    error_ = writer.error();
    return;
  }
  writer_ = *std::move(writer);
  rotation_.keep_newest();
  known_.clear();
  places_.clear();
}

Status Recorder::flush() {
  ++turn_;
  places_.clear();
  const Status written = writer_.flush();
  return error_ ? Status(std::unexpected(*error_)) : written;
}

}  // namespace tracepkt::cli
