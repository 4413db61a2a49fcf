// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <uringcorn/request.hpp>

#include "http/h2/priority.hpp"
#include "http/head_error.hpp"
#include "http/head_limits.hpp"
#include "http/request_facts.hpp"
#include "http/target.hpp"

namespace uringcorn::http::h2 {

/// Makes a request head of the fields of a HEADERS frame (RFC 9113 section 8.3), by the rules and
/// the limits that HTTP/1 has for the same request: what one refuses, the other refuses for the
/// same reason. An extended CONNECT (RFC 8441) is to it what an Upgrade is in HTTP/1. It keeps what
/// it is given in the request's arena, and no more than the limits allow however much comes.
class HeadBuilder {
 public:
  /// `limits` and `arena` must outlive it. `list_bytes_max` bounds the size that
  /// SETTINGS_MAX_HEADER_LIST_SIZE speaks of.
  HeadBuilder(const HeadLimits& limits, std::size_t list_bytes_max, detail::Arena& arena) noexcept
      : limits_(limits), list_bytes_max_(list_bytes_max), arena_(arena) {}

  /// Makes it ready for another head.
  void reset() noexcept;

  /// The next field, in the order of arrival. After the first error only its size counts.
  void add(std::string_view name, std::string_view value);

  /// All fields have come. Fills `head`, as far as it goes after an error; what is in there lives
  /// as long as the arena's content, the fields until reset(). `ends_stream`: no body follows.
  HeadError finish(detail::RequestHead& head, bool ends_stream);

  /// After finish() without error.
  TargetForm target_form() const noexcept { return form_; }
  const RequestFacts& facts() const noexcept { return facts_; }
  /// What a Priority field asked for.
  const std::optional<Priority>& priority() const noexcept { return priority_; }

  /// The uncompressed size of all that came (RFC 9113 section 6.5.2), whether kept or not.
  std::size_t list_bytes() const noexcept { return list_bytes_; }

 private:
  HeadError take(std::string_view name, std::string_view value);
  HeadError take_pseudo_field(std::string_view name, std::string_view value);
  HeadError take_field(std::string_view name, std::string_view value);
  HeadError take_cookie(std::string_view value);
  HeadError keep(std::string_view name, std::string_view value);
  HeadError check_size() const noexcept;
  HeadError judge(bool ends_stream);
  HeadError judge_target();
  HeadError judge_path(std::string_view target);
  HeadError judge_tunnel();
  HeadError judge_host();
  void join_cookies();
  /// Both texts, one behind the other, in the arena.
  std::string_view copy(std::string_view text, std::string_view more = {});
  void fill(detail::RequestHead& head) const noexcept;

  const HeadLimits& limits_;
  const std::size_t list_bytes_max_;
  detail::Arena& arena_;

  HeadError error_ = HeadError::none;
  RequestFacts facts_;
  std::optional<std::string_view> method_;
  std::optional<std::string_view> scheme_;
  std::optional<std::string_view> authority_;
  std::optional<std::string_view> path_;
  std::optional<std::string_view> protocol_;
  std::optional<Priority> priority_;
  TargetForm form_ = TargetForm::origin;
  std::string_view host_;
  std::vector<Field> fields_;
  std::vector<std::string_view> crumbs_;
  std::size_t cookie_field_ = 0;  // where in fields_ the crumbs belong
  std::size_t cookie_bytes_ = 0;
  std::size_t list_bytes_ = 0;
  std::size_t line_bytes_ = 0;  // of the fields, as HTTP/1 would count them
};

}  // namespace uringcorn::http::h2
