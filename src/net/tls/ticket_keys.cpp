// SPDX-License-Identifier: MIT
#include "net/tls/ticket_keys.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include "net/tls/wolfssl.hpp"

namespace uringcorn::net::tls {
namespace {

/// Changes with the meaning of anything in Shared: two programs that share it have the same.
constexpr std::uint64_t k_layout = 0x7572'6e67'746b'0001;
/// Says "not to be executed" (since Linux 6.3), which some systems demand.
constexpr unsigned k_memfd_noexec_seal = 0x8;
/// A writer is done within a few; more are no use.
constexpr int k_load_tries = 1000;
/// Nobody makes the file shorter under those who read it.
constexpr int k_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void fill_randomly(void* memory, std::size_t bytes) {
  // Of so few bytes none is missing, once the kernel has gathered entropy.
  if (::getrandom(memory, bytes, 0) != static_cast<ssize_t>(bytes)) {
    fail("getrandom");
  }
}

}  // namespace

/// One writes, any number reads. The version is odd while the words change; whoever sees that, or
/// another version after reading than before, reads again.
struct TicketKeys::Shared {
  static constexpr std::size_t k_words = sizeof(Keys) / sizeof(std::uint64_t);

  std::uint64_t layout = k_layout;
  std::int64_t lifetime_s = 0;
  std::atomic<Clock::rep> due{0};  ///< since the clock's epoch, which is the machine's
  std::atomic<std::uint32_t> version{0};
  std::array<std::atomic<std::uint64_t>, k_words> words{};

  /// What is there at the moment, torn if somebody writes.
  Keys keys_now() const noexcept {
    std::array<std::uint64_t, k_words> copy;
    for (std::size_t i = 0; i < copy.size(); ++i) {
      copy[i] = words[i].load(std::memory_order_relaxed);
    }
    Keys keys;
    static_assert(sizeof keys == sizeof copy);
    std::memcpy(&keys, copy.data(), sizeof keys);
    return keys;
  }
};

TicketKeys::TicketKeys(std::chrono::seconds lifetime, UniqueFd handed) : lifetime_(lifetime) {
  if (!take(std::move(handed))) {
    make();
  }
}

TicketKeys::~TicketKeys() {
  ::munmap(shared_, sizeof(Shared));
}

bool TicketKeys::take(UniqueFd handed) {
  struct stat status{};
  if (!handed || ::fstat(handed.get(), &status) != 0 || status.st_size != sizeof(Shared) ||
      (::fcntl(handed.get(), F_GET_SEALS) & k_seals) != k_seals) {
    return false;
  }
  map(handed.get());
  if (shared_->layout != k_layout || shared_->lifetime_s != lifetime_.count()) {
    ::munmap(std::exchange(shared_, nullptr), sizeof(Shared));
    return false;
  }
  file_ = std::move(handed);
  return true;
}

void TicketKeys::make() {
  constexpr const char* k_name = "uringcorn-ticket-keys";
  constexpr unsigned k_flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  file_.reset(::memfd_create(k_name, k_flags | k_memfd_noexec_seal));
  if (!file_ && errno == EINVAL) {
    file_.reset(::memfd_create(k_name, k_flags));
  }
  if (!file_ || ::ftruncate(file_.get(), sizeof(Shared)) != 0 ||
      ::fcntl(file_.get(), F_ADD_SEALS, k_seals) != 0) {
    fail("cannot make the memory of the ticket keys");
  }
  map(file_.get());
  new (shared_) Shared;
  shared_->lifetime_s = lifetime_.count();
  Keys keys;
  fill_randomly(&keys, sizeof keys);
  store(keys);
  shared_->due = (Clock::now() + lifetime_ / 2).time_since_epoch().count();
}

void TicketKeys::map(int fd) {
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    fail("mmap");
  }
  ::madvise(memory, sizeof(Shared), MADV_DONTDUMP);
  shared_ = static_cast<Shared*>(memory);
}

