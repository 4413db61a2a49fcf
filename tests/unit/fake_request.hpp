// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>
#include <uringcorn/task.hpp>

#include "http/percent.hpp"

namespace uringcorn::tests {

/// Runs a task that never has to wait.
template <class T>
T finish(Task<T> task, CancelScope& scope) {
  RunningTask<T> running(std::move(task), scope);
  REQUIRE(running.done());
  return running.join().await_resume();
}
template <class T>
T finish(Task<T> task) {
  CancelScope scope;
  return finish(std::move(task), scope);
}

/// A request without a connection: what a protocol would know and do.
class FakeRequest final : public detail::RequestChannel, private detail::Arena {
 public:
  FakeRequest(std::string method, std::string target, std::vector<Field> lines = {},
              std::vector<std::string> body = {})
      : method_(std::move(method)),
        target_(std::move(target)),
        lines_(std::move(lines)),
        body_(body.begin(), body.end()),
        path_(target_.substr(0, target_.find('?'))) {
    path_.resize(http::decode_percent(path_, path_.data(), http::PlusSign::literal));
    head_.method = known_method(method_);
    head_.method_name = method_;
    head_.target = target_;
    head_.path = path_;
    const std::string_view target_view(target_);
    head_.query = target_view.substr(std::min(target_view.find('?'), target_view.size() - 1) + 1);
    head_.authority = "shop.example";
    head_.peer_address = "192.0.2.7";
    head_.fields = RequestFields(lines_);
    head_.has_body = !body_.empty();
  }

  detail::RequestHead& head() noexcept { return head_; }
  Request& request() {
    if (!request_) {
      request_ = std::make_unique<Request>(head_, *this);
    }
    return *request_;
  }
  CancelScope& scope() noexcept override { return scope_; }
  void set_text_limit(std::size_t bytes) noexcept { text_limit_ = bytes; }
  void set_body_error(HttpError error) { body_error_ = std::make_unique<HttpError>(error); }

  /// The interim answers that were sent: "103 Link=</a>".
  const std::vector<std::string>& interim() const noexcept { return interim_; }

 private:
  static Method known_method(std::string_view name) {
    constexpr std::string_view names[] = {"GET",    "HEAD",    "POST",    "PUT",  "PATCH",
                                          "DELETE", "OPTIONS", "CONNECT", "TRACE"};
    const auto* const found = std::find(std::begin(names), std::end(names), name);
    return static_cast<Method>(found - std::begin(names));
  }

  Task<std::string_view> read_body() override {
    if (body_.empty()) {
      if (body_error_) {
        throw HttpError(*body_error_);
      }
      co_return std::string_view();
    }
    piece_ = std::move(body_.front());
    body_.pop_front();
    co_return piece_;
  }
  Task<void> send_interim(int status, const Fields& fields) override {
    std::string line = std::to_string(status);
    for (const Field field : fields) {
      line.append(" ").append(field.name).append("=").append(field.value);
    }
    interim_.push_back(std::move(line));
    co_return;
  }
  const Fields& trailers() const noexcept override { return trailers_; }
  Arena& arena() noexcept override { return *this; }
  std::size_t text_limit() const noexcept override { return text_limit_; }
  char* allocate(std::size_t bytes) override {
    // One byte off, because nothing is promised about the alignment.
    arena_.push_back(std::make_unique<char[]>(bytes + 1));
    return arena_.back().get() + 1;
  }

  std::string method_;
  std::string target_;
  std::vector<Field> lines_;
  std::deque<std::string> body_;
  std::string piece_;
  std::string path_;
  std::size_t text_limit_ = 1000;
  std::unique_ptr<HttpError> body_error_;
  std::vector<std::string> interim_;
  Fields trailers_;
  std::vector<std::unique_ptr<char[]>> arena_;
  CancelScope scope_;
  detail::RequestHead head_;
  std::unique_ptr<Request> request_;
};

/// Keeps what is written.
class FakeWriter final : public BodyWriter {
 public:
  Task<void> write(std::string_view bytes) override {
    written.append(bytes);
    writes++;
    co_return;
  }

  std::string written;
  Fields kept;
  int writes = 0;

 private:
  void keep_trailers(Fields fields) override { kept = std::move(fields); }
};

/// All field lines as text: "Name: value\n".
inline std::string to_text(const Fields& fields) {
  std::string text;
  for (const Field field : fields) {
    text.append(field.name).append(": ").append(field.value).append("\n");
  }
  return text;
}

/// The body of an answer, streamed or not.
inline std::string body_of(Response& response) {
  if (!response.streamed()) {
    return std::string(response.body());
  }
  FakeWriter writer;
  finish(response.producer()(writer));
  return writer.written;
}

}  // namespace uringcorn::tests
