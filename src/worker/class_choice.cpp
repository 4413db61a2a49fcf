// SPDX-License-Identifier: MIT
#include "worker/class_choice.hpp"

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace uringcorn::worker {
namespace {

constexpr std::array<std::pair<std::string_view, ClassKind>, 6> k_words{{
    {"async", ClassKind::async},
    {"gevent", ClassKind::async},
    {"eventlet", ClassKind::async},
    {"threads", ClassKind::threads},
    {"gthread", ClassKind::threads},
    {"sync", ClassKind::sync},
}};

bool names_a_file(std::string_view text) noexcept {
  return text.find('/') != std::string_view::npos || text.ends_with(".so") ||
         text.find(".so:") != std::string_view::npos;
}

}  // namespace

ClassChoice parse_class(const std::string& text) {
  for (const auto& [word, kind] : k_words) {
    if (text == word) {
      return {kind, {}};
    }
  }
  if (names_a_file(text)) {
    return {ClassKind::module, text};
  }
  throw std::invalid_argument(fmt::format(
      "there is no worker class `{}`: there are async, threads and sync (gunicorn's gevent, gthread"
      " and sync mean these), and PATH.so for a class of your own",
      text));
}

std::string class_complaint(const std::string& text) {
  try {
    parse_class(text);
    return {};
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

std::string class_warning(const std::string& text) {
  return text == "eventlet" ? "the worker class eventlet is deprecated and means async: say async"
                            : std::string();
}

}  // namespace uringcorn::worker
