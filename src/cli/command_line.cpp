#include "cli/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <ranges>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/moment.h"
#include "cli/option_values.h"
#include "cli/options.h"
#include "cli/standard_files.h"
#include "ping/identity.h"

namespace tracepkt::cli {
namespace {

constexpr std::array<std::string_view, 6> kCommands = {"ping",  "trace",  "report",
                                                       "drops", "probes", "doctor"};

// What the design has and this version does not: better said than taken for a host or a typing
// error.
constexpr std::array<std::string_view, 2> kLaterCommands = {"mtr", "demo"};

constexpr const char* kFooter = R"(
Examples:
  tracepkt 172.17.0.2                  ping once, show the way there and back
  tracepkt ping -c 3 web.example       three times, with statistics
  tracepkt trace icmp or icmp6         every ping on this machine, also from outside
  tracepkt drops                       what is dropped on this machine, where and why
  tracepkt report -r today.pcapng      a page for the browser, of what was kept with -w
  tracepkt doctor                      what this kernel lets tracepkt see

tracepkt COMMAND --help shows the options of each.
Exit status: ping: 0 answered, 1 not answered; trace -- COMMAND: the command's; others: 0;
all: 2 error, 3 what was asked for by name cannot be had on this kernel.)";

constexpr const char* kPingFooter = R"(
Examples:
  tracepkt ping -c 3 web.example       three times, with statistics
  tracepkt ping --netns web 10.0.0.1   from inside a namespace or container

Exit status: 0 answered, 1 not answered, 2 error, 3 --rules or -vv cannot be had here.)";

constexpr const char* kTraceFooter = R"(
Examples:
  tracepkt trace icmp or icmp6         every ping on this machine, also from outside
  tracepkt trace --count 10 host 10.0.0.2 and tcp port 443
  tracepkt trace -- curl -s web        only what that command sends and receives
  tracepkt trace udp port 53 -- COMMAND ARGS...
  tracepkt trace -w today.pcapng       keep it, also for Wireshark
  tracepkt trace -r today.pcapng --outcome dropped udp
  tracepkt trace -w all.pcapng --rotate 100M --files 10    the newest gigabyte)";

constexpr const char* kReportFooter = R"(
Examples:
  tracepkt report -r today.pcapng                  writes today.html, to look at in a browser
  tracepkt report -r today.pcapng -o bad.html --outcome dropped
  tracepkt report -r today.pcapng --journey 7 --format svg -o way.svg)";

constexpr const char* kDropsFooter = R"(
Examples:
  tracepkt drops                       every drop on this machine; a screen on a terminal
  tracepkt drops udp port 53           of these packets alone
  tracepkt drops --duration 10 > FILE  ten seconds of it, as lines, and all of it at the end
  tracepkt drops -r today.pcapng       what a capture holds of it)";

// An option whose value `parse` reads; a value that it refuses is refused in its words.
template <typename Target, typename Parse>
CLI::Option* add_value(CLI::App& command, const std::string& name, Target& target,
                       const Parse& parse, const std::string& says, const std::string& value_name) {
  const auto read = [name, &target, parse](const std::string& text) {
    auto value = parse(text);
    if (!value) {
      throw CLI::ValidationError(name, value.error().what);
    }
    target = *value;
  };
  return command.add_option_function<std::string>(name, read, says)->type_name(value_name);
}

template <typename T, typename Target>
void add_number(CLI::App& command, const std::string& name, Target& target, T least, T most,
                const std::string& says, const std::string& value_name) {
  const auto parse = [least, most](std::string_view text) {
    return parse_number(text, least, most);
  };
  add_value(command, name, target, parse, says, value_name);
}

template <typename T>
void add_choice(CLI::App& command, const std::string& name, T& target, const Choices<T>& choices,
                const std::string& says) {
  const auto parse = [what = name.substr(2), choices](std::string_view text) {
    return parse_choice(text, what, choices);
  };
  add_value(command, name, target, parse, says,
            fmt::format("{}", fmt::join(std::views::keys(choices), "|")));
}

// A shell's variable that is not set: better said than taken for no option at all.
const CLI::Validator kNotEmpty(
    [](std::string& name) { return name.empty() ? std::string("the file's name is empty") : ""; },
    "", "not_empty");

// An IPv4 header.
constexpr std::size_t kLeastSnaplen = 20;
constexpr std::uint64_t kMostPackets = std::uint64_t{1} << 48;

