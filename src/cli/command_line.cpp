#include "cli/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdio>
#include <map>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/options.h"
#include "cli/standard_files.h"

namespace tracepkt::cli {
namespace {

constexpr std::array<std::string_view, 3> kCommands = {"ping", "trace", "doctor"};

constexpr const char* kFooter = R"(
Examples:
  tracepkt 172.17.0.2                  ping once, show the way there and back
  tracepkt ping -c 3 web.example       three times, with statistics
  tracepkt ping --netns web 10.0.0.1   from inside a namespace or container
  tracepkt trace icmp or icmp6         every ping on this machine, also from outside
  tracepkt doctor                      what this kernel lets tracepkt see

Exit status: ping: 0 answered, 1 not answered; others: 0; all: 2 error,
3 what was asked for by name cannot be had on this kernel.)";

constexpr std::size_t kSmallestBuffer = 64u << 10;
constexpr std::size_t kLargestBuffer = 1u << 30;

// "8M" -> bytes, up to the next power of two, which is what a ring buffer must be.
std::size_t parse_buffer(const std::string& text) {
  std::size_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const unsigned shift = unit == "K" || unit == "k"   ? 10
                         : unit == "M" || unit == "m" ? 20
                         : unit == "G"                ? 30
                                                      : 0;
  if (error != std::errc() || (shift == 0 && !unit.empty()) || bytes > kLargestBuffer >> shift ||
      bytes << shift < kSmallestBuffer) {
    throw CLI::ValidationError("--buffer", "give a size from 64K to 1G, such as 16M");
  }
  return std::bit_ceil(bytes << shift);
}

void add_common(CLI::App& command, CommonOptions& common) {
  const std::map<std::string, sinks::Format> formats = {{"table", sinks::Format::kTable},
                                                        {"classic", sinks::Format::kClassic},
                                                        {"json", sinks::Format::kJson}};
  const std::map<std::string, sinks::ColorMode> colors = {{"auto", sinks::ColorMode::kAuto},
                                                          {"always", sinks::ColorMode::kAlways},
                                                          {"never", sinks::ColorMode::kNever}};
  command
      .add_option("--format", common.format,
                  "table (for people), classic (the first tracepkt's lines) or json")
      ->transform(CLI::CheckedTransformer(formats).description("table|classic|json"))
      ->default_str("table");
  command.add_option("--color", common.color, "auto: on a terminal, unless NO_COLOR is set")
      ->transform(CLI::CheckedTransformer(colors).description("auto|always|never"))
      ->default_str("auto");
  command.add_flag("-n", common.numeric, "no names: namespaces by their inode");
}

void add_session(CLI::App& command, CommonOptions& common) {
  command.add_option("--duration", common.duration_s, "end after this many seconds")
      ->check(CLI::Range(1e-3, 1e9).description(""))
      ->type_name("S");
  command
      .add_option_function<std::string>(
          "--buffer",
          [&common](const std::string& text) { common.buffer_bytes = parse_buffer(text); },
          "room for events between kernel and program (default 8M)")
      ->type_name("SIZE");
}

void add_ping(CLI::App& app, PingOptions& options) {
  CLI::App* command =
      app.add_subcommand("ping", "Ping a host and show the way of every packet, there and back");
  command->option_defaults()->take_last();
  command->add_option("HOST", options.host, "name or address")->required();
  auto* v4 = command->add_flag_callback(
      "-4", [&options] { options.family = ping::Family::kIpv4; }, "IPv4 only");
  command
      ->add_flag_callback(
          "-6", [&options] { options.family = ping::Family::kIpv6; }, "IPv6 only")
      ->excludes(v4);
  command->add_option("-c,--count", options.common.count, "send this many (default: until Ctrl-C)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 48).description(""))
      ->type_name("N");
  command->add_option("-i", options.interval_s, "seconds between two (default 1)")
      ->check(CLI::Range(0.001, 3600.0).description(""))
      ->type_name("S");
  command->add_option("-s", options.payload_bytes, "bytes of payload (default 56)")
      ->type_name("BYTES");
  command->add_option("-t", options.ttl, "time to live, hop limit")
      ->check(CLI::Range(1, 255).description(""))
      ->type_name("TTL");
  command->add_option("-W", options.wait_s, "seconds to wait for an answer (default 4)")
      ->check(CLI::Range(0.01, 3600.0).description(""))
      ->type_name("S");
  command->add_option("-I", options.via, "interface, or source address")->type_name("IFACE");
  command->add_option("-m", options.mark, "firewall mark of the packets")->type_name("MARK");
  command
      ->add_option("--netns", options.netns,
                   "send from there: a name from `ip netns`, a pid, a container, a path, an inode")
      ->type_name("NS");
  add_common(*command, options.common);
  add_session(*command, options.common);
}

void add_trace(CLI::App& app, std::vector<std::string>& filter, TraceOptions& options) {
  CLI::App* command =
      app.add_subcommand("trace", "Show the way of every packet that matches a pcap-filter(7)");
  command->option_defaults()->take_last();
  command->add_option("FILTER", filter, "such as: icmp or icmp6; none: every packet")->take_all();
  command->add_option("--count", options.common.count, "end after this many packets")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  add_common(*command, options.common);
  add_session(*command, options.common);
}

void add_doctor(CLI::App& app, DoctorOptions& options) {
  CLI::App* command = app.add_subcommand(
      "doctor", "Say what this kernel lets tracepkt see, and what to do about the rest");
  add_common(*command, options.common);
}

// As the first tracepkt was called: tracepkt HOST, which pings once.
std::vector<std::string> expand_short_form(std::vector<std::string> arguments) {
  if (arguments.size() < 2) {
    return arguments;
  }
  const std::string& first = arguments[1];
  const bool is_command = std::ranges::find(kCommands, first) != kCommands.end();
  const bool is_general = first == "--help" || first == "-h" || first == "--version";
  if (!is_command && !is_general) {
    arguments.insert(arguments.begin() + 1, {"ping", "-c1"});
  }
  return arguments;
}

int print(const std::string& text) {
  sinks::Output out(STDOUT_FILENO, sinks::ColorMode::kNever);
  out.write(text + '\n');
  out.flush();
  const Status written = check_written(out);
  return written ? kOk : report(written.error());
}

}  // namespace

int report(const Error& error) {
  fmt::print(stderr, "tracepkt: {}\n", error.what);
  if (!error.hint.empty()) {
    fmt::print(stderr, "  {}\n", error.hint);
  }
  return error.unavailable ? kUnavailable : kError;
}

int run(std::vector<std::string> arguments) {
  if (const auto opened = open_standard_files(); !opened) {
    return report(opened.error());
  }
  arguments = expand_short_form(std::move(arguments));
  CLI::App app(
      "Follows packets through the Linux kernel, hop by hop, and says where they went and why.",
      "tracepkt");
  app.set_version_flag("--version", "tracepkt " TRACEPKT_VERSION);
  app.footer(kFooter);
  app.require_subcommand(1);
  app.get_formatter()->column_width(28);

  PingOptions ping_options;
  TraceOptions trace_options;
  DoctorOptions doctor_options;
  std::vector<std::string> filter;
  add_ping(app, ping_options);
  add_trace(app, filter, trace_options);
  add_doctor(app, doctor_options);

  if (arguments.size() > 1 && arguments[1] == "trace" &&
      std::ranges::find(arguments, "--") != arguments.end()) {
    return report(
        {.what = "this version of tracepkt cannot trace a command's packets (trace ... -- COMMAND)",
         .hint = "give a filter for them instead, such as: tracepkt trace host 10.0.0.2"});
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend() - 1);
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return print(app.help());
  } catch (const CLI::CallForVersion& version) {
    return print(version.what());
  } catch (const CLI::ParseError& error) {
    if (arguments.size() < 2) {
      return report({.what = "nothing to do: give a HOST to ping, or a command",
                     .hint = "tracepkt --help shows them"});
    }
    return report({.what = printable(error.what()),
                   .hint = fmt::format("tracepkt {} --help shows how it is used", arguments[1])});
  }
  if (app.got_subcommand("ping")) {
    return run_ping(ping_options);
  }
  if (app.got_subcommand("trace")) {
    trace_options.filter = fmt::format("{}", fmt::join(filter, " "));
    return run_trace(trace_options);
  }
  return run_doctor(doctor_options);
}

}  // namespace tracepkt::cli
