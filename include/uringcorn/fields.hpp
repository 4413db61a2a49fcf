// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <uringcorn/export.hpp>

namespace uringcorn {

/// One field line (RFC 9110, section 5): the name as it was sent, the value without the white space
/// around it. Views into memory of the owner.
struct Field {
  std::string_view name;
  std::string_view value;
};

/// Whether two field names are the same: ASCII letters compare without regard to case.
URINGCORN_API bool same_field_name(std::string_view a, std::string_view b) noexcept;

/// The field lines of a request, in the order in which they came. A view; valid as long as the
/// request.
class URINGCORN_API RequestFields {
 public:
  RequestFields() noexcept = default;
  explicit RequestFields(std::span<const Field> fields) noexcept : fields_(fields) {}

  /// The value of the first line of that name.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }

  auto begin() const noexcept { return fields_.begin(); }
  auto end() const noexcept { return fields_.end(); }
  std::size_t size() const noexcept { return fields_.size(); }

 private:
  std::span<const Field> fields_;
};

/// Field lines to be sent. Owns its text; a few short lines need no memory from the heap.
/// Every name must be a token and every value free of control characters (HTAB is allowed, RFC 9110
/// 5.5), so that no answer can be split: anything else throws std::invalid_argument.
class URINGCORN_API Fields {
 public:
  Fields() noexcept = default;
  Fields(const Fields& other);
  Fields(Fields&& other) noexcept;
  Fields& operator=(const Fields& other);
  Fields& operator=(Fields&& other) noexcept;
  ~Fields();

  /// Appends a line, also if there is one of that name.
  Fields& add(std::string_view name, std::string_view value);
  /// Replaces all lines of that name by one.
  Fields& set(std::string_view name, std::string_view value);
  void remove(std::string_view name) noexcept;
  /// The value of the first line of that name; valid until the next change.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }
  bool empty() const noexcept { return bytes_ == 0; }

  class Iterator {
   public:
    explicit Iterator(const char* at) noexcept : at_(at) {}
    Field operator*() const noexcept;
    Iterator& operator++() noexcept;
    bool operator==(const Iterator&) const noexcept = default;

   private:
    const char* at_;
  };
  Iterator begin() const noexcept { return Iterator(data()); }
  Iterator end() const noexcept { return Iterator(data() + bytes_); }

 private:
  static constexpr std::size_t k_inline_bytes = 128;

  const char* data() const noexcept { return heap_ ? heap_.get() : inline_; }

  // Lines stand one after the other: the length of the name, that of the value (both uint32_t), the
  // name, the value.
  std::uint32_t bytes_ = 0;
  std::uint32_t heap_bytes_ = 0;
  std::unique_ptr<char[]> heap_;
  char inline_[k_inline_bytes];
};

}  // namespace uringcorn
