// SPDX-License-Identifier: MIT
#include "http/forwarded.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address_list.hpp"
#include "base/unique_fd.hpp"
#include "net/peer.hpp"

namespace {

using uringcorn::AddressList;
using uringcorn::Field;
using uringcorn::IpAddress;
using uringcorn::RequestFields;
using uringcorn::UniqueFd;
using uringcorn::http::apply_forwarded;
using uringcorn::net::Peer;

struct Arena final : uringcorn::detail::Arena {
  char* allocate(std::size_t bytes) override {
    pieces.push_back(std::make_unique<char[]>(bytes));
    return pieces.back().get();
  }
  std::deque<std::unique_ptr<char[]>> pieces;
};

Peer proxy() {
  return {*IpAddress::parse("10.0.0.1"), 4711};
}

/// The outcome as one text: "203.0.113.5:80 https shop.example".
std::string outcome(const std::vector<Field>& fields, std::string_view trusted = "10.0.0.0/8",
                    const Peer& peer = proxy(), bool is_tls = false) {
  AddressList list;
  REQUIRE(list.add(trusted).empty());
  Arena arena;
  uringcorn::detail::RequestHead head;
  head.peer_address = peer.address();
  head.peer_port = peer.port();
  head.https = is_tls;
  head.authority = "inside";
  head.fields = RequestFields(fields);
  apply_forwarded(head, peer, list, arena);
  return std::string(head.peer_address) + " " + std::to_string(head.peer_port) +
         (head.https ? " https " : " http ") + std::string(head.authority);
}

std::string with_for(std::string_view value) {
  return outcome({{"X-Forwarded-For", value}});
}
std::string with_forwarded(std::string_view value) {
  return outcome({{"Forwarded", value}});
}

const std::string k_untouched = "10.0.0.1 4711 http inside";

}  // namespace

TEST_CASE("a request without forwarding fields is its connection's") {
  CHECK(outcome({}) == k_untouched);
  CHECK(outcome({{"Host", "inside"}, {"X-Real-IP", "203.0.113.5"}, {"X-Forwarded-", "x"}}) ==
        k_untouched);
  CHECK(outcome({{"X_Forwarded_For", "203.0.113.5"}, {"X-Forwarded-Fox", "203.0.113.5"}}) ==
        k_untouched);
}

TEST_CASE("forwarding fields of a peer that is not trusted are ignored") {
  const std::vector<Field> fields{{"X-Forwarded-For", "203.0.113.5"},
                                  {"X-Forwarded-Proto", "https"},
                                  {"X-Forwarded-Host", "shop.example"}};
  const std::vector<Field> rfc{{"Forwarded", "for=203.0.113.5;proto=https;host=shop.example"}};
  CHECK(outcome(fields) == "203.0.113.5 0 https shop.example");
  CHECK(outcome(rfc) == "203.0.113.5 0 https shop.example");
  for (const std::string_view trusted : {"", "127.0.0.1,::1", "10.0.0.2", "::/0"}) {
    CAPTURE(trusted);
    CHECK(outcome(fields, trusted) == k_untouched);
    CHECK(outcome(rfc, trusted) == k_untouched);
  }
  CHECK(outcome(fields, "*", Peer()) == " 0 http inside");
}

TEST_CASE("a proxy on a unix socket is trusted, whatever the list") {
  sockaddr_storage address{};
  address.ss_family = AF_UNIX;
  const Peer peer = Peer::of(address);
  CHECK(outcome({{"X-Forwarded-For", "203.0.113.5"}}, "", peer) == "203.0.113.5 0 http inside");
}

TEST_CASE("X-Forwarded-For is read from the right, over trusted hops") {
  CHECK(with_for("203.0.113.5") == "203.0.113.5 0 http inside");
  CHECK(with_for("198.51.100.9, 203.0.113.5") == "203.0.113.5 0 http inside");
  CHECK(with_for("198.51.100.9, 203.0.113.5, 10.0.0.2") == "203.0.113.5 0 http inside");
  CHECK(with_for("198.51.100.9,203.0.113.5,10.0.0.3\t,\t 10.0.0.2") == "203.0.113.5 0 http inside");
  CHECK(with_for("10.0.0.4, 10.0.0.3, 10.0.0.2") == "10.0.0.4 0 http inside");
  CHECK(outcome({{"X-Forwarded-For", "198.51.100.9, 203.0.113.5"}}, "*") ==
        "198.51.100.9 0 http inside");
}

