// SPDX-License-Identifier: MIT
#include "net/proxy_header.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using uringcorn::net::message;
using uringcorn::net::parse_proxy_header;
using uringcorn::net::ProxyHeader;
using uringcorn::net::ProxyHeaderError;
using uringcorn::net::ProxyVersions;
using Error = ProxyHeaderError;
using Result = ProxyHeader::Result;

const std::string k_signature("\r\n\r\n\0\r\nQUIT\n", 12);
const std::string k_request = "GET / HTTP/1.1\r\n\r\n";

std::string two_bytes(std::size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

/// A header of version 2 with these bytes after its length.
std::string v2(std::uint8_t command, std::uint8_t family, const std::string& block) {
  return k_signature + static_cast<char>(command) + static_cast<char>(family) +
         two_bytes(block.size()) + block;
}

std::string extension(std::uint8_t type, const std::string& value) {
  return static_cast<char>(type) + two_bytes(value.size()) + value;
}

const std::string k_v4_block("\xc0\x00\x02\x07\xc6\x33\x64\x01\xdb\x80\x01\xbb", 12);
const std::string k_v6_block = [] {
  std::string block("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
  block += std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
  return block + "\xdb\x80\x01\xbb";
}();

ProxyHeader parse(std::string_view bytes, ProxyVersions versions = ProxyVersions::any) {
  return parse_proxy_header(bytes, versions);
}

/// Parses all beginnings of `bytes`: they must ask for more until the outcome, and keep to it.
ProxyHeader parse_in_pieces(const std::string& bytes, ProxyVersions versions = ProxyVersions::any) {
  const ProxyHeader whole = parse(bytes, versions);
  bool is_decided = false;
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    CAPTURE(length);
    // Its own memory, so that a sanitizer sees a read past the end.
    const std::vector<char> piece(bytes.begin(), bytes.begin() + static_cast<long>(length));
    const ProxyHeader header = parse({piece.data(), piece.size()}, versions);
    CHECK_FALSE((is_decided && header.result == Result::need_more));
    is_decided = header.result != Result::need_more;
    if (is_decided) {
      CHECK(header.result == whole.result);
      CHECK(header.error == whole.error);
      CHECK(header.size == whole.size);
      CHECK(header.size <= length);
    }
  }
  return whole;
}

void check_client(const std::string& bytes, std::size_t size, std::string_view address,
                  std::uint16_t port) {
  CAPTURE(bytes);
  const ProxyHeader header = parse_in_pieces(bytes);
  REQUIRE(header.result == Result::complete);
  CHECK(header.size == size);
  REQUIRE(header.client.has_value());
  CHECK(header.client->address() == address);
  CHECK(header.client->port() == port);
}

void check_no_client(const std::string& bytes, std::size_t size) {
  CAPTURE(bytes);
  const ProxyHeader header = parse_in_pieces(bytes);
  REQUIRE(header.result == Result::complete);
  CHECK(header.size == size);
  CHECK_FALSE(header.client.has_value());
}

void check_fails(const std::string& bytes, Error error,
                 ProxyVersions versions = ProxyVersions::any) {
  CAPTURE(bytes);
  const ProxyHeader header = parse_in_pieces(bytes, versions);
  CHECK(header.result == Result::failed);
  CHECK(message(header.error) == message(error));
  CHECK_FALSE(header.client.has_value());
}

}  // namespace

TEST_CASE("a PROXY line names the client, and ends where the protocol begins") {
  for (const std::string& rest : {std::string(), k_request}) {
    const std::string v4 = "PROXY TCP4 192.0.2.7 198.51.100.1 56192 443\r\n";
    check_client(v4 + rest, v4.size(), "192.0.2.7", 56192);
    const std::string v6 = "PROXY TCP6 2001:DB8::1 2001:db8::2 0 65535\r\n";
    check_client(v6 + rest, v6.size(), "2001:db8::1", 0);
    const std::string mapped = "PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 1 2\r\n";
    check_client(mapped + rest, mapped.size(), "192.0.2.7", 1);
  }
}

