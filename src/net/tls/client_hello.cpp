// SPDX-License-Identifier: MIT
#include "net/tls/client_hello.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

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
constexpr char k_client_hello = 1;
constexpr std::size_t k_version_bytes = 2;
constexpr std::size_t k_random_bytes = 32;
constexpr std::size_t k_server_names = 0;  // the extension, RFC 6066 section 3
constexpr std::size_t k_host_name = 0;     // the only type of name

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

/// Takes a message apart. Past its end there is nothing.
class Parts {
 public:
  explicit Parts(std::string_view bytes) noexcept : rest_(bytes) {}

  bool empty() const noexcept { return rest_.empty(); }
  std::string_view take(std::size_t size) noexcept {
    const std::string_view part = size <= rest_.size() ? rest_.substr(0, size) : std::string_view();
    rest_.remove_prefix(std::min(size, rest_.size()));
    return part;
  }
  std::size_t number(std::size_t size) noexcept { return number_in(take(size)); }
  /// What has its length in front of it, in so many bytes.
  std::string_view vector(std::size_t length_size) noexcept { return take(number(length_size)); }

 private:
  std::string_view rest_;
};

/// The body of an extension, or nothing. RFC 8446 section 4.1.2.
std::string_view extension_in(std::string_view message, std::size_t type) noexcept {
  if (message.front() != k_client_hello) {
    return {};
  }
  Parts hello(message.substr(k_message_head_bytes));
  hello.take(k_version_bytes + k_random_bytes);
  hello.vector(1);  // session
  hello.vector(2);  // cipher suites
  hello.vector(1);  // compression methods
  Parts extensions(hello.vector(2));
  while (!extensions.empty()) {
    const std::size_t one = extensions.number(2);
    const std::string_view body = extensions.vector(2);
    if (one == type) {
      return body;
    }
  }
  return {};
}

/// The first host name of the list in the extension of names.
std::string server_name_in(std::string_view message) {
  Parts names(Parts(extension_in(message, k_server_names)).vector(2));
  while (!names.empty()) {
    const std::size_t type = names.number(1);
    const std::string_view name = names.vector(2);
    if (type == k_host_name && name.size() <= k_server_name_max) {
      std::string text(name);
      std::transform(text.begin(), text.end(), text.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      if (text.ends_with('.')) {
        text.pop_back();  // some clients send it, though they should not
      }
      return text;
    }
  }
  return {};
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