TEST_CASE("several lines are one list") {
  CHECK(outcome({{"X-Forwarded-For", "198.51.100.9, 203.0.113.5"},
                 {"Accept", "*/*"},
                 {"x-forwarded-for", "10.0.0.3,10.0.0.2"}}) == "203.0.113.5 0 http inside");
  CHECK(outcome({{"Forwarded", "for=198.51.100.9, for=203.0.113.5;proto=https"},
                 {"Accept", "*/*"},
                 {"FORWARDED", "for=10.0.0.3,for=10.0.0.2"}}) == "203.0.113.5 0 https inside");
}

TEST_CASE("X-Forwarded-For may have ports, and IPv6 with or without brackets") {
  CHECK(with_for("203.0.113.5:5678") == "203.0.113.5 5678 http inside");
  CHECK(with_for("[2001:db8::5]:5678") == "2001:db8::5 5678 http inside");
  CHECK(with_for("[2001:db8::5]") == "2001:db8::5 0 http inside");
  CHECK(with_for("2001:db8::5") == "2001:db8::5 0 http inside");
  CHECK(with_for("203.0.113.5, 10.0.0.2:99") == "203.0.113.5 0 http inside");
}

TEST_CASE("the client's address is in its canonical text") {
  CHECK(with_for("2001:DB8:0:0::5") == "2001:db8::5 0 http inside");
  CHECK(with_for("::ffff:203.0.113.5") == "203.0.113.5 0 http inside");
  CHECK(with_for("203.0.113.5, ::ffff:10.0.0.2") == "203.0.113.5 0 http inside");
}

TEST_CASE("what is no address ends the walk at the hop before") {
  for (const std::string_view bad : {"",
                                     " ",
                                     "unknown",
                                     "_hidden",
                                     "localhost",
                                     "203.0.113",
                                     "203.0.113.05",
                                     "203.0.113.5:",
                                     "203.0.113.5:65536",
                                     "203.0.113.5:x",
                                     "203.0.113.5 x",
                                     "[203.0.113.5]",
                                     "[2001:db8::5",
                                     "2001:db8::5]",
                                     "[2001:db8::5]x",
                                     "[2001:db8::5]x80",
                                     "203.0.113.5:_a b",
                                     "[2001:db8::5]:",
                                     "[]",
                                     ":80",
                                     "for=203.0.113.5",
                                     "\"203.0.113.5\"",
                                     "203.0.113.5;198.51.100.9",
                                     "fe80::1%eth0"}) {
    CAPTURE(bad);
    const std::string element(bad);
    CHECK(with_for(element) == k_untouched);
    CHECK(with_for("198.51.100.9, " + element) == k_untouched);
    CHECK(with_for("198.51.100.9, " + element + ", 10.0.0.2") == "10.0.0.2 0 http inside");
    CHECK(with_for(element + ", 203.0.113.5, 10.0.0.2") == "203.0.113.5 0 http inside");
  }
}

TEST_CASE("X-Forwarded-Proto sets the scheme, if it is one of ours") {
  const auto with_proto = [](std::string_view value, bool is_tls = false) {
    return outcome({{"X-Forwarded-Proto", value}}, "10.0.0.0/8", proxy(), is_tls);
  };
  for (const std::string_view value : {"https", "HTTPS", "wss", "http, https", ",https"}) {
    CHECK(with_proto(value) == "10.0.0.1 4711 https inside");
  }
  for (const std::string_view value : {"http", "ws", "https, http"}) {
    CHECK(with_proto(value, true) == "10.0.0.1 4711 http inside");
  }
  for (const std::string_view value : {"", "ftp", "https,", "\"https\"", "https http", "on"}) {
    CHECK(with_proto(value) == "10.0.0.1 4711 http inside");
    CHECK(with_proto(value, true) == "10.0.0.1 4711 https inside");
  }
}

TEST_CASE("X-Forwarded-Host sets the authority, if it is one") {
  const auto with_host = [](std::string_view value) {
    return outcome({{"X-Forwarded-Host", value}});
  };
  CHECK(with_host("shop.example") == "10.0.0.1 4711 http shop.example");
  CHECK(with_host("shop.example:8443") == "10.0.0.1 4711 http shop.example:8443");
  CHECK(with_host("[2001:db8::1]:80") == "10.0.0.1 4711 http [2001:db8::1]:80");
  CHECK(with_host("evil.example, shop.example") == "10.0.0.1 4711 http shop.example");
  for (const std::string_view bad : {"", "a b", "a/b", "a:b", "user@host", "host:65536", "a,"}) {
    CAPTURE(bad);
    CHECK(with_host(bad) == k_untouched);
  }
}

