// SPDX-License-Identifier: MIT
#include "base/address_list.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip_address.hpp"

namespace {

using uringcorn::AddressList;
using uringcorn::IpAddress;

IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  REQUIRE_MESSAGE(address.has_value(), text);
  return *address;
}

AddressList list_of(std::string_view text) {
  AddressList list;
  const std::string problem = list.add(text);
  REQUIRE_MESSAGE(problem.empty(), problem);
  return list;
}

bool listed(std::string_view list, std::string_view address) {
  return list_of(list).contains(ip(address));
}

}  // namespace

TEST_CASE("an IP address is read in its usual notation and written in the canonical one") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"0.0.0.0", "0.0.0.0"},
      {"192.0.2.7", "192.0.2.7"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"::ffff:192.0.2.7", "192.0.2.7"},
      {"::ffff:c000:0207", "192.0.2.7"},
  };
  for (const auto& [text, canonical] : cases) {
    CAPTURE(text);
    CHECK(ip(text).text() == canonical);
    CHECK(ip(text) == ip(canonical));
  }
  CHECK(ip("::ffff:192.0.2.7").is_v4());
  CHECK_FALSE(ip("::192.0.2.7").is_v4());
}

TEST_CASE("what is not exactly an IP address is refused") {
  const std::vector<std::string> texts{"",
                                       " ",
                                       "1",
                                       "1.2.3",
                                       "1.2.3.4.5",
                                       "1.2.3.256",
                                       "01.2.3.4",
                                       "1.2.3.4 ",
                                       " 1.2.3.4",
                                       "127.1",
                                       "0x7f000001",
                                       "1.2.3.4/32",
                                       "1.2.3.4:80",
                                       "[::1]",
                                       "::1%lo",
                                       ":::",
                                       "1::2::3",
                                       "12345::",
                                       "1:2:3:4:5:6:7",
                                       "1:2:3:4:5:6:7:8:9",
                                       "localhost",
                                       "unknown",
                                       "*",
                                       std::string("1.2.3.4\0", 8),
                                       std::string("::1\0x", 5),
                                       std::string(46, '1'),
                                       std::string(1000, ':')};
  for (const std::string& text : texts) {
    CAPTURE(text);
    CHECK_FALSE(IpAddress::parse(text).has_value());
  }
}

TEST_CASE("a prefix is compared bit by bit") {
  const IpAddress address = ip("255.255.255.255");
  CHECK(address.masked(0).text() == "0.0.0.0");
  CHECK(address.masked(1).text() == "128.0.0.0");
  CHECK(address.masked(8).text() == "255.0.0.0");
  CHECK(address.masked(31).text() == "255.255.255.254");
  CHECK(address.masked(32) == address);
  CHECK(ip("ffff:ffff::1").masked(17).text() == "ffff:8000::");
  CHECK(ip("ffff::1").masked(128) == ip("ffff::1"));
  CHECK(ip("10.0.0.1").matches(ip("10.0.0.2"), 30));
  CHECK_FALSE(ip("10.0.0.1").matches(ip("10.0.0.2"), 31));
  CHECK_FALSE(ip("10.0.0.1").matches(ip("::1"), 0));
}

TEST_CASE("a list holds its addresses and networks and nothing else") {
  CHECK(listed("127.0.0.1,::1", "127.0.0.1"));
  CHECK(listed("127.0.0.1,::1", "::1"));
  CHECK_FALSE(listed("127.0.0.1,::1", "127.0.0.2"));
  CHECK_FALSE(listed("127.0.0.1,::1", "::2"));
  CHECK(listed(" 192.0.2.1 ,\t10.0.0.0/8 ", "10.255.255.255"));
  CHECK_FALSE(listed("192.0.2.1,10.0.0.0/8", "11.0.0.0"));
  CHECK(listed("172.16.0.0/12", "172.31.255.255"));
  CHECK_FALSE(listed("172.16.0.0/12", "172.32.0.0"));
  CHECK(listed("2001:db8::/32", "2001:db8:ffff::1"));
  CHECK_FALSE(listed("2001:db8::/32", "2001:db9::"));
  CHECK(listed("192.0.2.1/32", "192.0.2.1"));
  CHECK_FALSE(listed("192.0.2.1/32", "192.0.2.0"));
  CHECK_FALSE(AddressList().contains(ip("127.0.0.1")));
  CHECK_FALSE(listed(" ", "127.0.0.1"));
}