const Choices<sinks::Format> kTextFormats = {{"table", sinks::Format::kTable},
                                             {"classic", sinks::Format::kClassic},
                                             {"json", sinks::Format::kJson}};

const Choices<std::optional<sinks::Format>> kReportFormats = {{"html", std::nullopt},
                                                              {"svg", sinks::Format::kSvg},
                                                              {"mermaid", sinks::Format::kMermaid},
                                                              {"dot", sinks::Format::kDot}};

// Of journeys.
Choices<sinks::Format> journey_formats() {
  Choices<sinks::Format> formats = kTextFormats;
  formats.emplace_back("perfetto", sinks::Format::kPerfetto);
  for (const auto& [name, format] : kReportFormats) {
    if (format) {
      formats.emplace_back(name, *format);
    }
  }
  return formats;
}

void add_common(CLI::App& command, CommonOptions& common,
                const Choices<sinks::Format>& formats = kTextFormats) {
  add_choice<sinks::Format>(
      command, "--format", common.format, formats,
      fmt::format("for people (the default), as the first tracepkt, for programs{}",
                  formats.size() > kTextFormats.size()
                      ? ", for ui.perfetto.dev; the picture of one journey"
                      : ""));
  add_choice<sinks::ColorMode>(command, "--color", common.color,
                               {{"auto", sinks::ColorMode::kAuto},
                                {"always", sinks::ColorMode::kAlways},
                                {"never", sinks::ColorMode::kNever}},
                               "auto (the default): on a terminal, unless NO_COLOR is set");
  command.add_flag("-n", common.numeric, "no names: namespaces by their inode");
}

void add_duration_and_buffer(CLI::App& command, CommonOptions& common) {
  add_number(command, "--duration", common.duration_s, 1e-3, 1e9, "end after this many seconds",
             "S");
  add_value(command, "--buffer", common.buffer_bytes, parse_buffer,
            "room for events between kernel and program (default 16M; with -w or -vv 32M)", "SIZE");
}

void add_writing(CLI::App& command, CommonOptions& common) {
  command
      .add_option("-w", common.write_file,
                  "keep it in a capture file (pcapng); -: the standard output, where nothing else "
                  "is shown then")
      ->check(kNotEmpty)
      ->type_name("FILE");
  add_value(command, "--rotate", common.rotate_bytes, parse_file_size,
            "with -w: another file, FILE_NUMBER_TIME, after so many bytes (64K to 1T)", "SIZE");
  add_number(command, "--files", common.files, std::uint64_t{1}, std::uint64_t{1'000'000},
             "with --rotate: keep the newest N of them (default: all)", "N");
  add_number(command, "--snaplen", common.snaplen, std::size_t{kLeastSnaplen},
             std::size_t{WINDOW_BYTES}, "with -w: so many bytes of a packet at most (default 128)",
             "BYTES");
}

Status check_writing(const CommonOptions& common) {
  if (common.write_file.empty() &&
      (common.rotate_bytes != 0 || common.files != 0 || common.snaplen != WINDOW_BYTES)) {
    return failure("--rotate, --files and --snaplen are of a capture file: give one with -w");
  }
  if (common.files != 0 && common.rotate_bytes == 0) {
    return failure("--files says how many of several files are kept: give --rotate SIZE as well");
  }
  if (common.write_file == "-" && common.rotate_bytes != 0) {
    return failure("--rotate makes several files, and the standard output is one",
                   "name a file: -w FILE");
  }
  return {};
}

// What is read instead of the kernel, and what has a meaning only for that.
CLI::Option* add_reading(CLI::App& command, ReadOptions& options, const std::string& what,
                         const std::string& netns_says = "") {
  CLI::Option* const files = command.add_option(
      "-r", options.files,
      "show a capture file; -: standard input; several times: the files of one capture, in order");
  files->take_all()->allow_extra_args(false)->type_name("FILE");
  command.add_option("--netns", options.netns, "with -r: only " + what + " in it" + netns_says)
      ->type_name("NAME");
  command.add_option("--dev", options.device, "with -r: only " + what + " on it")
      ->type_name("NAME");
  add_value(command, "--since", options.since, parse_moment,
            "with -r: only from then on: 18:15, 2026-11-21T18:15:00, +5m (from the beginning), -5m "
            "(before now)",
            "TIME");
  add_value(command, "--until", options.until, parse_moment, "with -r: only before then", "TIME");
  return files;
}