void TicketKeys::rotate_if_due(Clock::time_point now) {
  if (now >= due()) {
    make_key(now);
  }
}

TicketKeys::Clock::time_point TicketKeys::due() const noexcept {
  return Clock::time_point(Clock::duration(shared_->due));
}

void TicketKeys::make_key(Clock::time_point now) {
  // Nobody else writes now. Who did may have been killed at it, and will not end it: what is torn
  // then opens no ticket.
  Keys keys = shared_->keys_now();
  for (std::size_t i = k_keys - 1; i > 0; --i) {
    keys[i] = keys[i - 1];
  }
  fill_randomly(&keys[0], sizeof keys[0]);
  store(keys);
  shared_->due = (now + lifetime_ / 2).time_since_epoch().count();
}

TicketKeys::Keys TicketKeys::load() const noexcept {
  for (int tries = 0; tries < k_load_tries; ++tries) {
    const std::uint32_t before = shared_->version.load(std::memory_order_acquire);
    const Keys keys = shared_->keys_now();
    std::atomic_thread_fence(std::memory_order_acquire);
    if (before % 2 == 0 && shared_->version.load(std::memory_order_relaxed) == before) {
      return keys;
    }
  }
  // Who writes was stopped or killed at it. With what is torn a ticket is as secret as with any
  // other key, and is worth a full handshake at worst.
  return shared_->keys_now();
}

void TicketKeys::store(const Keys& keys) noexcept {
  std::array<std::uint64_t, Shared::k_words> words;
  std::memcpy(words.data(), &keys, sizeof keys);
  const std::uint32_t version = shared_->version.load(std::memory_order_relaxed) & ~1U;
  shared_->version.store(version + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  for (std::size_t i = 0; i < words.size(); ++i) {
    shared_->words[i].store(words[i], std::memory_order_relaxed);
  }
  shared_->version.store(version + 2, std::memory_order_release);
}

int TicketKeys::on_ticket(WOLFSSL*, unsigned char* key_name, unsigned char* iv, unsigned char* mac,
                          int encrypts, unsigned char* ticket, int length, int* new_length,
                          void* keys) {
  const Keys current = static_cast<TicketKeys*>(keys)->load();
  const auto size = static_cast<word32>(length);
  *new_length = length;
  if (encrypts != 0) {
    static_assert(CHACHA20_POLY1305_AEAD_IV_SIZE <= WOLFSSL_TICKET_IV_SZ);
    static_assert(CHACHA20_POLY1305_AEAD_AUTHTAG_SIZE <= WOLFSSL_TICKET_MAC_SZ);
    std::memset(mac, 0, WOLFSSL_TICKET_MAC_SZ);
    std::memcpy(key_name, current[0].name.data(), k_name_bytes);
    if (::getrandom(iv, WOLFSSL_TICKET_IV_SZ, 0) != WOLFSSL_TICKET_IV_SZ) {
      return WOLFSSL_TICKET_RET_FATAL;
    }
    const int result = wc_ChaCha20Poly1305_Encrypt(current[0].secret.data(), iv, key_name,
                                                   k_name_bytes, ticket, size, ticket, mac);
    return result == 0 ? WOLFSSL_TICKET_RET_OK : WOLFSSL_TICKET_RET_FATAL;
  }
  for (const Key& key : current) {
    if (std::memcmp(key.name.data(), key_name, k_name_bytes) == 0) {
      const int result = wc_ChaCha20Poly1305_Decrypt(key.secret.data(), iv, key_name, k_name_bytes,
                                                     ticket, size, mac, ticket);
      const bool is_newest = &key == current.data();
      return result != 0 ? WOLFSSL_TICKET_RET_REJECT
             : is_newest ? WOLFSSL_TICKET_RET_OK
                         : WOLFSSL_TICKET_RET_CREATE;
    }
  }
  return WOLFSSL_TICKET_RET_REJECT;
}

}  // namespace uringcorn::net::tls
