// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

namespace uringcorn {

/// What a function gives, made where it is to be instead of moved there:
///
///     std::optional<Large> large;
///     large.emplace(MadeInPlace([&] { return make_large(); }));
template <class F>
class MadeInPlace {
 public:
  explicit MadeInPlace(F make) : make_(std::move(make)) {}
  // Implicit: the conversion is what the class is for.
  operator std::invoke_result_t<F&>() { return make_(); }

 private:
  F make_;
};

}  // namespace uringcorn
