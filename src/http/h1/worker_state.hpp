// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/date.hpp"
#include "http/head_limits.hpp"
#include "http/server_context.hpp"
#include "http/spare.hpp"

namespace uringcorn::http::h1 {

class Exchange;

/// What the HTTP/1 connections of one worker share: limits and fields that are the same for all,
/// and the exchanges that are not in use. It is made by the first connection and lives in the
/// ServerContext.
class WorkerState {
 public:
  /// Exchanges kept for reuse; what is given back beyond is freed.
  static constexpr std::size_t k_spare_exchanges_max = 64;

  explicit WorkerState(const settings::Settings& settings);
  ~WorkerState();

  static WorkerState& of(ServerContext& context);

  const HeadLimits& head_limits() const noexcept { return head_limits_; }
  /// "Server: ...\r\n", or nothing.
  std::string_view server_line() const noexcept { return server_line_; }
  DateLine& date_line() noexcept { return date_line_; }

  /// An exchange for a connection that is not idle any more; to be given back when it is.
  std::unique_ptr<Exchange> lease();
  void give_back(std::unique_ptr<Exchange> exchange) noexcept;

 private:
  HeadLimits head_limits_;
  std::string server_line_;
  DateLine date_line_;
  Spare<Exchange, k_spare_exchanges_max> spare_;
};

}  // namespace uringcorn::http::h1
