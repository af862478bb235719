// What the running kernel's own type information (BTF) tells: which tracepoints it has, with how
// many arguments, and the names of its drop reasons, whose numbers differ from kernel to kernel.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/result.h"

struct btf;

namespace tracepkt::kernel {

class KernelBtf {
 public:
  // Fails where the kernel has no BTF (built without CONFIG_DEBUG_INFO_BTF).
  static Result<KernelBtf> load();

  // Arguments of a tracepoint, or -1 where the kernel does not have it.
  int tracepoint_arguments(const std::string& name) const;

  // Does the kernel have a function of this name that BTF knows (so that fentry can be asked for)?
  bool has_function(const std::string& name) const;

  // Its arguments, or -1 where there is none.
  int function_arguments(const std::string& name) const;

  // Drop reasons (5.17 and later) by number, those of the core (enum skb_drop_reason) without their
  // prefix. Of subsystems (6.4 and later; Open vSwitch, wireless, qdiscs), which may be modules,
  // those that are loaded now.
  std::unordered_map<std::uint32_t, std::string> drop_reasons() const;

  // Why TCP sends a reset (enum sk_rst_reason, 6.10 and later), by number, without its prefix.
  std::unordered_map<std::uint32_t, std::string> reset_reasons() const;

  const btf* get() const { return btf_.get(); }

 private:
  struct Free {
    void operator()(btf* kernel_btf) const;
  };
  KernelBtf() = default;

  std::unique_ptr<btf, Free> btf_;
};

}  // namespace tracepkt::kernel