TEST_CASE("scheme and host are taken as far from the right as the client") {
  const auto all = [](std::string_view addresses, std::string_view schemes,
                      std::string_view hosts) {
    return outcome({{"X-Forwarded-For", addresses},
                    {"X-Forwarded-Proto", schemes},
                    {"X-Forwarded-Host", hosts}});
  };
  // The client cannot put itself before what the proxy adds.
  CHECK(all("198.51.100.9, 203.0.113.5", "https, http", "evil.example, shop.example") ==
        "203.0.113.5 0 http shop.example");
  // Two proxies that add, the client's own in front of it.
  CHECK(all("198.51.100.9, 203.0.113.5, 10.0.0.2", "ftp, https, http",
            "evil.example, shop.example, inner") == "203.0.113.5 0 https shop.example");
  // Two proxies, of which only the first says so, or the second replaces what the first said.
  CHECK(all("203.0.113.5, 10.0.0.2", "https", "shop.example") ==
        "203.0.113.5 0 https shop.example");
  // The walk ended early.
  CHECK(all("203.0.113.5, unknown, 10.0.0.2", "a, b, https", "a.example, b.example, c.example") ==
        "10.0.0.2 0 https c.example");
  CHECK(all("unknown", "http, https", "a.example, b.example") == "10.0.0.1 4711 https b.example");
}

TEST_CASE("Forwarded is read from the right, over trusted hops") {
  CHECK(with_forwarded("for=203.0.113.5") == "203.0.113.5 0 http inside");
  CHECK(with_forwarded("For=\"203.0.113.5\"") == "203.0.113.5 0 http inside");
  CHECK(with_forwarded("for=198.51.100.9, for=203.0.113.5, for=10.0.0.2") ==
        "203.0.113.5 0 http inside");
  CHECK(with_forwarded("for=198.51.100.9,for=203.0.113.5,for=10.0.0.2") ==
        "203.0.113.5 0 http inside");
  CHECK(with_forwarded("for=\"[2001:db8::5]:4711\"") == "2001:db8::5 4711 http inside");
  CHECK(with_forwarded("for=\"[2001:DB8::5]\"") == "2001:db8::5 0 http inside");
  CHECK(with_forwarded("for=\"203.0.113.5:_obfuscated\"") == "203.0.113.5 0 http inside");
  CHECK(with_forwarded("proto=https;by=\"_x;y,z\";for=203.0.113.5;host=shop.example") ==
        "203.0.113.5 0 https shop.example");
  CHECK(with_forwarded("FOR=203.0.113.5;PROTO=HTTPS;HOST=\"shop.example:8443\"") ==
        "203.0.113.5 0 https shop.example:8443");
  CHECK(with_forwarded(" ;for=203.0.113.5 ; proto=https; ") == "203.0.113.5 0 https inside");
}

TEST_CASE("brackets and colons of Forwarded may stand outside quotes") {
  CHECK(with_forwarded("for=[2001:db8::5]:80;host=shop.example:81") ==
        "2001:db8::5 80 http shop.example:81");
  CHECK(with_forwarded("for=2001:db8::5") == "2001:db8::5 0 http inside");
}

TEST_CASE("each hop of Forwarded speaks of the request as it came to it") {
  CHECK(with_forwarded("for=203.0.113.5;proto=https;host=shop.example, "
                       "for=10.0.0.2;proto=http;host=inner") == "203.0.113.5 0 https shop.example");
  CHECK(with_forwarded("for=203.0.113.5, for=10.0.0.2;proto=https;host=inner") ==
        "203.0.113.5 0 https inner");
  // What stands before the client's own hop is the client's invention.
  CHECK(with_forwarded("for=198.51.100.9;proto=https;host=evil.example, for=203.0.113.5") ==
        "203.0.113.5 0 http inside");
}