// Which journeys of what is read.
void add_choosing(CLI::App& command, TraceOptions& options) {
  add_number(command, "--journey", options.journey, std::uint64_t{1}, kMostPackets,
             "with -r: only this one, by its id, and what belongs to it", "N");
  using journey::OutcomeKind;
  add_choice<std::optional<OutcomeKind>>(command, "--outcome", options.outcome,
                                         {{"delivered", OutcomeKind::kDelivered},
                                          {"dropped", OutcomeKind::kDropped},
                                          {"left", OutcomeKind::kLeft},
                                          {"consumed", OutcomeKind::kConsumed},
                                          {"lost", OutcomeKind::kLost}},
                                         "with -r: only packets that ended so");
}

Status check_reading(const ReadOptions& options, const CommonOptions& common, bool chooses) {
  if (!options.files.empty()) {
    if (!common.write_file.empty() || common.duration_s) {
      return failure("-r shows what was traced before: neither -w nor --duration goes with it");
    }
    return {};
  }
  if (chooses || !options.netns.empty() || !options.device.empty() || options.since ||
      options.until) {
    return failure(
        "--journey, --outcome, --netns, --dev, --since, --until and --sort are for a capture file: "
        "give one with -r",
        "live, a FILTER says what to trace");
  }
  return {};
}

Status check_trace(const TraceOptions& options) {
  if (!options.read.files.empty() &&
      (!options.command.empty() || !options.common.output_file.empty())) {
    return failure("-r shows what was traced before: neither -o nor a command goes with it");
  }
  if (!options.common.output_file.empty() &&
      options.common.output_file == options.common.write_file) {
    return failure("-o and -w name the same file: one would destroy the other",
                   "two names: -w today.pcapng -o today.txt");
  }
  if (!options.command.empty() && options.common.write_file == "-") {
    return failure("the standard output is the command's, too: -w - does not go with a command",
                   "-w FILE; or let it write elsewhere: -- sh -c 'COMMAND >FILE'");
  }
  ReadOptions read = options.read;
  if (!options.command.empty()) {
    read.netns.clear();  // where the command runs
  }
  return check_reading(read, options.common,
                       options.outcome || options.journey || options.by_duration);
}

void add_session(CLI::App& command, CommonOptions& common) {
  command.add_flag("-v", common.verbosity,
                   "more stages: the routes looked up (ping: always), firewall chains that let it "
                   "pass, queues; -vv: every kernel function that is given the packet, too");
  add_value(command, "--functions", common.functions, parse_name,
            "-vv, of the functions whose name this matches: 'ip_*'", "GLOB");
  command.add_flag("--rules", common.rules, "which firewall rules matched (nftables, iptables)");
  add_duration_and_buffer(command, common);
  add_writing(command, common);
}

void add_ping(CLI::App& app, PingOptions& options) {
  CLI::App* command =
      app.add_subcommand("ping", "Ping a host and show the way of every packet, there and back");
  command->footer(kPingFooter);
  command->option_defaults()->take_last();
  command->add_option("HOST", options.host, "name or address")->required()->type_name("");
  auto* v4 = command->add_flag_callback(
      "-4", [&options] { options.family = ping::Family::kIpv4; }, "IPv4 only");
  command
      ->add_flag_callback(
          "-6", [&options] { options.family = ping::Family::kIpv6; }, "IPv6 only")
      ->excludes(v4);
  add_number(*command, "-c,--count", options.common.count, std::uint64_t{1}, kMostPackets,
             "send this many (default: until Ctrl-C)", "N");
  add_number(*command, "-i", options.interval_s, 0.001, 3600.0, "seconds between two (default 1)",
             "S");
  add_number(*command, "-s", options.payload_bytes, std::size_t{0}, ping::max_payload(AF_INET6),
             "bytes of payload (default 56)", "BYTES");
  add_number(*command, "-t", options.ttl, 1, 255, "time to live, hop limit", "TTL");
  add_number(*command, "-W", options.wait_s, 0.01, 3600.0,
             "seconds to wait for an answer (default 4)", "S");
  add_value(*command, "-I", options.via, parse_name, "interface, or source address", "IFACE");
  add_number(*command, "-m", options.mark, std::uint32_t{0}, UINT32_MAX,
             "firewall mark of the packets", "MARK");
  add_value(*command, "--netns", options.netns, parse_name,
            "send from there: a name from `ip netns`, a pid, a container, a path, an inode", "NS");
  add_common(*command, options.common, journey_formats());
  add_session(*command, options.common);
}

