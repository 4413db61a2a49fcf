// SPDX-License-Identifier: MIT
#include "net/address.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <variant>

namespace {

using uringcorn::net::address_text;
using uringcorn::net::AddressError;
using uringcorn::net::InheritedSocket;
using uringcorn::net::parse_bind;
using uringcorn::net::TcpAddress;
using uringcorn::net::UnixAddress;

void check_tcp(const char* text, const std::string& host, unsigned port) {
  CAPTURE(text);
  const auto address = parse_bind(text);
  const auto* tcp = std::get_if<TcpAddress>(&address);
  REQUIRE(tcp != nullptr);
  CHECK(tcp->host == host);
  CHECK(tcp->port == port);
}

void check_refused(const std::string& text, const char* sentence) {
  CAPTURE(text);
  CHECK_THROWS_WITH_AS(static_cast<void>(parse_bind(text)), sentence, AddressError);
}

TEST_CASE("a bind value names a TCP address, a Unix socket or an inherited descriptor") {
  check_tcp("127.0.0.1:8000", "127.0.0.1", 8000);
  check_tcp("localhost:0", "localhost", 0);
  check_tcp(":65535", "", 65535);
  check_tcp("[::1]:80", "::1", 80);
  check_tcp("[fe80::1%eth0]:80", "fe80::1%eth0", 80);
  CHECK(std::get<UnixAddress>(parse_bind("unix:/run/a.sock")).path == "/run/a.sock");
  CHECK(std::get<UnixAddress>(parse_bind("unix:relative:name")).path == "relative:name");
  CHECK(std::get<InheritedSocket>(parse_bind("fd://3")).fd == 3);
}

TEST_CASE("a bind value that means nothing is refused with a sentence") {
  check_refused("",
                "cannot listen on '': expected HOST:PORT, [IPV6]:PORT, :PORT, unix:PATH or"
                " fd://N");
  check_refused("localhost",
                "cannot listen on 'localhost': expected HOST:PORT, [IPV6]:PORT, :PORT,"
                " unix:PATH or fd://N");
  check_refused("localhost:65536",
                "cannot listen on 'localhost:65536': '65536' is not a port (0 to 65535)");
  check_refused("localhost:-1", "cannot listen on 'localhost:-1': '-1' is not a port (0 to 65535)");
  check_refused("localhost:", "cannot listen on 'localhost:': '' is not a port (0 to 65535)");
  check_refused("a:80 ", "cannot listen on 'a:80 ': '80 ' is not a port (0 to 65535)");
  check_refused("::1:80",
                "cannot listen on '::1:80': an IPv6 address stands in brackets, as in"
                " [::1]:8000");
  check_refused("[::1]", "cannot listen on '[::1]': expected [IPV6]:PORT");
  check_refused("unix:", "cannot listen on 'unix:': the path of the socket is missing");
  for (const char* which : {"", "-1", "3x"}) {
    const std::string place = std::string("fd://") + which;
    const std::string sentence = "cannot listen on '" + place + "': '" + which +
                                 "' is neither the number of a descriptor nor a name";
    check_refused(place.c_str(), sentence.c_str());
  }
  const std::string long_path = "unix:" + std::string(108, 'p');
  const std::string sentence = "cannot listen on '" + long_path +
                               "': the path has 108 bytes, and a Unix socket's has 107 at most";
  check_refused(long_path, sentence.c_str());
}

TEST_CASE("an address is shown as people write it") {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(8000);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(address_text(reinterpret_cast<sockaddr*>(&v4), sizeof v4) == "127.0.0.1:8000");

  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(443);
  v6.sin6_addr = in6addr_loopback;
  CHECK(address_text(reinterpret_cast<sockaddr*>(&v6), sizeof v6) == "[::1]:443");

  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, "/run/a.sock", 12);
  CHECK(address_text(reinterpret_cast<sockaddr*>(&local), sizeof local) == "unix:/run/a.sock");
  CHECK(address_text(reinterpret_cast<sockaddr*>(&local), sizeof(sa_family_t)) == "unix:");
}

}  // namespace
