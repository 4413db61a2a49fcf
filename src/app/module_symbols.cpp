// SPDX-License-Identifier: MIT
#include "app/module_symbols.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/unique_fd.hpp"

namespace uringcorn::app {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);
using Section = ElfW(Shdr);
using Symbol = ElfW(Sym);

/// Of a table of symbols and of their names. Larger ones are not listed.
constexpr std::size_t k_table_bytes_max = 16 << 20;
constexpr unsigned char k_native_class = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

/// A file whose numbers nobody has vouched for.
class ElfFile {
 public:
  explicit ElfFile(const std::string& file) : fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {}

  /// The T at `offset`, if it is within the file.
  template <class T>
  std::optional<T> at(std::uint64_t offset) const {
    T value;
    const bool is_whole = ::pread(fd_.get(), &value, sizeof(T), static_cast<off_t>(offset)) ==
                          static_cast<ssize_t>(sizeof(T));
    return is_whole ? std::optional(value) : std::nullopt;
  }

  /// Nothing if it is no ELF file of this machine's word size.
  std::optional<Header> header() const {
    const auto header = at<Header>(0);
    const bool is_native = header && std::memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
                           header->e_ident[EI_CLASS] == k_native_class;
    return is_native ? header : std::nullopt;
  }

  /// What is in a section; empty if that is not within the file.
  std::string bytes_of(const Section& section) const {
    std::string bytes(section.sh_size <= k_table_bytes_max ? section.sh_size : 0, '\0');
    const ssize_t got =
        ::pread(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(section.sh_offset));
    return got == static_cast<ssize_t>(bytes.size()) ? bytes : std::string();
  }

 private:
  UniqueFd fd_;
};

std::vector<std::string> names_in(std::string_view table, std::string_view strings,
                                  std::string_view prefix) {
  std::vector<std::string> names;
  for (; table.size() >= sizeof(Symbol); table.remove_prefix(sizeof(Symbol))) {
    Symbol symbol;
    std::memcpy(&symbol, table.data(), sizeof(symbol));
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= strings.size()) {
      continue;
    }
    const std::string_view rest = strings.substr(symbol.st_name);
    if (rest.starts_with(prefix)) {
      names.emplace_back(rest.substr(0, rest.find('\0')));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<std::string> defined_symbols(const std::string& file, std::string_view prefix) {
  const ElfFile elf(file);
  const auto header = elf.header();
  if (!header) {
    return {};
  }
  const auto section = [&](std::uint64_t index) {
    return elf.at<Section>(header->e_shoff + index * sizeof(Section));
  };
  for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
    const auto table = section(i);
    if (table && table->sh_type == SHT_DYNSYM) {
      const auto strings = section(table->sh_link);
      return strings ? names_in(elf.bytes_of(*table), elf.bytes_of(*strings), prefix)
                     : std::vector<std::string>();
    }
  }
  return {};
}

bool is_cut_short(const std::string& file) {
  const ElfFile elf(file);
  const auto header = elf.header();
  if (!header) {
    return false;
  }
  for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
    const auto segment = elf.at<Segment>(header->e_phoff + i * sizeof(Segment));
    const bool is_mapped = segment && segment->p_type == PT_LOAD && segment->p_filesz > 0;
    if (!segment || (is_mapped && !elf.at<char>(segment->p_offset + segment->p_filesz - 1))) {
      return true;
    }
  }
  return false;
}

}  // namespace uringcorn::app