TEST_CASE("quoted pairs in Forwarded are undone") {
  CHECK(with_forwarded(R"(for="203\.0.113.5";host="\s\hop.example")") ==
        "203.0.113.5 0 http shop.example");
  CHECK(with_forwarded(R"(secret="a\"b\\",for=203.0.113.5)") == "203.0.113.5 0 http inside");
  CHECK(with_forwarded(R"(for=203.0.113.5;secret="a\",for=\"198.51.100.9\\")") ==
        "203.0.113.5 0 http inside");
  CHECK(with_forwarded(R"(for=203.0.113.5, for=10.0.0.2;by="\\\"")") ==
        "203.0.113.5 0 http inside");
}

TEST_CASE("an element of Forwarded without an address ends the walk, but tells of the request") {
  for (const std::string_view element :
       {"proto=https", "for=unknown;proto=https", "for=_hidden;proto=https", "for=\"\";proto=https",
        "for=shop.example;proto=https", "for=\"203.0.113.5:99999\";proto=https"}) {
    CAPTURE(element);
    CHECK(with_forwarded("for=198.51.100.9, " + std::string(element)) ==
          "10.0.0.1 4711 https inside");
  }
  CHECK(with_forwarded("for=198.51.100.9, ") == k_untouched);
  CHECK(with_forwarded("for=203.0.113.5;proto=ftp;host=\"a b\"") == "203.0.113.5 0 http inside");
}

TEST_CASE("a malformed element of Forwarded ends the walk and tells nothing") {
  for (const std::string_view bad : {"x",
                                     "=",
                                     "for",
                                     "for=",
                                     "=x",
                                     "for =203.0.113.5",
                                     "for= 203.0.113.5",
                                     "for=203.0.113.5 proto=https",
                                     "for=203.0.113.5;for=198.51.100.9",
                                     "for=\"203.0.113.5",
                                     "for=203.0.113.5\"",
                                     "for=\"203.0.113.5\\\"",
                                     "for=203.0.113.5;;x",
                                     "for==203.0.113.5",
                                     "for=203.0.113.5;proto=https;proto=http",
                                     "for='203.0.113.5",
                                     "for=\"a\"b\"",
                                     "for=203.0.113.5;\"x\"",
                                     "for=@203.0.113.5",
                                     "\"",
                                     "\\\"",
                                     "\\",
                                     "\"\"",
                                     "a\"\"",
                                     "proto=https;for=\"203.0.113.5\\\"",
                                     "proto=https;=x",
                                     "proto=https;by="}) {
    CAPTURE(bad);
    const std::string element(bad);
    CHECK(with_forwarded("for=198.51.100.9;proto=https, " + element) == k_untouched);
    CHECK(with_forwarded(element + ", for=203.0.113.5, for=10.0.0.2") ==
          "203.0.113.5 0 http inside");
  }
}

TEST_CASE("a client cannot hide what its proxy adds behind an open quote") {
  CHECK(with_forwarded("for=\"198.51.100.9, for=203.0.113.5") == "203.0.113.5 0 http inside");
  CHECK(with_forwarded("for=\"\\, for=\"203.0.113.5\"") == "203.0.113.5 0 http inside");
  CHECK(outcome({{"Forwarded", "for=\"198.51.100.9"}, {"Forwarded", "for=203.0.113.5"}}) ==
        "203.0.113.5 0 http inside");
}

TEST_CASE("Forwarded counts only where there is no X-Forwarded field") {
  const Field forwarded{"Forwarded", "for=198.51.100.9;proto=https;host=evil.example"};
  CHECK(outcome({{"X-Forwarded-For", "203.0.113.5"}, forwarded}) == "203.0.113.5 0 http inside");
  CHECK(outcome({forwarded, {"X-Forwarded-Proto", "http"}}) == k_untouched);
  CHECK(outcome({forwarded, {"X-Forwarded-Host", "shop.example"}}) ==
        "10.0.0.1 4711 http shop.example");
  CHECK(outcome({forwarded, {"X-Forwarded-For", "unknown"}}) == k_untouched);
}

TEST_CASE("long lists are walked without trouble") {
  std::string addresses = "203.0.113.5";
  std::string elements = "for=203.0.113.5";
  for (int i = 0; i < 20'000; ++i) {
    addresses += ",10.0.0.2";
    elements += ",for=\"10.0.0.2\"";
  }
  CHECK(with_for(addresses) == "203.0.113.5 0 http inside");
  CHECK(with_forwarded(elements) == "203.0.113.5 0 http inside");
  CHECK(with_forwarded(std::string(100'000, '"')) == k_untouched);
  CHECK(with_forwarded("a=\"" + std::string(100'000, '\\') + "\"") == k_untouched);
}