void add_trace(CLI::App& app, std::vector<std::string>& filter, TraceOptions& options) {
  CLI::App* command =
      app.add_subcommand("trace", "Show the way of every packet that matches a pcap-filter(7)");
  command->footer(kTraceFooter);
  command->option_defaults()->take_last();
  command->add_option("FILTER", filter, "such as: icmp or icmp6; none: every packet")
      ->take_all()
      ->type_name("");
  add_number(*command, "--count", options.common.count, std::uint64_t{1}, kMostPackets,
             "end after this many packets", "N");
  command
      ->add_option("-o,--output", options.common.output_file,
                   "what is shown goes into that file, and not to the standard output")
      ->check(kNotEmpty)
      ->type_name("FILE");
  add_common(*command, options.common, journey_formats());
  add_session(*command, options.common);
  add_reading(*command, options.read, "packets that were", "; with a COMMAND: where that runs");
  add_choosing(*command, options);
  add_choice<bool>(*command, "--sort", options.by_duration, {{"time", false}, {"duration", true}},
                   "with -r: as they ended (the default), or the longest first, 10000 at most");
}

void add_report(CLI::App& app, std::vector<std::string>& filter, ReportOptions& options) {
  CLI::App* command =
      app.add_subcommand("report", "Make a page for the browser, or a picture, of a capture file");
  command->footer(kReportFooter);
  command->option_defaults()->take_last();
  command->add_option("FILTER", filter, "a pcap-filter(7), as for trace; none: every packet")
      ->take_all()
      ->type_name("");
  add_reading(*command, options.reading.read, "packets that were")->required();
  add_choosing(*command, options.reading);
  command
      ->add_option("-o", options.output_file,
                   "write it there; -: the standard output (default: beside what is read)")
      ->check(kNotEmpty)
      ->type_name("FILE");
  add_choice<std::optional<sinks::Format>>(
      *command, "--format", options.picture, kReportFormats,
      "a page of all journeys (the default), or a picture of one");
  command->add_flag("-n", options.reading.common.numeric, "no names: namespaces by their inode");
}

void add_drops(CLI::App& app, std::vector<std::string>& filter, DropsOptions& options) {
  CLI::App* command =
      app.add_subcommand("drops", "Count what is dropped: where, why, of whose packets, how often");
  command->footer(kDropsFooter);
  command->option_defaults()->take_last();
  command->add_option("FILTER", filter, "a pcap-filter(7), as for trace; none: every packet")
      ->take_all()
      ->type_name("");
  add_number(*command, "--count", options.common.count, std::uint64_t{1}, kMostPackets,
             "end after this many drops", "N");
  add_number(*command, "-i", options.interval_s, 0.1, 3600.0,
             "seconds from one refresh to the next (default 1; with -r as it was live)", "S");
  add_common(*command, options.common);
  command->add_flag("-v", options.common.verbosity,
                    "also what was freed as if dropped, though nothing was wrong");
  add_duration_and_buffer(*command, options.common);
  add_writing(*command, options.common);
  add_reading(*command, options.read, "drops");
}

void add_doctor(CLI::App& app, DoctorOptions& options) {
  CLI::App* command = app.add_subcommand(
      "doctor", "Say what this kernel lets tracepkt see, and what to do about the rest");
  add_common(*command, options.common);
}

void add_probes(CLI::App& app, ProbesOptions& options) {
  CLI::App* command =
      app.add_subcommand("probes", "List every hook, what it says, and whether this kernel has it");
  add_common(*command, options.common);
  command->add_flag("--schema", options.schema,
                    "print the JSON Schema of all that --format json prints, instead");
}

