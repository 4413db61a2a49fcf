// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
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
/// 5.5), so that no answer can be split: anything else throws std::invalid_argument. All lines
/// together hold at most k_bytes_max bytes: more throws std::length_error. Whatever throws changes
/// nothing.
class URINGCORN_API Fields {
 public:
  static constexpr std::size_t k_bytes_max = 1 << 20;

  Fields() noexcept = default;
  Fields(const Fields& other);
  Fields(Fields&& other) noexcept;
  Fields& operator=(const Fields& other);
  Fields& operator=(Fields&& other) noexcept;
  ~Fields();

  /// Appends a line, also if there is one of that name.
  Fields& add(std::string_view name, std::string_view value);
  /// Replaces all lines of that name by one, which comes last.
  Fields& set(std::string_view name, std::string_view value);
  void remove(std::string_view name) noexcept;
  void clear() noexcept { bytes_ = 0; }
  /// The value of the first line of that name; valid until the next change.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }
  bool empty() const noexcept { return bytes_ == 0; }

  class Iterator {
   public:
    Field operator*() const noexcept {
      const LineHead head = LineHead::at(at_);
      const char* const name = at_ + sizeof(LineHead);
      return {{name, head.name_size}, {name + head.name_size, head.value_size}};
    }
    Iterator& operator++() noexcept {
      at_ += LineHead::at(at_).line_size();
      return *this;
    }
    bool operator==(const Iterator&) const noexcept = default;

   private:
    friend class Fields;
    explicit Iterator(const char* at) noexcept : at_(at) {}

    const char* at_;
  };
  Iterator begin() const noexcept { return Iterator(data()); }
  Iterator end() const noexcept { return Iterator(data() + bytes_); }

 private:
  friend class Response;

  static constexpr std::size_t k_inline_bytes = 128;

  /// Lines stand one after the other, without padding: this, the name, the value.
  struct LineHead {
    std::uint32_t name_size : 31 = 0;
    std::uint32_t removed : 1 = 0;
    std::uint32_t value_size = 0;

    static LineHead at(const char* place) noexcept {
      LineHead head;
      std::memcpy(&head, place, sizeof(head));
      return head;
    }
    std::size_t line_size() const noexcept {
      return sizeof(LineHead) + std::size_t{name_size} + value_size;
    }
  };

  const char* data() const noexcept { return heap_ ? heap_.get() : inline_; }
  char* data() noexcept { return heap_ ? heap_.get() : inline_; }
  /// add() for names and values that are known to be valid.
  void append(std::string_view name, std::string_view value);
  static void write_line(char* place, std::string_view name, std::string_view value) noexcept;
  void mark_removed(const char* line) noexcept;
  void drop_marked() noexcept;

  std::uint32_t bytes_ = 0;
  std::uint32_t heap_bytes_ = 0;
  std::unique_ptr<char[]> heap_;
  char inline_[k_inline_bytes];
};

}  // namespace uringcorn
