// SPDX-License-Identifier: MIT
#include <uringcorn/request.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include "http/percent.hpp"
#include "http/request_access.hpp"

namespace uringcorn {
namespace {

constexpr int k_content_too_large = 413;
/// A client may announce a length and send nothing: more than this is not reserved on its word.
constexpr std::uint64_t k_text_reserved_max = 65'536;

/// `text` decoded, in the arena unless it is the same.
std::string_view decode_query(std::string_view text, detail::Arena& arena) {
  if (text.find_first_of("%+") == std::string_view::npos) {
    return text;
  }
  char* const decoded = arena.allocate(text.size());
  return {decoded, http::decode_percent(text, decoded, http::PlusSign::space)};
}

/// Calls `visit(name, value)` for each pair of a query or a form, not decoded.
template <class Visit>
void for_each_pair(std::string_view rest, Visit visit) {
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (!pair.empty()) {
      const std::string_view name = pair.substr(0, pair.find('='));
      visit(name, pair.substr(std::min(name.size() + 1, pair.size())));
    }
  }
}

std::string decode_form(std::string_view text) {
  std::string decoded(text);
  decoded.resize(http::decode_percent(decoded, decoded.data(), http::PlusSign::space));
  return decoded;
}

}  // namespace

HttpError::HttpError(int status, std::string message)
    : status_(status >= 400 && status <= 599 ? status : 500), message_(std::move(message)) {}

Parameter* RequestAccess::allocate_parameters(const Request& request, std::size_t count) {
  std::size_t bytes = count * sizeof(Parameter) + alignof(Parameter) - 1;
  void* place = arena(request).allocate(bytes);
  std::align(alignof(Parameter), count * sizeof(Parameter), place, bytes);
  return std::uninitialized_default_construct_n(static_cast<Parameter*>(place), count) - count;
}

std::span<const Parameter> Request::queries() const {
  if (queries_decoded_ || head_.query.empty()) {
    return queries_;
  }
  const auto ampersands = std::count(head_.query.begin(), head_.query.end(), '&');
  Parameter* const parameters =
      RequestAccess::allocate_parameters(*this, static_cast<std::size_t>(ampersands) + 1);
  std::size_t count = 0;
  for_each_pair(head_.query, [&](std::string_view name, std::string_view value) {
    detail::Arena& arena = channel_.arena();
    parameters[count++] = {decode_query(name, arena), decode_query(value, arena)};
  });
  queries_ = {parameters, count};
  queries_decoded_ = true;
  return queries_;
}

std::optional<std::string_view> Request::query(std::string_view name) const {
  for (const Parameter& parameter : queries()) {
    if (parameter.name == name) {
      return parameter.value;
    }
  }
  return std::nullopt;
}

std::string_view Request::param(std::string_view name) const {
  for (const Parameter& parameter : parameters_) {
    if (parameter.name == name) {
      return parameter.value;
    }
  }
  throw std::out_of_range("the route's pattern has no parameter {" + std::string(name) + "}");
}

Task<std::string> Request::text() {
  const std::size_t limit = channel_.text_limit();
  const std::uint64_t announced = body_.length().value_or(0);
  std::string text;
  if (announced <= limit) {
    text.reserve(static_cast<std::size_t>(std::min(announced, k_text_reserved_max)));
    for (;;) {
      const std::string_view piece = co_await body_.read();
      if (piece.empty()) {
        co_return text;
      }
      if (piece.size() > limit - text.size()) {
        break;
      }
      text.append(piece);
    }
  }
  throw HttpError(k_content_too_large,
                  "The body must not be longer than " + std::to_string(limit) + " bytes.");
}

Task<void> Request::early_hints(Fields fields) {
  constexpr int early_hints_status = 103;
  if (head_.version_major == 1 && head_.version_minor == 0) {
    co_return;
  }
  co_await channel_.send_interim(early_hints_status, fields);
}

std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for_each_pair(text, [&](std::string_view name, std::string_view value) {
    pairs.emplace_back(decode_form(name), decode_form(value));
  });
  return pairs;
}

}  // namespace uringcorn