TEST_CASE("the longest PROXY lines are taken") {
  const std::string v6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const std::string addresses = v6 + " " + v6 + " 65535 65535\r\n";
  const std::string tcp6 = "PROXY TCP6 " + addresses;
  REQUIRE(tcp6.size() == 104);
  check_client(tcp6, 104, v6, 65535);
  const std::string unknown = "PROXY UNKNOWN " + addresses;
  REQUIRE(unknown.size() == ProxyHeader::k_v1_max);
  check_no_client(unknown + k_request, unknown.size());
}

TEST_CASE("a PROXY line for UNKNOWN leaves the connection its own peer, whatever else it says") {
  check_no_client("PROXY UNKNOWN\r\n", 15);
  check_no_client("PROXY UNKNOWN \r\n" + k_request, 16);
  check_no_client("PROXY UNKNOWN what ever \x01 192.0.2.7\r\n", 37);
}

TEST_CASE("a PROXY line beyond its bounds fails before its end comes") {
  const std::string start = "PROXY UNKNOWN ";
  const std::string full = start + std::string(ProxyHeader::k_v1_max - start.size() - 2, 'x');
  check_no_client(full + "\r\n", ProxyHeader::k_v1_max);
  check_fails(full + "x\r\n", Error::v1_too_long);
  check_fails(full + "xx", Error::v1_too_long);
  CHECK(parse(full + "x").result == Result::need_more);
}

TEST_CASE("a PROXY line ends in CRLF and in nothing else") {
  for (const std::string end : {"\n", "\n\r", "\r\r\n", "\rx", "\n\n"}) {
    check_fails("PROXY TCP4 192.0.2.7 198.51.100.1 1 2" + end + k_request, Error::v1_bad_line_end);
    check_fails("PROXY UNKNOWN" + end + k_request, Error::v1_bad_line_end);
    check_fails("PROXY UNKNOWN some" + end + "thing\r\n", Error::v1_bad_line_end);
  }
  CHECK(parse("PROXY UNKNOWN\n").error == Error::v1_bad_line_end);
}

TEST_CASE("a PROXY line is what the specification says to the letter") {
  const std::vector<std::pair<std::string, Error>> cases{
      {"TCP", Error::v1_unknown_protocol},
      {"", Error::v1_unknown_protocol},
      {" TCP4 192.0.2.7 198.51.100.1 1 2", Error::v1_unknown_protocol},
      {"tcp4 192.0.2.7 198.51.100.1 1 2", Error::v1_unknown_protocol},
      {"UDP4 192.0.2.7 198.51.100.1 1 2", Error::v1_unknown_protocol},
      {"UNKNOWNS", Error::v1_unknown_protocol},
      {"TCP4", Error::v1_bad_addresses},
      {"TCP4 192.0.2.7", Error::v1_bad_addresses},
      {"TCP4 192.0.2.7 198.51.100.1", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 1", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 1 ", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 1 2 ", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 1 2 3", Error::v1_bad_ports},
      {"TCP4  192.0.2.7 198.51.100.1 1 2", Error::v1_bad_addresses},
      {"TCP4\t192.0.2.7 198.51.100.1 1 2", Error::v1_unknown_protocol},
      {"TCP4 192.0.2.7  198.51.100.1 1 2", Error::v1_bad_addresses},
      {"TCP4 192.0.2.07 198.51.100.1 1 2", Error::v1_bad_addresses},
      {"TCP4 192.0.2.256 198.51.100.1 1 2", Error::v1_bad_addresses},
      {"TCP4 192.0.2 198.51.100.1 1 2", Error::v1_bad_addresses},
      {"TCP4 localhost 198.51.100.1 1 2", Error::v1_bad_addresses},
      {"TCP4 192.0.2.7 nowhere 1 2", Error::v1_bad_addresses},
      {"TCP4 2001:db8::1 2001:db8::2 1 2", Error::v1_bad_addresses},
      {"TCP4 ::ffff:192.0.2.7 ::ffff:192.0.2.8 1 2", Error::v1_bad_addresses},
      {"TCP6 192.0.2.7 198.51.100.1 1 2", Error::v1_bad_addresses},
      {"TCP6 2001:db8::1 198.51.100.1 1 2", Error::v1_bad_addresses},
      {"TCP6 [2001:db8::1] [2001:db8::2] 1 2", Error::v1_bad_addresses},
      {"TCP6 fe80::1%eth0 fe80::2%eth0 1 2", Error::v1_bad_addresses},
      {"TCP4 192.0.2.7 198.51.100.1 65536 2", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 1 65536", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 01 2", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 1 00", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 +1 2", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 -1 2", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 1 2x", Error::v1_bad_ports},
      {"TCP4 192.0.2.7 198.51.100.1 1  2", Error::v1_bad_ports},
  };
  for (const auto& [line, error] : cases) {
    check_fails("PROXY " + line + "\r\n" + k_request, error);
  }
}

