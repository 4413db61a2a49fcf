// SPDX-License-Identifier: MIT
#include "observe/scoreboard.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace {

using uringcorn::observe::k_request_line_max;
using uringcorn::observe::k_requests_kept;
using uringcorn::observe::k_scoreboard_slots;
using uringcorn::observe::monotonic_ms;
using uringcorn::observe::Scoreboard;
using uringcorn::observe::ScoreboardSlot;
using uringcorn::observe::WorkerState;

std::vector<std::string> lines_of(const ScoreboardSlot& slot) {
  std::vector<std::string> lines;
  ScoreboardSlot::RequestLine line;
  for (unsigned i = 0; i < k_requests_kept; ++i) {
    const std::string_view text = slot.request_line(i, line);
    if (!text.empty()) {
      lines.emplace_back(text);
    }
  }
  return lines;
}

TEST_CASE("a claimed slot boots with all counts at zero, whoever used it before") {
  Scoreboard board;
  CHECK(board.slots().empty());
  ScoreboardSlot* slot = board.claim(3, 7);
  REQUIRE(slot != nullptr);
  slot->connection_opened();
  static_cast<void>(slot->enter_request("GET", "/"));
  board.release(*slot);
  CHECK(slot->state() == WorkerState::empty);

  REQUIRE(board.claim(5, 8) == slot);
  CHECK(slot->number() == 5);
  CHECK(slot->generation() == 8);
  CHECK(slot->state() == WorkerState::booting);
  CHECK(slot->connections() == 0);
  CHECK(slot->accepted() == 0);
  CHECK(slot->requests_active() == 0);
  CHECK(lines_of(*slot).empty());
  CHECK(monotonic_ms() - slot->started_ms() < 60'000);
  CHECK(board.slots().size() == 1);
}

TEST_CASE("connections and requests are counted as they come and go") {
  Scoreboard board;
  ScoreboardSlot& slot = *board.claim(0, 1);
  slot.connection_opened();
  slot.connection_opened();
  slot.connection_closed();
  CHECK(slot.connections() == 1);
  CHECK(slot.accepted() == 2);
  const auto first = slot.enter_request("GET", "/a");
  const auto second = slot.enter_request("POST", "/b?c=d");
  CHECK(slot.requests_active() == 2);
  CHECK(slot.requests() == 0);
  CHECK(lines_of(slot) == std::vector<std::string>{"GET /a", "POST /b?c=d"});
  slot.leave_request(first);
  CHECK(slot.requests() == 1);
  CHECK(lines_of(slot) == std::vector<std::string>{"POST /b?c=d"});
  slot.leave_request(second);
  CHECK(slot.requests_active() == 0);
  CHECK(lines_of(slot).empty());
}

TEST_CASE("requests beyond the table are counted without their lines") {
  Scoreboard board;
  ScoreboardSlot& slot = *board.claim(0, 1);
  std::vector<ScoreboardSlot::RequestToken> tokens;
  for (unsigned i = 0; i < k_requests_kept + 5; ++i) {
    tokens.push_back(slot.enter_request("GET", "/" + std::to_string(i)));
  }
  CHECK(slot.requests_active() == k_requests_kept + 5);
  CHECK(lines_of(slot).size() == k_requests_kept);
  for (const auto token : tokens) {
    slot.leave_request(token);
  }
  CHECK(slot.requests_active() == 0);
  CHECK(slot.requests() == k_requests_kept + 5);
  static_cast<void>(slot.enter_request("GET", "/after"));
  CHECK(lines_of(slot) == std::vector<std::string>{"GET /after"});
}

TEST_CASE("a request line is cut to its place, and unprintable bytes are made harmless") {
  Scoreboard board;
  ScoreboardSlot& slot = *board.claim(0, 1);
  static_cast<void>(slot.enter_request("GET", std::string(1000, 'x')));
  static_cast<void>(slot.enter_request(std::string(500, 'M'), "/"));
  static_cast<void>(slot.enter_request("GET", "/a\n\x1b[31m\"\xff\x7f"));
  const std::vector<std::string> lines = lines_of(slot);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "GET " + std::string(k_request_line_max - 4, 'x'));
  CHECK(lines[1] == std::string(k_request_line_max - 1, 'M') + " ");
  CHECK(lines[2] == "GET /a??[31m???");
}

TEST_CASE("a full scoreboard gives no slot, and one again after a release") {
  Scoreboard board;
  ScoreboardSlot* last = nullptr;
  for (unsigned i = 0; i < k_scoreboard_slots; ++i) {
    last = board.claim(i, 1);
    REQUIRE(last != nullptr);
  }
  CHECK(board.claim(0, 2) == nullptr);
  board.release(*last);
  CHECK(board.claim(0, 2) == last);
}

TEST_CASE("the fewest connections are sought among ready workers whose heart beats") {
  Scoreboard board;
  CHECK(board.fewest_connections(10'000, 2'000) == Scoreboard::k_nobody);
  const auto worker = [&board](unsigned connections, WorkerState state, std::uint64_t beat_ms) {
    ScoreboardSlot& slot = *board.claim(0, 1);
    for (unsigned i = 0; i < connections; ++i) {
      slot.connection_opened();
    }
    slot.set_state(state);
    slot.beat(beat_ms);
  };
  worker(1, WorkerState::draining, 10'000);
  worker(2, WorkerState::ready, 7'999);
  worker(5, WorkerState::ready, 8'000);
  worker(9, WorkerState::ready, 10'001);
  CHECK(board.fewest_connections(10'000, 2'000) == 5);
}

TEST_CASE("what a killed worker was doing can still be read") {
  Scoreboard board;
  ScoreboardSlot& slot = *board.claim(1, 1);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    slot.set_pid(::getpid());
    slot.set_state(WorkerState::ready);
    static_cast<void>(slot.enter_request("GET", "/slow"));
    ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(slot.pid() == child);
  CHECK(slot.state() == WorkerState::ready);
  CHECK(lines_of(slot) == std::vector<std::string>{"GET /slow"});
}

}  // namespace