TEST_CASE("an IPv4 address mapped into IPv6 counts as IPv4 on both sides") {
  CHECK(listed("10.0.0.0/8", "::ffff:10.1.2.3"));
  CHECK(listed("::ffff:10.0.0.0/104", "10.1.2.3"));
  CHECK_FALSE(listed("::ffff:10.0.0.0/104", "11.1.2.3"));
  CHECK(listed("::ffff:0:0/96", "203.0.113.9"));
  CHECK(listed("::ffff:192.0.2.1", "192.0.2.1"));
}

TEST_CASE("everything of one family is not everything of the other") {
  CHECK(listed("0.0.0.0/0", "203.0.113.9"));
  CHECK_FALSE(listed("0.0.0.0/0", "2001:db8::1"));
  CHECK(listed("::/0", "2001:db8::1"));
  CHECK_FALSE(listed("::/0", "203.0.113.9"));
  CHECK(listed("*", "203.0.113.9"));
  CHECK(listed("*", "2001:db8::1"));
  CHECK(listed("127.0.0.1, *", "2001:db8::1"));
}

TEST_CASE("what is wrong in a list is said in a sentence, and nothing of it is added") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"10.1.2.3/8", "\"10.1.2.3/8\" has bits set after the first 8 (the network is 10.0.0.0/8)"},
      {"2001:db8::1/32",
       "\"2001:db8::1/32\" has bits set after the first 32 (the network is 2001:db8::/32)"},
      {"10.0.0.0/33",
       "\"10.0.0.0/33\" is not a network: after the slash there must be a number of"
       " 0 to 32"},
      {"::/129", "\"::/129\" is not a network: after the slash there must be a number of 0 to 128"},
      {"10.0.0.0/",
       "\"10.0.0.0/\" is not a network: after the slash there must be a number of 0 to"
       " 32"},
      {"10.0.0.0/-1",
       "\"10.0.0.0/-1\" is not a network: after the slash there must be a number of"
       " 0 to 32"},
      {"10.0.0.0/8/8",
       "\"10.0.0.0/8/8\" is not a network: after the slash there must be a number"
       " of 0 to 32"},
      {"::ffff:10.0.0.0/8",
       "\"::ffff:10.0.0.0/8\" is not a network: after the slash there must be"
       " a number of 96 to 128"},
      {"localhost", "\"localhost\" is not an IP address, a network such as 10.0.0.0/8, or *"},
      {"127.0.0.1,", "\"\" is not an IP address, a network such as 10.0.0.0/8, or *"},
      {"::1%lo", "\"::1%lo\" is not an IP address, a network such as 10.0.0.0/8, or *"},
      {"10.0.0.0 /8", "\"10.0.0.0 /8\" is not an IP address, a network such as 10.0.0.0/8, or *"},
  };
  for (const auto& [text, problem] : cases) {
    CAPTURE(text);
    AddressList list = list_of("192.0.2.1");
    CHECK(list.add(text) == problem);
    CHECK(list.add("198.51.100.1," + text) == problem);
    CHECK(list == list_of("192.0.2.1"));
  }
}

TEST_CASE("a list is written as it can be read again") {
  using Texts = std::vector<std::string>;
  for (const Texts& texts : {Texts{}, Texts{"127.0.0.1", "::1"}, Texts{"*"},
                             Texts{"10.0.0.0/8", "2001:db8::/32", "192.0.2.1"},
                             Texts{"*", "10.0.0.0/8"}, Texts{"0.0.0.0/0", "::/0"}}) {
    AddressList list;
    for (const std::string& text : texts) {
      CHECK(list.add(text).empty());
    }
    CHECK(list.texts() == texts);
  }
  CHECK(AddressList::loopback() == list_of("127.0.0.1,::1"));
}
