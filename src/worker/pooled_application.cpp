// SPDX-License-Identifier: MIT
#include "worker/pooled_application.hpp"

#include <utility>

#include "app/pool.hpp"
#include "http/request_access.hpp"
#include "observe/log.hpp"
#include "reactor/across.hpp"
#include "worker/request_bridge.hpp"

namespace uringcorn::worker {
namespace {

constexpr int k_not_implemented = 501;

}  // namespace

Task<Response> PooledApplication::handle(Request& request) {
  const auto bridge = std::make_shared<RequestBridge>(request);
  co_await bridge->read_ahead();
  Held held;
  if (turn_ != nullptr) {
    Turn::Holder turn = co_await turn_->take();
    held = std::make_shared<Turn::Holder>(std::move(turn));
  }
  Response response = co_await answer(*bridge);
  if (response.upgrade() && turn_ != nullptr) {
    co_return refuse_websocket(request);
  }
  if (response.upgrade()) {
    // The WebSocket's handler runs on the reactor, with the request as it is there.
    RequestAccess::set_parameters(request, RequestAccess::parameters(bridge->request()));
  }
  if (response.streamed()) {
    bring_to_strand(response, bridge, std::move(held));
  }
  co_return response;
}

Task<Response> PooledApplication::answer(RequestBridge& bridge) {
  const auto handle = [this, &bridge] { return application_.handle(bridge.request()); };
  try {
    co_return co_await reactor::run_on_pool<Response>(pool_, reactor::Admission::bounded, handle);
  } catch (const reactor::PoolIsFull&) {
    app::throw_overloaded();
  }
}

/// It would hold the one turn of its worker for as long as it is open.
Response PooledApplication::refuse_websocket(const Request& request) {
  observe::log(std::exchange(told_of_websockets_, true) ? LogLevel::debug : LogLevel::warning,
               "{} {} is refused: a worker of the class sync has one request at a time and opens no"
               " WebSockets; take the class async or threads (--worker-class)",
               request.method_name(), request.target());
  return Response::error(k_not_implemented, "This server opens no WebSockets.");
}

/// The producer keeps what it may refer to, and the turn, until the answer is over.
void PooledApplication::bring_to_strand(Response& response, std::shared_ptr<RequestBridge> bridge,
                                        Held held) {
  response.producer() = [this, bridge = std::move(bridge), held = std::move(held),
                         producer = std::move(response.producer())](BodyWriter& writer) mutable {
    return produce(producer, writer);
  };
}

Task<void> PooledApplication::produce(Response::Producer& producer, BodyWriter& writer) {
  BodyBridge bridge(writer);
  co_await reactor::run_on_pool<void>(pool_, reactor::Admission::always,
                                      [&producer, &bridge] { return producer(bridge); });
}

}  // namespace uringcorn::worker
