// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/unique_fd.hpp"

struct WOLFSSL;

namespace uringcorn::net::tls {

/// The keys that encrypt session tickets (RFC 5077; RFC 8446, 4.6.1): in memory that the arbiter
/// makes before it forks, so that a session begun with one worker goes on with any other, also
/// with those of later generations. Tickets are made with the newest key; each key then opens
/// tickets for the lifetime that they have, and is forgotten.
///
/// The memory is a file without a name, which an arbiter hands to the one that comes after it.
/// While both live they share it, so each takes the other's tickets; only one of them may rotate.
class TicketKeys {
 public:
  using Clock = std::chrono::steady_clock;

  /// Goes on with the keys in `handed`, if they are of the same lifetime and of a program that
  /// keeps them as this one does. Otherwise it makes the first key. Throws std::system_error.
  explicit TicketKeys(std::chrono::seconds lifetime, UniqueFd handed = {});
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;
  ~TicketKeys();

  /// For how long a ticket can be used, at least.
  std::chrono::seconds lifetime() const noexcept { return lifetime_; }

  /// By one arbiter alone: makes a new key if it is time for one.
  void rotate_if_due(Clock::time_point now);
  Clock::time_point due() const noexcept;

  /// What to hand over.
  int fd() const noexcept { return file_.get(); }
  /// In a child, which needs only the memory.
  void close_in_child() noexcept { file_.reset(); }

  /// wolfSSL's callback: encrypts or opens a ticket. `keys` is a TicketKeys.
  static int on_ticket(WOLFSSL* connection, unsigned char* key_name, unsigned char* iv,
                       unsigned char* mac, int encrypts, unsigned char* ticket, int length,
                       int* new_length, void* keys);

 private:
  static constexpr std::size_t k_name_bytes = 16;
  static constexpr std::size_t k_key_bytes = 32;
  /// One that makes tickets, and those whose tickets are not too old: a new one comes after each
  /// half of the lifetime.
  static constexpr std::size_t k_keys = 3;

  struct Key {
    std::array<unsigned char, k_name_bytes> name;
    std::array<unsigned char, k_key_bytes> secret;
  };
  using Keys = std::array<Key, k_keys>;
  struct Shared;

  bool take(UniqueFd handed);
  void make();
  void map(int fd);
  Keys load() const noexcept;
  void store(const Keys& keys) noexcept;
  void make_key(Clock::time_point now);

  std::chrono::seconds lifetime_;
  UniqueFd file_;
  Shared* shared_ = nullptr;
};

}  // namespace uringcorn::net::tls
