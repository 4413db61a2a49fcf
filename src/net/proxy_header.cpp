// SPDX-License-Identifier: MIT
#include "net/proxy_header.hpp"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

namespace uringcorn::net {
namespace {

using Error = ProxyHeaderError;
using Result = ProxyHeader::Result;

constexpr std::string_view k_v1_start = "PROXY ";
constexpr std::string_view k_v2_signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t k_v2_fixed_size = 16;
constexpr std::size_t k_unix_path_size = 108;

constexpr std::uint8_t k_command_local = 0;
constexpr std::uint8_t k_command_proxy = 1;
constexpr std::uint8_t k_family_ipv4 = 1;
constexpr std::uint8_t k_family_ipv6 = 2;
constexpr std::uint8_t k_family_unix = 3;
constexpr std::uint8_t k_transport_unspecified = 0;
constexpr std::uint8_t k_transport_stream = 1;
constexpr std::uint8_t k_transport_datagram = 2;
constexpr std::uint8_t k_extension_checksum = 3;

ProxyHeader failed(Error error) noexcept {
  return {.result = Result::failed, .error = error};
}

std::uint8_t byte_at(std::string_view bytes, std::size_t index) noexcept {
  return static_cast<std::uint8_t>(bytes[index]);
}

unsigned number_at(std::string_view bytes, std::size_t index) noexcept {
  return byte_at(bytes, index) * 256U + byte_at(bytes, index + 1);
}

/// Whether the bytes that are there agree with `start`.
bool begins_like(std::string_view bytes, std::string_view start) noexcept {
  const std::size_t length = std::min(bytes.size(), start.size());
  return bytes.substr(0, length) == start.substr(0, length);
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  const bool has_leading_zero = text.size() > 1 && text.front() == '0';
  if (error != std::errc() || stop != end || has_leading_zero) {
    return std::nullopt;
  }
  return port;
}

/// Takes the text up to the next single space, or to the end.
std::string_view take_word(std::string_view& line) noexcept {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

/// `text` is an address of the family that the line names. (An IPv4 address mapped into IPv6 counts
/// as IPv4 everywhere else, so the notation tells.)
std::optional<IpAddress> parse_address(std::string_view text, bool is_v6) noexcept {
  const bool looks_like_v6 = text.find(':') != std::string_view::npos;
  return looks_like_v6 == is_v6 ? IpAddress::parse(text) : std::nullopt;
}

/// `line` is what stands between "PROXY " and the CRLF.
ProxyHeader parse_v1_line(std::string_view line, std::size_t size) noexcept {
  const std::string_view protocol = take_word(line);
  ProxyHeader header{.result = Result::complete, .size = size};
  if (protocol == "UNKNOWN") {
    return header;
  }
  const bool is_v6 = protocol == "TCP6";
  if (protocol != "TCP4" && !is_v6) {
    return failed(Error::v1_unknown_protocol);
  }
  const auto source = parse_address(take_word(line), is_v6);
  const auto destination = parse_address(take_word(line), is_v6);
  if (!source || !destination) {
    return failed(Error::v1_bad_addresses);
  }
  const auto source_port = parse_port(take_word(line));
  const auto destination_port = parse_port(line);
  if (!source_port || !destination_port) {
    return failed(Error::v1_bad_ports);
  }
  header.client.emplace(*source, *source_port);
  return header;
}

ProxyHeader parse_v1(std::string_view bytes) noexcept {
  const std::string_view line = bytes.substr(0, ProxyHeader::k_v1_max);
  const std::size_t end = line.find_first_of("\r\n");
  if (end == std::string_view::npos || end + 1 == line.size()) {
    if (line.size() == ProxyHeader::k_v1_max) {
      return failed(Error::v1_too_long);
    }
    return end != std::string_view::npos && line[end] == '\n' ? failed(Error::v1_bad_line_end)
                                                              : ProxyHeader{};
  }
  if (line[end] != '\r' || line[end + 1] != '\n') {
    return failed(Error::v1_bad_line_end);
  }
  return parse_v1_line(line.substr(k_v1_start.size(), end - k_v1_start.size()), end + 2);
}

/// CRC32c (RFC 4960, appendix B) of `header`, with the four bytes at `checksum_at` taken as zeros.
std::uint32_t checksum_of(std::string_view header, std::size_t checksum_at) noexcept {
  constexpr std::uint32_t polynomial = 0x82f63b78;
  std::uint32_t crc = ~0U;
  for (std::size_t i = 0; i < header.size(); ++i) {
    crc ^= i - checksum_at < 4 ? 0U : byte_at(header, i);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0U);
    }
  }
  return ~crc;
}

/// Walks over the extensions, from `at` to the end of the header.
Error check_extensions(std::string_view header, std::size_t at) noexcept {
  constexpr std::size_t k_fixed_size = 3;  // a type and a length
  bool has_checksum = false;
  while (at < header.size()) {
    if (header.size() - at < k_fixed_size) {
      return Error::v2_bad_extension;
    }
    const std::uint8_t type = byte_at(header, at);
    const std::size_t length = number_at(header, at + 1);
    at += k_fixed_size;
    if (length > header.size() - at) {
      return Error::v2_bad_extension;
    }
    if (type == k_extension_checksum) {
      if (length != 4 || std::exchange(has_checksum, true)) {
        return Error::v2_bad_extension;
      }
      const std::uint32_t sent = (number_at(header, at) << 16) | number_at(header, at + 2);
      if (sent != checksum_of(header, at)) {
        return Error::v2_bad_checksum;
      }
    }
    at += length;
  }
  return Error::none;
}

/// The length of the addresses of a header; nothing if they and all else are to be skipped unread.
std::optional<std::size_t> addresses_size(std::uint8_t family, std::uint8_t transport) noexcept {
  if (transport == k_transport_unspecified) {
    return std::nullopt;
  }
  switch (family) {
    case k_family_ipv4:
      return 2 * 4 + 2 * 2;
    case k_family_ipv6:
      return 2 * 16 + 2 * 2;
    case k_family_unix:
      return 2 * k_unix_path_size;
    default:
      return std::nullopt;
  }
}

std::optional<Peer> source_of(std::string_view addresses, std::uint8_t family) noexcept {
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(addresses.data()), addresses.size());
  if (family == k_family_ipv4) {
    return Peer(IpAddress(bytes.first<4>()),
                static_cast<std::uint16_t>(number_at(addresses, std::size_t{2} * 4)));
  }
  if (family == k_family_ipv6) {
    return Peer(IpAddress(bytes.first<16>()),
                static_cast<std::uint16_t>(number_at(addresses, std::size_t{2} * 16)));
  }
  return std::nullopt;
}

