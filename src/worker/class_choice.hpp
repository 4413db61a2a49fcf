// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace uringcorn::worker {

/// What `--worker-class` can say.
enum class ClassKind : std::uint8_t {
  async,    ///< handlers run on the reactor; what blocks, on threads beside it
  threads,  ///< the reactor does the I/O, handlers run on threads
  sync,     ///< one request at a time, one a connection
  module,   ///< a class of the user's own, in a shared object
};

struct ClassChoice {
  ClassKind kind = ClassKind::async;
  std::string module;  ///< `PATH.so` or `PATH.so:NAME`
};

/// What a value of `--worker-class` means; gunicorn's words are understood. Throws
/// std::invalid_argument with a sentence.
ClassChoice parse_class(const std::string& text);

/// What is wrong with such a value; empty: nothing.
std::string class_complaint(const std::string& text);

/// A word of gunicorn's that should not be used any more: one sentence about it, else nothing.
std::string class_warning(const std::string& text);

}  // namespace uringcorn::worker
