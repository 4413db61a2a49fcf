// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace uringcorn::http {

/// Objects that are not in use, kept with the memory that they have for whoever needs one next. At
/// most `Max` of them; what comes back beyond is freed.
template <class T, std::size_t Max>
class Spare {
 public:
  Spare() { objects_.reserve(Max); }

  /// One of those, or a new one, made of `arguments`.
  template <class... Arguments>
  std::unique_ptr<T> lease(Arguments&&... arguments) {
    if (objects_.empty()) {
      return std::make_unique<T>(std::forward<Arguments>(arguments)...);
    }
    std::unique_ptr<T> object = std::move(objects_.back());
    objects_.pop_back();
    return object;
  }
  void give_back(std::unique_ptr<T> object) noexcept {
    if (objects_.size() < Max) {
      objects_.push_back(std::move(object));
    }
  }

 private:
  std::vector<std::unique_ptr<T>> objects_;
};

}  // namespace uringcorn::http
