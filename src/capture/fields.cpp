#include "capture/fields.h"

#include <algorithm>
#include <cstring>

namespace tracepkt::capture {
namespace {

std::string_view text_of(std::span<const std::byte> value) {
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}

// A number whose field is too short is 0: only damage makes it so.
template <typename T>
T number_of(std::span<const std::byte> value) {
  T number = {};
  if (value.size() == sizeof(number)) {
    std::memcpy(&number, value.data(), sizeof(number));
  }
  return number;
}

void put(Options& out, const Session& session) {
  out.text(kFieldVersion, session.version)
      .text(kFieldCommand, session.command)
      .text(kFieldFilter, session.filter)
      .text(kFieldKernel, session.kernel)
      .text(kFieldMachine, session.machine)
      .number(kFieldClock, session.wall_minus_monotonic_ns)
      .number(kFieldSilence, session.silence_ns);
  if (session.count) {
    out.number(kFieldCount, *session.count);
  }
  if (session.part != 0) {
    out.number(kFieldCapture, session.capture).number(kFieldPart, session.part);
  }
}

void put(Options& out, const Record& record) {
  out.bytes(kFieldRecord,
            {reinterpret_cast<const char*>(record.bytes.data()), record.bytes.size()});
}

void put(Options& out, const Step& step) {
  out.number(kFieldStep, step.kind).number(kFieldValue, step.value);
}

void put(Options& out, const Name& name) {
  out.number(kFieldNameKind, name.kind).number(kFieldKey, name.key);
  if (name.key2 != 0) {
    out.number(kFieldKey2, name.key2);
  }
  out.text(kFieldText, name.text);
}

void put(Options& out, const Ping& ping) {
  out.text(kFieldPingHost, ping.host)
      .text(kFieldPingPackets, ping.packets_line)
      .text(kFieldPingTimes, ping.rtt_line)
      .number(kFieldPingSent, ping.sent)
      .number(kFieldPingReceived, ping.received)
      .number(kFieldPingDuplicates, ping.duplicates)
      .number(kFieldPingErrors, ping.errors)
      .number(kFieldPingMin, ping.rtt_min_ns)
      .number(kFieldPingMax, ping.rtt_max_ns)
      .number(kFieldPingAvg, ping.rtt_avg_ns)
      .number(kFieldPingDeviation, ping.rtt_mdev_ns)
      .number(kFieldPingLoss, ping.loss_percent)
      .number(kFieldPingCorrupted, ping.corrupted);
}

void put(Options& out, const End& end) {
  for (const Loss& loss : end.losses) {
    out.text(kFieldLoss, loss.name)
        .text(kFieldLossSays, loss.says)
        .number(kFieldLossCount, loss.count);
  }
  for (const Probe& probe : end.probes) {
    out.text(kFieldProbe, probe.name);
    if (!probe.why.empty()) {
      out.text(kFieldProbeWhy, probe.why);
    }
  }
  if (end.ping) {
    put(out, *end.ping);
  }
  if (end.goes_on) {
    out.number(kFieldGoesOn, std::uint64_t{1});
  }
}

void put(Options& out, const Exchange& exchange) {
  out.number(kFieldSeq, exchange.seq)
      .text(kFieldHost, exchange.host)
      .text(kFieldTarget, exchange.target)
      .number(kFieldPayload, exchange.payload_bytes);
  if (exchange.rtt_ns) {
    out.number(kFieldRtt, *exchange.rtt_ns);
  }
  if (exchange.ttl) {
    out.number(kFieldTtl, *exchange.ttl);
  }
  if (!exchange.trouble.empty()) {
    out.text(kFieldTrouble, exchange.trouble);
  }
}

// Takes one field in. Fields of a later version are none of ours.
void take(Session& session, const Option& field) {
  switch (field.code) {
    case kFieldVersion:
      session.version = text_of(field.value);
      break;
    case kFieldCommand:
      session.command = text_of(field.value);
      break;
    case kFieldFilter:
      session.filter = text_of(field.value);
      break;
    case kFieldKernel:
      session.kernel = text_of(field.value);
      break;
    case kFieldMachine:
      session.machine = text_of(field.value);
      break;
    case kFieldClock:
      session.wall_minus_monotonic_ns = number_of<std::int64_t>(field.value);
      break;
    case kFieldSilence:
      session.silence_ns = number_of<std::uint64_t>(field.value);
      break;
    case kFieldCount:
      session.count = number_of<std::uint64_t>(field.value);
      break;
    case kFieldCapture:
      session.capture = number_of<std::uint64_t>(field.value);
      break;
    case kFieldPart:
      session.part = number_of<std::uint64_t>(field.value);
      break;
    default:
      break;
  }
}

void take(Record& record, const Option& field) {
  if (field.code == kFieldRecord) {
    record.bytes.assign(field.value.begin(), field.value.end());
  }
}

void take(Step& step, const Option& field) {
  if (field.code == kFieldStep) {
    step.kind = number_of<StepKind>(field.value);
  } else if (field.code == kFieldValue) {
    step.value = number_of<std::uint64_t>(field.value);
  }
}

void take(Name& name, const Option& field) {
  switch (field.code) {
    case kFieldNameKind:
      name.kind = number_of<NameKind>(field.value);
      break;
    case kFieldKey:
      name.key = number_of<std::uint64_t>(field.value);
      break;
    case kFieldKey2:
      name.key2 = number_of<std::uint64_t>(field.value);
      break;
    case kFieldText:
      name.text = text_of(field.value);
      break;
    default:
      break;
  }
}

void take(Ping& ping, const Option& field) {
  switch (field.code) {
    case kFieldPingHost:
      ping.host = text_of(field.value);
      break;
    case kFieldPingPackets:
      ping.packets_line = text_of(field.value);
      break;
    case kFieldPingTimes:
      ping.rtt_line = text_of(field.value);
      break;
    case kFieldPingSent:
      ping.sent = number_of<std::uint64_t>(field.value);
      break;
    case kFieldPingReceived:
      ping.received = number_of<std::uint64_t>(field.value);
      break;
    case kFieldPingDuplicates:
      ping.duplicates = number_of<std::uint64_t>(field.value);
      break;
    case kFieldPingCorrupted:
      ping.corrupted = number_of<std::uint64_t>(field.value);
      break;
    case kFieldPingErrors:
      ping.errors = number_of<std::uint64_t>(field.value);
      break;
    case kFieldPingMin:
      ping.rtt_min_ns = number_of<std::uint64_t>(field.value);
      break;
    case kFieldPingMax:
      ping.rtt_max_ns = number_of<std::uint64_t>(field.value);
      break;
    case kFieldPingAvg:
      ping.rtt_avg_ns = number_of<double>(field.value);
      break;
    case kFieldPingDeviation:
      ping.rtt_mdev_ns = number_of<double>(field.value);
      break;
    case kFieldPingLoss:
      ping.loss_percent = number_of<double>(field.value);
      break;
    default:
      break;
  }
}

void take(End& end, const Option& field) {
  const auto is_of_ping = [&] {
    return field.code >= kFieldPingHost && field.code <= kFieldPingCorrupted;
  };
  if (field.code == kFieldLoss) {
    end.losses.push_back({.name = std::string(text_of(field.value)), .says = {}});
  } else if (field.code == kFieldLossSays && !end.losses.empty()) {
    end.losses.back().says = text_of(field.value);
  } else if (field.code == kFieldLossCount && !end.losses.empty()) {
    end.losses.back().count = number_of<std::uint64_t>(field.value);
  } else if (field.code == kFieldProbe) {
    end.probes.push_back({.name = std::string(text_of(field.value)), .why = {}});
  } else if (field.code == kFieldProbeWhy && !end.probes.empty()) {
    end.probes.back().why = text_of(field.value);
  } else if (field.code == kFieldGoesOn) {
    end.goes_on = number_of<std::uint64_t>(field.value) != 0;
  } else if (is_of_ping()) {
    if (!end.ping) {
      end.ping.emplace();
    }
    take(*end.ping, field);
  }
}

void take(Exchange& exchange, const Option& field) {
  switch (field.code) {
    case kFieldSeq:
      exchange.seq = number_of<std::uint64_t>(field.value);
      break;
    case kFieldHost:
      exchange.host = text_of(field.value);
      break;
    case kFieldTarget:
      exchange.target = text_of(field.value);
      break;
    case kFieldPayload:
      exchange.payload_bytes = number_of<std::uint64_t>(field.value);
      break;
    case kFieldRtt:
      exchange.rtt_ns = number_of<std::uint64_t>(field.value);
      break;
    case kFieldTtl:
      exchange.ttl = number_of<std::uint64_t>(field.value);
      break;
    case kFieldTrouble:
      exchange.trouble = text_of(field.value);
      break;
    default:
      break;
  }
}

template <typename T>
std::optional<Decoded> decode_as(std::span<const std::byte> fields) {
  T value;
  while (const auto field = next_option(fields)) {
    take(value, *field);
  }
  return fields.empty() ? std::optional(Decoded{.item = std::move(value)}) : std::nullopt;
}

}  // namespace

Options& Options::bytes(std::uint16_t code, std::string_view value) {
  const auto size = static_cast<std::uint16_t>(value.size());
  out_.append(reinterpret_cast<const char*>(&code), sizeof(code));
  out_.append(reinterpret_cast<const char*>(&size), sizeof(size));
  out_.append(value);
  out_.append(-value.size() & 3, '\0');
  return *this;
}

Options& Options::text(std::uint16_t code, std::string_view value) {
  return bytes(code, value.substr(0, kMaxText));
}

std::optional<Option> next_option(std::span<const std::byte>& rest) {
  if (rest.size() < 4) {
    return std::nullopt;
  }
  const auto code = number_of<std::uint16_t>(rest.first(2));
  const std::size_t size = number_of<std::uint16_t>(rest.subspan(2, 2));
  if (code == kOptionEnd && size == 0) {
    rest = {};
    return std::nullopt;
  }
  if (size > rest.size() - 4) {
    return std::nullopt;
  }
  const Option option{.code = code, .value = rest.subspan(4, size)};
  rest = rest.subspan(std::min(rest.size(), 4 + ((size + 3) & ~std::size_t{3})));
  return option;
}

std::string encode(const Item& item) {
  static constexpr std::uint32_t kKinds[] = {kSessionItem, kRecordItem, kStepItem,
                                             kNameItem,    kEndItem,    kExchangeItem};
  static_assert(std::size(kKinds) == std::variant_size_v<Item>);
  const std::uint32_t head[] = {kEnterprise, kKinds[item.index()]};
  std::string value(reinterpret_cast<const char*>(head), sizeof(head));
  Options out(value);
  std::visit([&](const auto& one) { put(out, one); }, item);
  return value;
}

void append_record(std::string& out, std::span<const std::byte> record) {
  const std::size_t padded = (record.size() + 3) & ~std::size_t{3};
  const struct {
    std::uint16_t code = kOptionCustomBytes;
    std::uint16_t size = 0;
    std::uint32_t enterprise = kEnterprise;
    std::uint32_t kind = kRecordItem;
  } head{.size =
             static_cast<std::uint16_t>(sizeof(head.enterprise) + sizeof(head.kind) + 4 + padded)};
  out.append(reinterpret_cast<const char*>(&head), sizeof(head));
  Options(out).bytes(kFieldRecord, {reinterpret_cast<const char*>(record.data()), record.size()});
}

std::optional<std::span<const std::byte>> record_in(std::span<const std::byte> value) {
  if (value.size() < 8 || number_of<std::uint32_t>(value.subspan(4, 4)) != kRecordItem) {
    return std::nullopt;
  }
  std::span<const std::byte> fields = value.subspan(8);
  const auto field = next_option(fields);
  return field && field->code == kFieldRecord && fields.empty() ? std::optional(field->value)
                                                                : std::nullopt;
}

bool is_ours(std::span<const std::byte> value) {
  return value.size() >= 4 && number_of<std::uint32_t>(value.first(4)) == kEnterprise;
}

std::optional<Decoded> decode(std::span<const std::byte> value) {
  if (value.size() < 8) {
    return std::nullopt;
  }
  const std::span<const std::byte> fields = value.subspan(8);
  switch (number_of<std::uint32_t>(value.subspan(4, 4))) {
    case kSessionItem:
      return decode_as<Session>(fields);
    case kRecordItem:
      return decode_as<Record>(fields);
    case kStepItem:
      return decode_as<Step>(fields);
    case kNameItem:
      return decode_as<Name>(fields);
    case kEndItem:
      return decode_as<End>(fields);
    case kExchangeItem:
      return decode_as<Exchange>(fields);
    default:
      return Decoded();  // of a later version
  }
}

}  // namespace tracepkt::capture