TEST_CASE("what is no PROXY header fails at its first byte that shows it") {
  CHECK(parse("").result == Result::need_more);
  CHECK(parse("G").error == Error::not_a_header);
  CHECK(parse("PROXY").result == Result::need_more);
  CHECK(parse("PROXYING").error == Error::not_a_header);
  CHECK(parse("POST").error == Error::not_a_header);
  CHECK(parse("\r\n\r\n").result == Result::need_more);
  CHECK(parse("\r\n\r\nG").error == Error::not_a_header);
  CHECK(parse("\x16\x03\x01").error == Error::not_a_header);
  check_fails(k_request, Error::not_a_header);
  check_fails("proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n", Error::not_a_header);
  check_fails("\r\n" + k_request, Error::not_a_header);
  check_fails(std::string("\r\n\r\n\0\r\nQUIT\r", 12), Error::not_a_header);
}

TEST_CASE("a version that is not allowed is not a header") {
  const std::string line = "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n";
  const std::string block = v2(0x21, 0x11, k_v4_block);
  CHECK(parse(line, ProxyVersions::v1).result == Result::complete);
  CHECK(parse(block, ProxyVersions::v2).result == Result::complete);
  CHECK(parse(line, ProxyVersions::any).result == Result::complete);
  CHECK(parse(block, ProxyVersions::any).result == Result::complete);
  check_fails(line, Error::not_a_header, ProxyVersions::v2);
  check_fails(block, Error::not_a_header, ProxyVersions::v1);
}

