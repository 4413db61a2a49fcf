// SPDX-License-Identifier: MIT
#include "net/tls/client_hello.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "net/tls/wolfssl.hpp"

namespace uringcorn::net::tls {
namespace {

/// A client's first message has a few hundred bytes, with post-quantum keys two thousand. One that
/// is not whole by then is left to wolfSSL to judge.
constexpr std::size_t k_received_max = 16 * 1024;
constexpr std::size_t k_server_name_max = 255;

// RFC 8446 sections 5.1 and 4: a record's type, version and length; a message's type and length.
constexpr std::size_t k_record_head_bytes = 5;
constexpr std::size_t k_message_head_bytes = 4;
constexpr char k_handshake_record = 22;

std::size_t number_in(std::string_view bytes) noexcept {
  std::size_t number = 0;
  for (const char byte : bytes) {
    number = number << 8 | static_cast<unsigned char>(byte);
  }
  return number;
}

struct Message {
  std::string bytes;
  bool may_go_on;  ///< no other record has come where the next of its records should be
};

/// The first message, put together from its records, or what there is of it.
Message first_message(std::string_view received) {
  std::string message;
  std::size_t size = k_message_head_bytes;
  while (message.size() < size && received.size() >= k_record_head_bytes &&
         received.front() == k_handshake_record) {
    const std::size_t length = number_in(received.substr(3, 2));
    received.remove_prefix(k_record_head_bytes);
    message += received.substr(0, length);
    received.remove_prefix(std::min(length, received.size()));
    if (message.size() >= k_message_head_bytes) {
      size = k_message_head_bytes + number_in(std::string_view(message).substr(1, 3));
    }
  }
  message.resize(std::min(message.size(), size));
  return {std::move(message), received.empty() || received.front() == k_handshake_record};
}

bool is_whole(std::string_view message) noexcept {
  return message.size() >= k_message_head_bytes &&
         message.size() == k_message_head_bytes + number_in(message.substr(1, 3));
}

/// As one record, in which wolfSSL looks for the name.
std::string in_one_record(std::string_view message) {
  std::string record{k_handshake_record, 3, 1};
  record += static_cast<char>(message.size() >> 8);
  record += static_cast<char>(message.size());
  return record.append(message);
}

std::string server_name_in(std::string_view message) {
  const std::string record = in_one_record(message);
  std::array<unsigned char, k_server_name_max> name;
  auto length = static_cast<word32>(name.size());
  if (wolfSSL_SNI_GetFromBuffer(bytes_of(record), static_cast<word32>(record.size()),
                                WOLFSSL_SNI_HOST_NAME, name.data(), &length) != WOLFSSL_SUCCESS) {
    return {};
  }
  std::string text(name.begin(), name.begin() + length);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (text.ends_with('.')) {
    text.pop_back();  // some clients send it, though they should not
  }
  return text;
}

}  // namespace

std::optional<ClientHello> read_client_hello(std::string_view received) {
  const Message message = first_message(received);
  if (is_whole(message.bytes)) {
    return ClientHello{server_name_in(message.bytes)};
  }
  if (message.may_go_on && received.size() < k_received_max) {
    return std::nullopt;
  }
  return ClientHello{};
}

}  // namespace uringcorn::net::tls
