// SPDX-License-Identifier: MIT
#include "observe/scoreboard.hpp"

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace uringcorn::observe {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free,
              "fields are shared between processes");
static_assert(k_requests_kept <= 32, "one bit a place");

std::uint64_t monotonic_ms() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

// ---- the worker's side ----

ScoreboardSlot::RequestToken ScoreboardSlot::enter_request(std::string_view method,
                                                           std::string_view target) noexcept {
  store(requests_active_, load(requests_active_) + 1);
  const std::uint32_t taken = load(places_taken_);
  const unsigned place = static_cast<unsigned>(std::countr_one(taken));
  if (place >= k_requests_kept) {
    return RequestToken{k_requests_kept};
  }
  store(places_taken_, taken | (1U << place));

  alignas(8) char text[k_request_line_max];
  std::size_t length = method.copy(text, k_request_line_max - 1);
  text[length++] = ' ';
  length += target.copy(text + length, k_request_line_max - length);

  KeptLine& line = lines_[place];
  for (std::size_t i = 0; i * 8 < length; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, text + i * 8, 8);  // The last word may carry bytes past the line: not read.
    store(line.words[i], word);
  }
  line.length.store(length, std::memory_order_release);
  return RequestToken{place};
}

void ScoreboardSlot::leave_request(RequestToken token) noexcept {
  store(requests_active_, load(requests_active_) - 1);
  store(requests_, load(requests_) + 1);
  const auto place = static_cast<std::uint32_t>(token);
  if (place < k_requests_kept) {
    store(lines_[place].length, std::uint64_t{0});
    store(places_taken_, load(places_taken_) & ~(1U << place));
  }
}

// ---- anybody's side ----

std::string_view ScoreboardSlot::request_line(unsigned index, RequestLine& line) const noexcept {
  const KeptLine& kept = lines_[index];
  const std::size_t length =
      std::min<std::size_t>(kept.length.load(std::memory_order_acquire), line.size());
  for (std::size_t i = 0; i * 8 < length; ++i) {
    const std::uint64_t word = load(kept.words[i]);
    std::memcpy(line.data() + i * 8, &word, 8);
  }
  for (std::size_t i = 0; i < length; ++i) {
    const char byte = line[i];
    if (byte < ' ' || byte > '~' || byte == '"') {
      line[i] = '?';
    }
  }
  return {line.data(), length};
}

void ScoreboardSlot::begin(unsigned number, unsigned generation) noexcept {
  store(number_, number);
  store(generation_, generation);
  store(started_ms_, monotonic_ms());
  store(pid_, pid_t{0});
  store(connections_, 0U);
  store(heartbeat_ms_, std::uint64_t{0});
  store(accepted_, std::uint64_t{0});
  store(requests_, std::uint64_t{0});
  store(requests_active_, 0U);
  store(places_taken_, 0U);
  for (KeptLine& line : lines_) {
    store(line.length, std::uint64_t{0});
  }
  state_.store(WorkerState::booting, std::memory_order_release);
}

// ---- the arbiter's side ----

struct Scoreboard::Shared {
  std::atomic<unsigned> used{0};  ///< slots below this were ever claimed
  std::atomic<bool> shutting_down{false};
  std::array<ScoreboardSlot, k_scoreboard_slots> slots;
};

Scoreboard::Scoreboard() {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "cannot map the scoreboard");
  }
  // The kernel's zero pages are the initial state; writing them would only make them resident.
  shared_ = static_cast<Shared*>(memory);
}

Scoreboard::~Scoreboard() {
  ::munmap(shared_, sizeof(Shared));
}

ScoreboardSlot* Scoreboard::claim(unsigned number, unsigned generation) noexcept {
  for (unsigned i = 0; i < k_scoreboard_slots; ++i) {
    ScoreboardSlot& slot = shared_->slots[i];
    if (slot.state() == WorkerState::empty) {
      slot.begin(number, generation);
      if (i >= shared_->used.load(std::memory_order_relaxed)) {
        shared_->used.store(i + 1, std::memory_order_release);
      }
      return &slot;
    }
  }
  return nullptr;
}

void Scoreboard::release(ScoreboardSlot& slot) noexcept {
  slot.set_state(WorkerState::empty);
}

ScoreboardSlot& Scoreboard::at(std::size_t index) noexcept {
  return shared_->slots[index];
}

void Scoreboard::announce_shutdown() noexcept {
  shared_->shutting_down.store(true, std::memory_order_relaxed);
}

bool Scoreboard::shutting_down() const noexcept {
  return shared_->shutting_down.load(std::memory_order_relaxed);
}

std::span<const ScoreboardSlot> Scoreboard::slots() const noexcept {
  return std::span(shared_->slots).first(shared_->used.load(std::memory_order_acquire));
}

std::uint32_t Scoreboard::fewest_connections(std::uint64_t now_ms,
                                             std::uint64_t silence_max_ms) const noexcept {
  std::uint32_t fewest = k_nobody;
  for (const ScoreboardSlot& slot : slots()) {
    if (slot.state() == WorkerState::ready && slot.heartbeat_ms() + silence_max_ms >= now_ms) {
      fewest = std::min(fewest, slot.connections());
    }
  }
  return fewest;
}

}  // namespace uringcorn::observe