TEST_CASE("a binary PROXY header names the client, and ends where the protocol begins") {
  for (const std::string& rest : {std::string(), k_request}) {
    check_client(v2(0x21, 0x11, k_v4_block) + rest, 28, "192.0.2.7", 56192);
    check_client(v2(0x21, 0x21, k_v6_block) + rest, 52, "2001:db8::1", 56192);
  }
  std::string mapped = k_v6_block;
  mapped.replace(0, 16, std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x07", 16));
  check_client(v2(0x21, 0x21, mapped), 52, "192.0.2.7", 56192);
}

TEST_CASE("a proxy that speaks for itself leaves the connection its own peer") {
  check_no_client(v2(0x20, 0x00, "") + k_request, 16);
  // The rest of a LOCAL header is to be discarded, whatever it is.
  check_no_client(v2(0x20, 0x11, k_v4_block) + k_request, 28);
  check_no_client(v2(0x20, 0xff, "what ever"), 25);
}

TEST_CASE("what is no TCP client leaves the connection its own peer") {
  check_no_client(v2(0x21, 0x00, ""), 16);
  check_no_client(v2(0x21, 0x00, "what ever") + k_request, 25);
  check_no_client(v2(0x21, 0x01, k_v4_block), 28);
  check_no_client(v2(0x21, 0x10, k_v4_block), 28);
  check_no_client(v2(0x21, 0x10, "short"), 21);
  check_no_client(v2(0x21, 0x12, k_v4_block), 28);
  check_no_client(v2(0x21, 0x22, k_v6_block), 52);
  const std::string paths(216, '/');
  check_no_client(v2(0x21, 0x31, paths) + k_request, 232);
  check_no_client(v2(0x21, 0x32, paths), 232);
}

TEST_CASE("a binary PROXY header is refused for what it must not be") {
  check_fails(v2(0x11, 0x11, k_v4_block), Error::v2_unknown_version);
  check_fails(v2(0x31, 0x11, k_v4_block), Error::v2_unknown_version);
  check_fails(v2(0x01, 0x11, k_v4_block), Error::v2_unknown_version);
  check_fails(v2(0x22, 0x11, k_v4_block), Error::v2_unknown_command);
  check_fails(v2(0x2f, 0x11, k_v4_block), Error::v2_unknown_command);
  check_fails(v2(0x21, 0x41, k_v4_block), Error::v2_unknown_family);
  check_fails(v2(0x21, 0x13, k_v4_block), Error::v2_unknown_family);
  check_fails(v2(0x21, 0xff, k_v4_block), Error::v2_unknown_family);
  check_fails(v2(0x21, 0x11, k_v4_block.substr(1)), Error::v2_addresses_cut);
  check_fails(v2(0x21, 0x11, ""), Error::v2_addresses_cut);
  check_fails(v2(0x21, 0x21, k_v6_block.substr(1)), Error::v2_addresses_cut);
  check_fails(v2(0x21, 0x31, std::string(215, '/')), Error::v2_addresses_cut);
}

TEST_CASE("a binary PROXY header beyond its bound fails before the rest of it comes") {
  const std::string padding(ProxyHeader::k_v2_max - 16 - k_v4_block.size() - 3, 'p');
  const std::string longest = v2(0x21, 0x11, k_v4_block + extension(4, padding));
  REQUIRE(longest.size() == ProxyHeader::k_v2_max);
  check_client(longest + k_request, ProxyHeader::k_v2_max, "192.0.2.7", 56192);
  const std::string longer = v2(0x21, 0x11, k_v4_block + extension(4, padding + "p"));
  CHECK(parse(longer.substr(0, 15)).result == Result::need_more);
  CHECK(parse(longer.substr(0, 16)).error == Error::v2_too_long);
  CHECK(parse(k_signature + "\x20" + std::string("\0\xff\xff", 3)).error == Error::v2_too_long);
}

TEST_CASE("extensions of a binary PROXY header are skipped, their lengths checked") {
  const std::string tls =
      extension(0x20, std::string("\x07\0\0\0\0", 5) + extension(0x21, "TLSv1.3"));
  const std::string all = extension(1, "h2") + extension(4, "") + tls + extension(0xea, "vpce");
  check_client(v2(0x21, 0x11, k_v4_block + all) + k_request, 28 + all.size(), "192.0.2.7", 56192);
  for (std::size_t length = 1; length < extension(1, "h2").size(); ++length) {
    check_fails(v2(0x21, 0x11, k_v4_block + extension(1, "h2").substr(0, length)),
                Error::v2_bad_extension);
  }
  check_fails(v2(0x21, 0x11, k_v4_block + std::string("\x04\xff\xff", 3) + "short"),
              Error::v2_bad_extension);
  check_fails(v2(0x21, 0x31, std::string(216, '/') + "x"), Error::v2_bad_extension);
}

TEST_CASE("the checksum of a binary PROXY header must match where there is one") {
  // CRC32c of the header with four zeros in the place of the checksum, from another implementation.
  const std::string checksum = extension(3, "\xe7\x9d\x6a\x08");
  const std::string header = v2(0x21, 0x11, k_v4_block + checksum);
  check_client(header + k_request, 35, "192.0.2.7", 56192);
  for (std::size_t byte = 16; byte < 28; ++byte) {
    std::string damaged = header;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 0x10);
    check_fails(damaged, Error::v2_bad_checksum);
  }
  std::string damaged = header;
  damaged.back() ^= 1;
  check_fails(damaged, Error::v2_bad_checksum);
  check_fails(v2(0x21, 0x11, k_v4_block + extension(3, "\x01\x02\x03")), Error::v2_bad_extension);
  check_fails(v2(0x21, 0x11, k_v4_block + extension(3, "")), Error::v2_bad_extension);
  // The first is right, with zeros for the second.
  const std::string twice = extension(3, "\xf2\xab\x17\xb5") + extension(3, std::string(4, '\0'));
  check_fails(v2(0x21, 0x11, k_v4_block + twice), Error::v2_bad_extension);
}
