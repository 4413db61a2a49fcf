// SPDX-License-Identifier: MIT
#include "net/tls/workbench.hpp"

namespace uringcorn::net::tls {
namespace {

/// Connections hold plaintext for moments only, so that two or three are in use; the others are
/// address space without memory behind it.
constexpr std::uint16_t k_plaintext_buffers = 1024;
/// The most plaintext that one record can hold (RFC 8446, 5.1).
constexpr std::size_t k_record_max = 16 * 1024;
constexpr std::size_t k_page = 4096;

/// A receive may complete a record that all but came before, and bring more behind it.
constexpr std::size_t room_for(std::size_t received_max) noexcept {
  return (k_record_max + received_max + k_page - 1) / k_page * k_page;
}

}  // namespace

Workbench::Workbench(std::size_t received_max)
    : plaintext_(k_plaintext_buffers, room_for(received_max),
                 static_cast<reactor::BufferPool::Owner&>(*this)) {
  free_.reserve(k_plaintext_buffers);
  for (std::uint16_t id = k_plaintext_buffers; id > 0; --id) {
    free_.push_back(static_cast<std::uint16_t>(id - 1));
  }
}

char* Workbench::plaintext_room() noexcept {
  return free_.empty() ? nullptr : plaintext_.data(free_.back());
}

reactor::Buffer Workbench::lend_plaintext(std::size_t length) noexcept {
  const std::uint16_t id = free_.back();
  free_.pop_back();
  return plaintext_.lend(id, length);
}

}  // namespace uringcorn::net::tls
