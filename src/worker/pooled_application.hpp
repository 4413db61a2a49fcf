// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <uringcorn/application.hpp>

#include "coro/thread_pool.hpp"
#include "worker/turn.hpp"

namespace uringcorn::worker {

class RequestBridge;

/// An application whose handlers, and the producers of its answers, run on strands of a pool: what
/// the classes `threads` and `sync` put between the protocols and the application. A request comes
/// to a thread when its body has been received (see RequestBridge), and when there is room in the
/// pool: else it is answered with 503. The handler of a WebSocket runs on the reactor.
class PooledApplication final : public Application {
 public:
  /// With a `turn` one request at a time is handled, until its answer has been produced; and no
  /// WebSocket is opened.
  PooledApplication(Application& application, coro::ThreadPool& pool, Turn* turn) noexcept
      : application_(application), pool_(pool), turn_(turn) {}

  Task<void> startup() override { return application_.startup(); }
  Task<Response> handle(Request& request) override;
  Task<void> shutdown() override { return application_.shutdown(); }

 private:
  using Held = std::shared_ptr<Turn::Holder>;

  Task<Response> answer(RequestBridge& bridge);
  Response refuse_websocket(const Request& request);
  Task<void> produce(Response::Producer& producer, BodyWriter& writer);
  void bring_to_strand(Response& response, std::shared_ptr<RequestBridge> bridge, Held held);

  Application& application_;
  coro::ThreadPool& pool_;
  Turn* turn_;
  bool told_of_websockets_ = false;
};

}  // namespace uringcorn::worker
