// SPDX-License-Identifier: MIT
#include "net/tls/ticket_keys.hpp"

#include <sys/mman.h>
#include <sys/random.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

#include "net/tls/wolfssl.hpp"

namespace uringcorn::net::tls {
namespace {

void fill_randomly(void* memory, std::size_t bytes) {
  // Of so few bytes none is missing, once the kernel has gathered entropy.
  if (::getrandom(memory, bytes, 0) != static_cast<ssize_t>(bytes)) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
}

}  // namespace

/// One writes, any number reads. The version is odd while the words change; whoever sees that, or
/// another version after reading than before, reads again.
struct TicketKeys::Shared {
  static constexpr std::size_t k_words = sizeof(Keys) / sizeof(std::uint64_t);

  std::atomic<std::uint32_t> version{0};
  std::array<std::atomic<std::uint64_t>, k_words> words{};
};

TicketKeys::TicketKeys(std::chrono::seconds lifetime) : lifetime_(lifetime) {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "mmap");
  }
  ::madvise(memory, sizeof(Shared), MADV_DONTDUMP);
  shared_ = new (memory) Shared;
  Keys keys;
  fill_randomly(&keys, sizeof keys);
  store(keys);
  due_ = Clock::now() + lifetime_ / 2;
}

TicketKeys::~TicketKeys() {
  ::munmap(shared_, sizeof(Shared));
}

void TicketKeys::rotate_if_due(Clock::time_point now) {
  if (now >= due_) {
    make_key();
    due_ = now + lifetime_ / 2;
  }
}

void TicketKeys::make_key() {
  Keys keys = load();
  for (std::size_t i = k_keys - 1; i > 0; --i) {
    keys[i] = keys[i - 1];
  }
  fill_randomly(&keys[0], sizeof keys[0]);
  store(keys);
}

TicketKeys::Keys TicketKeys::load() const noexcept {
  std::array<std::uint64_t, Shared::k_words> words;
  for (;;) {
    const std::uint32_t before = shared_->version.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < words.size(); ++i) {
      words[i] = shared_->words[i].load(std::memory_order_relaxed);
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    if (before % 2 == 0 && shared_->version.load(std::memory_order_relaxed) == before) {
      break;
    }
  }
  Keys keys;
  static_assert(sizeof keys == sizeof words);
  std::memcpy(&keys, words.data(), sizeof keys);
  return keys;
}

void TicketKeys::store(const Keys& keys) noexcept {
  std::array<std::uint64_t, Shared::k_words> words;
  std::memcpy(words.data(), &keys, sizeof keys);
  const std::uint32_t version = shared_->version.load(std::memory_order_relaxed);
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
