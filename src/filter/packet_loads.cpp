#include "filter/packet_loads.h"

#include "wire/filter.h"

namespace tracepkt::filter {
namespace {

// The one value that X has in nearly every load relative to it: the length of an IPv4 header
// without options. It needs no helper, and unlike a load from a variable place of the stack it is
// allowed on every kernel (that came with 5.12).
constexpr std::int32_t kUsualX = 20;

constexpr int ebpf_size(std::uint32_t bytes) {
  return bytes == 4 ? BPF_W : bytes == 2 ? BPF_H : BPF_B;
}

}  // namespace

void PacketLoads::absolute(const sock_filter& insn, int dst, const Known& known) {
  const std::uint32_t end = load_end(insn);
  if (end == kNowhere) {
    out_.jump(no_match_);
    return;
  }
  if (known.bytes < end) {
    const auto [place, is_new] = too_short_for_.try_emplace(end, Label{});
    if (is_new) {
      place->second = out_.new_label();
    }
    out_.jump64(BPF_JLT, at_.available, static_cast<std::int32_t>(end), place->second);
  }
  if (end <= FILTER_WINDOW) {
    load_window(dst, insn.k, load_size(insn));
    return;
  }
  out_.load(BPF_DW, kTemp, kFrame, kAddressSlot);
  out_.alu64(BPF_ADD, kTemp, static_cast<std::int32_t>(insn.k));
  load_elsewhere(dst, load_size(insn));
}

void PacketLoads::indirect(const sock_filter& insn, int dst, const Known& known) {
  const std::uint32_t end = load_end(insn);
  if (end == kNowhere) {
    out_.jump(no_match_);
    return;
  }
  const bool checked = known.bytes_beyond_x >= end;
  const Label usual = out_.new_label();
  const Label done = out_.new_label();
  const bool usual_is_near = kUsualX + end <= FILTER_WINDOW;
  if (!checked) {
    end_from_x(end);
    out_.jump64_reg(BPF_JGT, kTemp, at_.available, too_short_);
  }
  if (usual_is_near) {
    out_.jump64(BPF_JEQ, at_.x, kUsualX, usual);
  }
  if (checked) {
    end_from_x(end);
  }
  const auto size = load_size(insn);
  out_.load(BPF_DW, 1, kFrame, kAddressSlot);
  out_.alu64_reg(BPF_ADD, kTemp, 1);
  out_.alu64(BPF_ADD, kTemp, -static_cast<std::int32_t>(size));
  load_elsewhere(dst, size);
  if (usual_is_near) {
    out_.jump(done);
    out_.place(usual);
    load_window(dst, kUsualX + insn.k, size);
    out_.place(done);
  }
}

// kTemp = X + end: no 32-bit sum, so that it cannot wrap.
void PacketLoads::end_from_x(std::uint32_t end) {
  out_.alu64_reg(BPF_MOV, kTemp, at_.x);
  out_.alu64(BPF_ADD, kTemp, static_cast<std::int32_t>(end));
}

// In pieces where it is not aligned: from its stack, the kernel gives nothing else.
void PacketLoads::load_window(int dst, std::uint32_t offset, std::uint32_t size) {
  std::uint32_t piece = size;
  while (offset % piece != 0) {
    piece /= 2;
  }
  load_piece(dst, offset, piece);
  for (std::uint32_t done = piece; done < size; done += piece) {
    load_piece(kTemp, offset + done, piece);
    out_.alu32(BPF_LSH, dst, static_cast<std::int32_t>(piece * 8));
    out_.alu32_reg(BPF_OR, dst, kTemp);
  }
}

void PacketLoads::load_piece(int dst, std::uint32_t offset, std::uint32_t size) {
  out_.load(ebpf_size(size), dst, at_.window, static_cast<int>(offset));
  if (size > 1) {
    out_.to_host(dst, static_cast<int>(size * 8));
  }
}

// From the kernel's address in kTemp.
void PacketLoads::load_elsewhere(int dst, std::uint32_t size) {
  out_.alu64_reg(BPF_MOV, 1, kFrame);
  out_.alu64(BPF_ADD, 1, kCopySlot);
  out_.alu32(BPF_MOV, 2, static_cast<std::int32_t>(size));
  out_.call(BPF_FUNC_probe_read_kernel);
  out_.jump64(BPF_JNE, 0, 0, not_linear_);
  out_.load(ebpf_size(size), dst, kFrame, kCopySlot);
  if (size > 1) {
    out_.to_host(dst, static_cast<int>(size * 8));
  }
}

void PacketLoads::length(int dst) {
  if (calls_) {
    out_.load(BPF_DW, dst, kFrame, kLengthSlot);
  } else {
    out_.alu32_reg(BPF_MOV, dst, 2);
  }
}

void PacketLoads::exits() {
  for (const auto& [end, label] : too_short_for_) {
    out_.place(label);
    out_.alu32(BPF_MOV, kTemp, static_cast<std::int32_t>(end));
    out_.jump(too_short_);
  }
  if (out_.used(too_short_)) {  // kTemp: the end of the load
    out_.place(too_short_);
    if (calls_) {
      out_.load(BPF_DW, 2, kFrame, kLengthSlot);
    }
    out_.jump64_reg(BPF_JGT, kTemp, 2, no_match_);
    out_.jump(not_linear_);
  }
}

}  // namespace tracepkt::filter