template <typename List>
bool contains(const List& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

// `tracepkt help [COMMAND]` is --help; and as the first tracepkt was called: tracepkt HOST, which
// pings once.
std::vector<std::string> expand_short_form(std::vector<std::string> arguments) {
  if (arguments.size() < 2) {
    return arguments;
  }
  if (arguments[1] == "help") {
    arguments.erase(arguments.begin() + 1);
    arguments.emplace_back("--help");
  }
  const std::string& first = arguments[1];
  const bool is_general = first == "--help" || first == "-h" || first == "--version";
  if (!contains(kCommands, first) && !is_general) {
    arguments.insert(arguments.begin() + 1, {"ping", "-c1"});
  }
  return arguments;
}

// Takes `-- COMMAND ARGS...` off, behind trace: what is in there is not ours to read.
Result<std::vector<std::string>> take_command(std::vector<std::string>& arguments) {
  const auto mark = std::ranges::find(arguments, "--");
  if (arguments.size() < 2 || arguments[1] != "trace" || mark == arguments.end()) {
    return {};
  }
  std::vector<std::string> command(mark + 1, arguments.end());
  if (command.empty() || command[0].empty()) {
    return failure("a command is wanted behind --, but nothing was given",
                   "such as: tracepkt trace -- curl -s 10.0.0.2");
  }
  arguments.erase(mark, arguments.end());
  return command;
}

// Of what could not be parsed, the option that there is not, if it was that.
std::optional<Error> unknown_option(const CLI::App& app, const std::string& command) {
  for (const std::string& word : app.remaining(true)) {
    const std::string option = word.substr(0, word.find('='));
    if (!option.starts_with('-') || option.find_first_not_of('-') == std::string::npos) {
      continue;
    }
    return Error{.what = fmt::format("unknown option {}", printable(option)),
                 .hint = fmt::format("tracepkt {} --help shows those that there are", command)};
  }
  return std::nullopt;
}

// A command that there is not: with more behind it, what was taken for a HOST is none.
Error unknown_command(std::string_view taken_for_host) {
  return {.what = fmt::format("there is no command {}; there are {}", printable(taken_for_host),
                              fmt::join(kCommands, ", ")),
          .hint = "a HOST stands alone, or with options; tracepkt --help shows how it is used"};
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
  CLI::App app(
      "Follows packets through the Linux kernel, hop by hop, and says where they went and why.",
      "tracepkt");
  app.set_version_flag("--version", "tracepkt " TRACEPKT_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->column_width(28);

  PingOptions ping_options;
  TraceOptions trace_options;
  ReportOptions report_options;
  DropsOptions drops_options;
  ProbesOptions probes_options;
  DoctorOptions doctor_options;
  std::vector<std::string> filter;
  add_ping(app, ping_options);
  add_trace(app, filter, trace_options);
  add_report(app, filter, report_options);
  add_drops(app, filter, drops_options);
  add_probes(app, probes_options);
  add_doctor(app, doctor_options);
  app.footer(kFooter);  // not before: subcommands inherit it

  if (arguments.size() > 1 && contains(kLaterCommands, arguments[1])) {
    return report({.what = fmt::format("tracepkt {} is not built yet", arguments[1]),
                   .hint = fmt::format("a host of that name: tracepkt ping {}", arguments[1])});
  }
  const std::string first = arguments.size() > 1 ? arguments[1] : "";
  arguments = expand_short_form(std::move(arguments));
  auto traced_command = take_command(arguments);
  if (!traced_command) {
    return report(traced_command.error());
  }
  trace_options.command = *std::move(traced_command);
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
    if (const auto unknown = unknown_option(app, arguments[1])) {
      return report(*unknown);
    }
    const bool is_too_much = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    if (is_too_much && arguments[1] != first) {
      return report(unknown_command(ping_options.host));
    }
    return report({.what = printable(error.what()),
                   .hint = fmt::format("tracepkt {} --help shows how it is used", arguments[1])});
  }
  if (drops_options.common.verbosity > 1) {
    return report({.what = "-vv shows kernel functions on a packet's way: drops follows none",
                   .hint = "tracepkt trace -vv"});
  }
  // Which functions are asked for says that they are.
  for (CommonOptions* common : {&ping_options.common, &trace_options.common}) {
    common->verbosity = common->functions ? 2 : common->verbosity;
  }
  for (const CommonOptions* common :
       {&ping_options.common, &trace_options.common, &drops_options.common}) {
    if (const Status good = check_writing(*common); !good) {
      return report(good.error());
    }
  }
  if (app.got_subcommand("ping")) {
    return run_ping(ping_options);
  }
  if (app.got_subcommand("trace")) {
    if (const Status good = check_trace(trace_options); !good) {
      return report(good.error());
    }
    trace_options.filter = fmt::format("{}", fmt::join(filter, " "));
    return run_trace(trace_options);
  }
  if (app.got_subcommand("report")) {
    report_options.reading.filter = fmt::format("{}", fmt::join(filter, " "));
    return run_report(report_options);
  }
  if (app.got_subcommand("drops")) {
    if (const Status good = check_reading(drops_options.read, drops_options.common, false); !good) {
      return report(good.error());
    }
    drops_options.filter = fmt::format("{}", fmt::join(filter, " "));
    return run_drops(drops_options);
  }
  if (app.got_subcommand("probes")) {
    return run_probes(probes_options);
  }
  return run_doctor(doctor_options);
}

}  // namespace tracepkt::cli