/// `header` is the whole header.
ProxyHeader parse_v2_block(std::string_view header) noexcept {
  ProxyHeader result{.result = Result::complete, .size = header.size()};
  if ((byte_at(header, 12) & 0x0f) == k_command_local) {
    return result;
  }
  const std::uint8_t family = byte_at(header, 13) >> 4;
  const std::uint8_t transport = byte_at(header, 13) & 0x0f;
  const auto size = addresses_size(family, transport);
  if (!size) {
    return result;
  }
  if (header.size() - k_v2_fixed_size < *size) {
    return failed(Error::v2_addresses_cut);
  }
  const Error error = check_extensions(header, k_v2_fixed_size + *size);
  if (error != Error::none) {
    return failed(error);
  }
  if (transport == k_transport_stream) {
    result.client = source_of(header.substr(k_v2_fixed_size, *size), family);
  }
  return result;
}

ProxyHeader parse_v2(std::string_view bytes) noexcept {
  if (bytes.size() > 12) {
    if (byte_at(bytes, 12) >> 4 != 2) {
      return failed(Error::v2_unknown_version);
    }
    if ((byte_at(bytes, 12) & 0x0f) > k_command_proxy) {
      return failed(Error::v2_unknown_command);
    }
  }
  if (bytes.size() > 13 && (byte_at(bytes, 12) & 0x0f) == k_command_proxy) {
    if (byte_at(bytes, 13) >> 4 > k_family_unix ||
        (byte_at(bytes, 13) & 0x0f) > k_transport_datagram) {
      return failed(Error::v2_unknown_family);
    }
  }
  if (bytes.size() < k_v2_fixed_size) {
    return {};
  }
  const std::size_t size = k_v2_fixed_size + number_at(bytes, 14);
  if (size > ProxyHeader::k_v2_max) {
    return failed(Error::v2_too_long);
  }
  return bytes.size() < size ? ProxyHeader{} : parse_v2_block(bytes.substr(0, size));
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes, ProxyVersions versions) noexcept {
  const bool may_be_v1 = versions != ProxyVersions::v2 && begins_like(bytes, k_v1_start);
  const bool may_be_v2 = versions != ProxyVersions::v1 && begins_like(bytes, k_v2_signature);
  if (!may_be_v1 && !may_be_v2) {
    return failed(Error::not_a_header);
  }
  if (may_be_v1 && bytes.size() >= k_v1_start.size()) {
    return parse_v1(bytes);
  }
  if (may_be_v2 && bytes.size() >= k_v2_signature.size()) {
    return parse_v2(bytes);
  }
  return {};
}

std::string_view message(ProxyHeaderError error) noexcept {
  switch (error) {
    case Error::none:
      return "the PROXY header is well-formed";
    case Error::not_a_header:
      return "it does not begin with a PROXY header of a version that is allowed";
    case Error::v1_too_long:
      return "the line of its PROXY header is longer than 107 bytes";
    case Error::v1_bad_line_end:
      return "the line of its PROXY header does not end in CR and LF";
    case Error::v1_unknown_protocol:
      return "its PROXY header is for another protocol than TCP4, TCP6 or UNKNOWN";
    case Error::v1_bad_addresses:
      return "its PROXY header does not give two addresses of the family that it names";
    case Error::v1_bad_ports:
      return "its PROXY header does not end in two ports";
    case Error::v2_unknown_version:
      return "its PROXY header is of an unknown version";
    case Error::v2_unknown_command:
      return "its PROXY header has an unknown command";
    case Error::v2_unknown_family:
      return "its PROXY header has an unknown address family or transport";
    case Error::v2_too_long:
      return "its PROXY header is longer than 4096 bytes";
    case Error::v2_addresses_cut:
      return "its PROXY header is too short for the addresses that it announces";
    case Error::v2_bad_extension:
      return "its PROXY header has an extension of an impossible length";
    case Error::v2_bad_checksum:
      return "the checksum of its PROXY header does not match";
  }
  return "";
}

}  // namespace uringcorn::net
