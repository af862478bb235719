#include "filter/patch.h"

#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>
#include <linux/bpf.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "filter/translate.h"

namespace tracepkt::filter {
namespace {

constexpr int kMove = BPF_ALU | BPF_MOV | BPF_K;

// A whole stub: a branch never taken to the padding, so that the verifier finds no instruction that
// cannot be reached; then the code; then the padding, which the kernel removes as dead code.
Code stub_of(const Code& code, std::size_t size) {
  Code stub;
  stub.reserve(size);
  stub.push_back({kMove, 0, 0, 0});
  stub.push_back({BPF_JMP | BPF_JNE | BPF_K, 0, static_cast<std::int16_t>(code.size()), 0});
  stub.insert(stub.end(), code.begin(), code.end());
  stub.resize(size - 1, {kMove, 0, 0, 0});
  stub.push_back({BPF_JMP | BPF_EXIT, 0, 0, 0});
  return stub;
}

Result<Code> code_of(const std::optional<ClassicProgram>& program) {
  if (!program) {
    return Code{{kMove, 0, 0, FILTER_NO_MATCH}, {BPF_JMP | BPF_EXIT, 0, 0, 0}};
  }
  return translate(*program);
}

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};

// The body of a function, as bytes of the file.
struct Place {
  std::size_t offset;
  std::size_t size;
};

// Nothing if there is no such function. The compiler may have added to a stub, but taken nothing.
Result<std::optional<Place>> find_stub(Elf* elf, std::size_t file_size, std::string_view name) {
  for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr;
       section = elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB) {
      continue;
    }
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr) {
      continue;
    }
    GElf_Sym symbol;
    for (int i = 0; gelf_getsym(data, i, &symbol) != nullptr; ++i) {
      const char* symbol_name = elf_strptr(elf, header.sh_link, symbol.st_name);
      if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol_name == nullptr ||
          symbol_name != name) {
        continue;
      }
      GElf_Shdr holder;
      if (gelf_getshdr(elf_getscn(elf, symbol.st_shndx), &holder) == nullptr ||
          symbol.st_size == 0 || symbol.st_size % sizeof(Insn) != 0 ||
          holder.sh_size < symbol.st_size || symbol.st_value > holder.sh_size - symbol.st_size ||
          holder.sh_offset > file_size || holder.sh_size > file_size - holder.sh_offset) {
        return failure(fmt::format("{} in the BPF object is no filter stub", name));
      }
      return Place{holder.sh_offset + symbol.st_value, symbol.st_size};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<std::byte>> write_filter(std::span<const std::byte> object,
                                            const Filter& filter) {
  std::vector<std::byte> copy(object.begin(), object.end());
  elf_version(EV_CURRENT);
  const std::unique_ptr<Elf, ElfEnd> elf(
      elf_memory(reinterpret_cast<char*>(copy.data()), copy.size()));
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF) {
    return failure("the BPF object is no ELF file");
  }
  struct Variant {
    std::string_view stub;
    const std::optional<ClassicProgram>& program;
  };
  bool found = false;
  for (const Variant& variant :
       {Variant{"filter_l2", filter.l2}, Variant{"filter_l3", filter.l3}}) {
    const auto place = find_stub(elf.get(), copy.size(), variant.stub);
    if (!place) {
      return std::unexpected(place.error());
    }
    if (!*place) {
      continue;
    }
    const auto code = code_of(variant.program);
    if (!code) {
      return std::unexpected(code.error());
    }
    const std::size_t size = (*place)->size / sizeof(Insn);
    if (code->size() + kStubInsns > size) {
      return failure(fmt::format("a filter of {} instructions is too long for a stub of {}",
                                 code->size(), size));
    }
    const Code stub = stub_of(*code, size);
    std::memcpy(copy.data() + (*place)->offset, stub.data(), (*place)->size);
    found = true;
  }
  if (!found) {
    return failure("the BPF object has no filter stub");
  }
  return copy;
}

}  // namespace tracepkt::filter
