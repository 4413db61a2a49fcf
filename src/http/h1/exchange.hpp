// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "http/h1/body_reader.hpp"
#include "http/h1/connection.hpp"
#include "http/h1/output.hpp"
#include "http/h1/response_writer.hpp"
#include "observe/scoreboard.hpp"

namespace uringcorn::http::h1 {

/// How a connection goes on after a request.
enum class Outcome : std::uint8_t {
  next_request,
  close,   ///< the client knows that the connection ends, and has nothing more to say
  linger,  ///< it ends by our decision: what the client may still send is read and thrown away
  broken,  ///< nothing more can or need be sent
};

/// One request, from its head to the last byte of its answer: runs the handler, feeds it the body,
/// writes the answer.
class Exchange final : private detail::RequestChannel,
                       private BodyWriter,
                       private net::ReceiveWatcher {
 public:
  /// The workspace's parser holds a complete head, which stands at the front of its input. All
  /// references must outlive the exchange. `may_keep_alive`: another request may follow.
  Exchange(Protocol& protocol, net::Stream& stream, const net::Peer& peer, Workspace& workspace,
           Output& output, CancelScope& connection_scope, bool may_keep_alive);
  ~Exchange();

  /// Everything. The answer may still stand in the output when it returns.
  Task<Outcome> run();

 private:
  /// Cancels the handler when the request has taken too long.
  class Timeout final : public detail::Timer {
   public:
    explicit Timeout(Exchange& exchange) noexcept : exchange_(exchange) {}

   private:
    void on_timer() noexcept override {
      exchange_.timed_out_ = true;
      exchange_.scope_.cancel();
    }
    Exchange& exchange_;
  };

  // The request.
  bool take_head();
  bool split_target(std::string_view path_and_query);
  std::span<const Field> copy_fields(const char* head);

  // The handler.
  Task<void> handle();
  Task<void> answer_with(Response response);
  Task<void> run_producer(Response& response);
  Task<void> let_it_wait();
  void stop_waiting() noexcept;
  void watch_client() noexcept;
  void receive_ready(net::IoStatus status) noexcept override;

  // The answer.
  ResponseFraming frame(int status, std::optional<std::uint64_t> length);
  bool can_keep_alive() const noexcept;
  void refuse(int status, std::string_view sentence);
  void log_failure(const char* what) const;
  void record(const Fields* fields);
  Task<Outcome> finish();
  Task<bool> drain_body();

  // detail::RequestChannel
  Task<std::string_view> read_body() override;
  Task<void> send_interim(int status, const Fields& fields) override;
  detail::Arena& arena() noexcept override { return workspace_.arena; }
  CancelScope& scope() noexcept override { return scope_; }
  std::size_t text_limit() const noexcept override;

  // BodyWriter
  Task<void> write(std::string_view bytes) override;

  Task<void> receive_body();
  [[noreturn]] void fail_body(BodyError error);
  Task<void> flush_for_handler();

  Protocol& protocol_;
  const settings::Settings& settings_;
  net::Stream& stream_;
  const net::Peer& peer_;
  Workspace& workspace_;
  Output& output_;
  CancelScope& connection_scope_;
  CancelScope scope_{connection_scope_};
  Timeout timeout_{*this};
  BodyReader body_;
  detail::RequestHead head_;
  Request request_;
  observe::ScoreboardSlot::RequestToken token_{};
  std::chrono::system_clock::time_point wall_time_;
  Clock::time_point start_;

  ResponseFraming framing_;
  int status_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::optional<std::uint64_t> body_length_;

  bool may_keep_alive_;
  bool expects_continue_;
  bool client_ended_ = false;
  bool client_gone_ = false;
  bool timed_out_ = false;
  bool handler_waits_ = false;
  bool answered_ = false;
  bool broken_off_ = false;
};

}  // namespace uringcorn::http::h1
