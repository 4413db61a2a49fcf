// SPDX-License-Identifier: MIT
#include <uringcorn/fields.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "http/field_rules.hpp"

namespace uringcorn {
namespace {

void validate(std::string_view name, std::string_view value) {
  if (!http::is_token(name)) {
    throw std::invalid_argument("a field name must be a token (letters, digits, hyphens)");
  }
  if (!http::is_field_value(value)) {
    throw std::invalid_argument("the value of the field " + std::string(name) +
                                " has a control character");
  }
}

}  // namespace

bool same_field_name(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && http::to_lower(a[i]) != http::to_lower(b[i])) {
      return false;
    }
  }
  return true;
}

std::optional<std::string_view> RequestFields::get(std::string_view name) const noexcept {
  for (const Field& field : fields_) {
    if (same_field_name(field.name, name)) {
      return field.value;
    }
  }
  return std::nullopt;
}

Fields::Fields(const Fields& other) {
  *this = other;
}

Fields::Fields(Fields&& other) noexcept {
  *this = std::move(other);
}

Fields::~Fields() = default;

Fields& Fields::operator=(const Fields& other) {
  if (this == &other) {
    return *this;
  }
  const std::size_t room = heap_ ? heap_bytes_ : k_inline_bytes;
  if (other.bytes_ > room) {
    heap_ = std::make_unique_for_overwrite<char[]>(other.bytes_);
    heap_bytes_ = other.bytes_;
  }
  std::memcpy(data(), other.data(), other.bytes_);
  bytes_ = other.bytes_;
  return *this;
}

Fields& Fields::operator=(Fields&& other) noexcept {
  if (this == &other) {
    return *this;
  }
  heap_ = std::move(other.heap_);
  heap_bytes_ = std::exchange(other.heap_bytes_, 0);
  bytes_ = std::exchange(other.bytes_, 0);
  if (!heap_) {
    std::memcpy(inline_, other.inline_, bytes_);
  }
  return *this;
}

void Fields::write_line(char* place, std::string_view name, std::string_view value) noexcept {
  LineHead head;
  head.name_size = static_cast<std::uint32_t>(name.size());
  head.value_size = static_cast<std::uint32_t>(value.size());
  std::memcpy(place, &head, sizeof(head));
  place = std::copy(name.begin(), name.end(), place + sizeof(head));
  std::copy(value.begin(), value.end(), place);
}

void Fields::append(std::string_view name, std::string_view value) {
  if (name.size() > k_bytes_max || value.size() > k_bytes_max) {
    throw std::length_error("a field line is too long");
  }
  const std::size_t needed = bytes_ + sizeof(LineHead) + name.size() + value.size();
  if (needed > k_bytes_max) {
    throw std::length_error("the fields are too long together");
  }
  if (needed <= (heap_ ? heap_bytes_ : k_inline_bytes)) {
    write_line(data() + bytes_, name, value);
  } else {
    // `name` or `value` may be part of the old memory, which therefore goes last.
    const std::size_t grown_bytes = needed * 2;
    auto grown = std::make_unique_for_overwrite<char[]>(grown_bytes);
    std::memcpy(grown.get(), data(), bytes_);
    write_line(grown.get() + bytes_, name, value);
    heap_ = std::move(grown);
    heap_bytes_ = static_cast<std::uint32_t>(grown_bytes);
  }
  bytes_ = static_cast<std::uint32_t>(needed);
}

Fields& Fields::add(std::string_view name, std::string_view value) {
  validate(name, value);
  append(name, value);
  return *this;
}

Fields& Fields::set(std::string_view name, std::string_view value) {
  validate(name, value);
  if (!contains(name)) {
    append(name, value);
    return *this;
  }
  // In a copy, so that what throws changes nothing, and a value from these very fields stays.
  Fields changed(*this);
  changed.remove(name);
  changed.append(name, value);
  *this = std::move(changed);
  return *this;
}

void Fields::remove(std::string_view name) noexcept {
  // `name` may be a view of one of these lines: nothing moves before all have been compared.
  bool found = false;
  const Iterator stop = end();
  for (Iterator line = begin(); line != stop; ++line) {
    if (same_field_name((*line).name, name)) {
      mark_removed(line.at_);
      found = true;
    }
  }
  if (found) {
    drop_marked();
  }
}

void Fields::mark_removed(const char* line) noexcept {
  LineHead head = LineHead::at(line);
  head.removed = 1;
  std::memcpy(data() + (line - data()), &head, sizeof(head));
}

void Fields::drop_marked() noexcept {
  char* kept_end = data();
  const char* const stop = data() + bytes_;
  for (const char* line = data(); line != stop;) {
    const LineHead head = LineHead::at(line);
    if (head.removed == 0) {
      std::memmove(kept_end, line, head.line_size());
      kept_end += head.line_size();
    }
    line += head.line_size();
  }
  bytes_ = static_cast<std::uint32_t>(kept_end - data());
}

std::optional<std::string_view> Fields::get(std::string_view name) const noexcept {
  for (const Field field : *this) {
    if (same_field_name(field.name, name)) {
      return field.value;
    }
  }
  return std::nullopt;
}

}  // namespace uringcorn
