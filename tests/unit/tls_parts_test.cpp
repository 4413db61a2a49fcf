// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"
#include "net/tls/certificate.hpp"
#include "net/tls/cipher_list.hpp"
#include "net/tls/client_hello.hpp"
#include "net/tls/error.hpp"
#include "net/tls/outbox.hpp"
#include "net/tls/ticket_keys.hpp"
#include "net/tls/wolfssl.hpp"
#include "net/tls/workbench.hpp"

using namespace uringcorn;
using namespace uringcorn::net::tls;
using namespace std::chrono_literals;

// ---- what a client says first ----

namespace {

std::string two_bytes(std::size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

std::string with_length(const std::string& bytes) {
  return two_bytes(bytes.size()) + bytes;
}

/// A ClientHello that asks for `name`, with one suite and one extension.
std::string client_hello(const std::string& name) {
  const std::string list = with_length('\0' + with_length(name));
  const std::string body = "\x03\x03" + std::string(32, 'r') + std::string(1, '\0') +
                           with_length("\x13\x01") + std::string("\1\0", 2) +
                           with_length(two_bytes(0) + with_length(list));
  return std::string("\1\0", 2) + with_length(body);
}

/// Cut into records of so many bytes.
std::string in_records(std::string_view message, std::size_t size) {
  std::string records;
  for (; !message.empty(); message.remove_prefix(std::min(size, message.size()))) {
    records += "\x16\x03\x01" + with_length(std::string(message.substr(0, size)));
  }
  return records;
}

}  // namespace

TEST_CASE("the name that a client asks for is found however its message is cut into records") {
  const std::string message = client_hello("Shop.Example.");
  for (std::size_t size = 1; size <= message.size(); ++size) {
    CAPTURE(size);
    const std::string records = in_records(message, size);
    for (std::size_t received = 0; received < records.size(); ++received) {
      CHECK_FALSE(read_client_hello(std::string_view(records).substr(0, received)));
    }
    const auto hello = read_client_hello(records + "more");
    REQUIRE(hello);
    CHECK(hello->server_name == "shop.example");
  }
}

TEST_CASE("a first message that ends before what it announces has no name behind its end") {
  const std::string whole = client_hello("shop.example");
  for (std::size_t size = 4; size < whole.size(); ++size) {
    CAPTURE(size);
    std::string message = whole.substr(0, size);
    message.replace(2, 2, two_bytes(size - 4));
    const auto hello = read_client_hello(in_records(message, 1000));
    REQUIRE(hello);
    CHECK(hello->server_name.empty());
  }
  for (std::size_t at = 4; at < whole.size(); ++at) {
    CAPTURE(at);
    std::string message = whole;
    message[at] = '\xff';
    CHECK(read_client_hello(in_records(message, 1000)));
  }
}

TEST_CASE("what is no client's first message asks for no name, and is not waited for") {
  using namespace std::string_view_literals;
  const std::string endless = in_records("\1\xff\xff\xff" + std::string(20'000, 'x'), 16'384);
  for (const std::string_view bytes :
       {"GET / HTTP/1.1"sv, "\x80\x2e\1\3\1"sv, "\x16\3\1\0\1\1\x15\3\1\0\2\2\x28"sv,
        std::string_view(endless)}) {
    CAPTURE(bytes.substr(0, 20));
    const auto hello = read_client_hello(bytes);
    REQUIRE(hello);
    CHECK(hello->server_name.empty());
  }
}

// ---- cipher suites ----

TEST_CASE("cipher suites are known by OpenSSL's, IANA's and wolfSSL's names, in their order") {
  CHECK(wolfssl_cipher_list("ECDHE-RSA-AES128-GCM-SHA256") == "ECDHE-RSA-AES128-GCM-SHA256");
  CHECK(wolfssl_cipher_list("TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256") ==
        "TLS13-AES256-GCM-SHA384:TLS13-AES128-GCM-SHA256");
  CHECK(wolfssl_cipher_list(" TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "
                            "TLS13-CHACHA20-POLY1305-SHA256") ==
        "ECDHE-ECDSA-AES128-GCM-SHA256:TLS13-CHACHA20-POLY1305-SHA256");
}

TEST_CASE("no cipher suites are all of them") {
  const std::string all = wolfssl_cipher_list("");
  CHECK(wolfssl_cipher_list(" : ") == all);
  for (const char* suite : {"TLS13-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
                            "ECDHE-ECDSA-AES256-GCM-SHA384"}) {
    CAPTURE(suite);
    CHECK(all.find(suite) != std::string::npos);
  }
}

TEST_CASE("a suite that is not spoken is refused by name") {
  CHECK_THROWS_AS(wolfssl_cipher_list("AES128-SHA"), TlsError);
  const std::string complaint = cipher_list_complaint("TLS_AES_128_GCM_SHA256:RC4-MD5");
  CHECK(complaint.starts_with("\"RC4-MD5\" is none of the cipher suites"));
  CHECK(cipher_list_complaint("TLS_AES_128_GCM_SHA256").empty());
}

// ---- keys of X25519 ----

namespace {

using CurveBytes = std::array<unsigned char, 32>;

CurveBytes public_key(const CurveBytes& secret) {
  CurveBytes point{};
  CHECK(wc_curve25519_make_pub(static_cast<int>(point.size()), point.data(),
                               static_cast<int>(secret.size()), secret.data()) == 0);
  return point;
}

/// By the way that works for every point, from the base point of RFC 7748.
CurveBytes public_key_by_ladder(const CurveBytes& secret) {
  const CurveBytes base{9};
  CurveBytes point{};
  CHECK(wc_curve25519_generic(static_cast<int>(point.size()), point.data(),
                              static_cast<int>(secret.size()), secret.data(),
                              static_cast<int>(base.size()), base.data()) == 0);
  return point;
}

CurveBytes clamped(CurveBytes secret) {
  secret[0] &= 0xf8;
  secret[31] = static_cast<unsigned char>((secret[31] & 0x7f) | 0x40);
  return secret;
}

}  // namespace

TEST_CASE("a public key of X25519 is that of RFC 7748") {
  const CurveBytes secret = clamped(  // Alice's, in section 6.1
      {0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
       0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
       0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a});
  CHECK(public_key(secret) == CurveBytes{0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54,
                                         0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a,
                                         0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4,
                                         0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a});
}

TEST_CASE("the table for new keys of X25519 agrees with the ladder") {
  for (unsigned fill = 0; fill < 256; ++fill) {
    CAPTURE(fill);
    CurveBytes secret;
    secret.fill(static_cast<unsigned char>(fill));  // 0 and 255 are the ends of what keys can be
    CHECK(public_key(clamped(secret)) == public_key_by_ladder(clamped(secret)));
    for (unsigned i = 0; i < secret.size(); ++i) {
      secret[i] = static_cast<unsigned char>(fill * (2 * i + 1) + 57 * i);
    }
    CHECK(public_key(clamped(secret)) == public_key_by_ladder(clamped(secret)));
  }
}

// ---- names ----

TEST_CASE("a star in a certificate's name stands for one label") {
  CHECK(covers("shop.example", "shop.example"));
  CHECK_FALSE(covers("shop.example", "a.shop.example"));
  CHECK(covers("*.shop.example", "a.shop.example"));
  CHECK_FALSE(covers("*.shop.example", "shop.example"));
  CHECK_FALSE(covers("*.shop.example", ".shop.example"));
  CHECK_FALSE(covers("*.shop.example", "a.b.shop.example"));
  CHECK_FALSE(covers("*.shop.example", ""));
  CHECK_FALSE(covers("*.", ""));
}

TEST_CASE("what is no certificate is not read as one") {
  CHECK_FALSE(read_certificate(""));
  CHECK_FALSE(read_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  CHECK_FALSE(describe_client(""));
  CHECK_FALSE(describe_client(std::string_view("\x30\x03\x02\x01\x01", 5)));
}

TEST_CASE("dates are shown in UTC") {
  CHECK(date_text(std::chrono::sys_seconds(0s)) == "1970-01-01 00:00:00 UTC");
}

// ---- tickets ----

namespace {

using TicketText = std::array<unsigned char, 64>;

struct Ticket {
  std::array<unsigned char, 16> name{};
  std::array<unsigned char, 16> iv{};
  std::array<unsigned char, 32> mac{};
  TicketText text{};
};

TicketText plain_text() {
  TicketText text;
  text.fill('t');
  return text;
}

Ticket sealed(TicketKeys& keys) {
  Ticket ticket;
  ticket.text = plain_text();
  int length = 0;
  CHECK(TicketKeys::on_ticket(nullptr, ticket.name.data(), ticket.iv.data(), ticket.mac.data(), 1,
                              ticket.text.data(), static_cast<int>(ticket.text.size()), &length,
                              &keys) == 0);
  CHECK(length == static_cast<int>(ticket.text.size()));
  CHECK(ticket.text != plain_text());
  return ticket;
}

bool opens(TicketKeys& keys, Ticket ticket) {
  int length = 0;
  TicketKeys::on_ticket(nullptr, ticket.name.data(), ticket.iv.data(), ticket.mac.data(), 0,
                        ticket.text.data(), static_cast<int>(ticket.text.size()), &length, &keys);
  return ticket.text == plain_text();
}

}  // namespace

TEST_CASE("a ticket can be opened until its key has been rotated out") {
  TicketKeys keys(100s);
  const Ticket ticket = sealed(keys);
  CHECK(opens(keys, ticket));
  keys.rotate_if_due(TicketKeys::Clock::now());
  for (int rotation = 1; rotation <= 2; ++rotation) {
    keys.rotate_if_due(keys.due());
    CHECK(opens(keys, ticket));
  }
  keys.rotate_if_due(keys.due());
  CHECK_FALSE(opens(keys, ticket));
  CHECK(opens(keys, sealed(keys)));
}

TEST_CASE("a ticket that was changed, or is another server's, is not opened") {
  TicketKeys keys(100s);
  Ticket ticket = sealed(keys);
  ticket.text[5] ^= 1;
  CHECK_FALSE(opens(keys, ticket));
  ticket.text[5] ^= 1;
  ticket.name[0] ^= 1;
  CHECK_FALSE(opens(keys, ticket));
  TicketKeys others(100s);
  CHECK_FALSE(opens(keys, sealed(others)));
}

TEST_CASE("keys that are handed over open the tickets of both, and new ones come to both") {
  TicketKeys old(100s);
  const Ticket ticket = sealed(old);
  TicketKeys next(100s, UniqueFd(::dup(old.fd())));
  CHECK(opens(next, ticket));
  CHECK(opens(old, sealed(next)));
  CHECK(next.due() == old.due());
  next.rotate_if_due(next.due());
  CHECK(next.due() == old.due());
  CHECK(opens(old, sealed(next)));
  CHECK(opens(next, sealed(old)));
}

TEST_CASE("what was handed over and cannot be used is left, and keys are made") {
  TicketKeys old(100s);
  const Ticket ticket = sealed(old);
  std::vector<UniqueFd> unusable;
  unusable.emplace_back(::open("/dev/null", O_RDWR | O_CLOEXEC));
  // A file that somebody could make shorter under those who read it.
  unusable.emplace_back(::memfd_create("unsealed", MFD_CLOEXEC));
  struct stat status{};
  REQUIRE(::fstat(old.fd(), &status) == 0);
  REQUIRE(::ftruncate(unusable.back().get(), status.st_size) == 0);
  for (UniqueFd& file : unusable) {
    TicketKeys next(100s, std::move(file));
    CHECK_FALSE(opens(next, ticket));
    CHECK(opens(next, sealed(next)));
  }
  TicketKeys of_another_lifetime(200s, UniqueFd(::dup(old.fd())));
  CHECK_FALSE(opens(of_another_lifetime, ticket));
  CHECK(opens(old, ticket));
}

TEST_CASE("an arbiter that was killed while it made a ticket key holds up no worker") {
  constexpr off_t k_version_at = 3 * sizeof(std::uint64_t);
  TicketKeys keys(100s);
  constexpr std::uint32_t k_being_written = 1;
  REQUIRE(::pwrite(keys.fd(), &k_being_written, sizeof k_being_written, k_version_at) ==
          sizeof k_being_written);
  CHECK(opens(keys, sealed(keys)));
  keys.rotate_if_due(TicketKeys::Clock::now() + 50s);
  CHECK(opens(keys, sealed(keys)));
}

TEST_CASE("processes that were forked see each new key") {
  TicketKeys keys(100s);
  int wake[2];
  REQUIRE(::pipe(wake) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(wake[1]);
    Ticket ticket;
    const bool has_come = ::read(wake[0], &ticket, sizeof ticket) == sizeof ticket;
    ::_exit(has_come && opens(keys, ticket) ? 0 : 1);
  }
  keys.rotate_if_due(keys.due());
  const Ticket ticket = sealed(keys);
  CHECK(::write(wake[1], &ticket, sizeof ticket) == sizeof ticket);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  ::close(wake[0]);
  ::close(wake[1]);
}

// ---- what is on its way ----

namespace {

struct Sockets {
  Sockets() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    ours.reset(ends[0]);
    theirs.reset(ends[1]);
  }
  std::string received() const {
    std::string all;
    std::array<char, 4096> some;
    for (ssize_t got = 0; (got = ::recv(theirs.get(), some.data(), some.size(), 0)) > 0;) {
      all.append(some.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

  UniqueFd ours;
  UniqueFd theirs;
};

}  // namespace

TEST_CASE("records go out at once, and those that the socket does not take wait in order") {
  const Sockets sockets;
  Outbox outbox;
  CHECK(outbox.send(sockets.ours.get(), "at once") == 0);
  CHECK(outbox.empty());
  CHECK(sockets.received() == "at once");
  std::string sent;
  while (outbox.empty()) {
    const std::string piece(10'000, static_cast<char>('a' + sent.size() / 10'000 % 26));
    REQUIRE(outbox.send(sockets.ours.get(), piece) == 0);
    sent += piece;
  }
  REQUIRE(outbox.send(sockets.ours.get(), "behind") == 0);
  sent += "behind";
  std::string received = sockets.received();
  while (!outbox.empty()) {
    REQUIRE(outbox.send(sockets.ours.get(), "") == 0);
    received += sockets.received();
  }
  CHECK(received == sent);
}

TEST_CASE("what is added while an operation sends stays behind it") {
  const Sockets sockets;
  Outbox outbox;
  std::string sent;
  while (outbox.empty()) {
    sent.append(10'000, 'x');
    REQUIRE(outbox.send(sockets.ours.get(), std::string(10'000, 'x')) == 0);
  }
  std::string received = sockets.received();
  const std::string in_flight(outbox.begin_operation());
  CHECK(outbox.send(sockets.ours.get(), "later") == 0);
  CHECK_FALSE(outbox.empty());
  received += sockets.received() + in_flight;
  outbox.end_operation();
  CHECK(outbox.send(sockets.ours.get(), "") == 0);
  CHECK(outbox.empty());
  CHECK(received + sockets.received() == sent + "later");
}

TEST_CASE("a peer that makes us answer and never reads is given up") {
  const Sockets sockets;
  Outbox outbox;
  int error = 0;
  for (int i = 0; i < 1000 && error == 0; ++i) {
    error = outbox.send(sockets.ours.get(), std::string(10'000, 'x'));
  }
  CHECK(error == -ENOBUFS);
}

TEST_CASE("plaintext buffers are lent until none is left, the last one returned first") {
  Workbench bench(8192);
  CHECK(bench.plaintext_size() >= 16 * 1024 + 8192);
  char* const first = bench.plaintext_room();
  {
    const reactor::Buffer lent = bench.lend_plaintext(100);
    CHECK(lent.bytes().data() == first);
    CHECK(lent.bytes().size() == 100);
    CHECK(bench.plaintext_room() != first);
  }
  CHECK(bench.plaintext_room() == first);
  std::vector<reactor::Buffer> all;
  while (bench.plaintext_room() != nullptr) {
    all.push_back(bench.lend_plaintext(1));
  }
  CHECK(all.size() > 100);
}
