// SPDX-License-Identifier: MIT
#include "http/h1/head_parser.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using uringcorn::http::describe;
using uringcorn::http::HeadError;
using uringcorn::http::HeadLimits;
using uringcorn::http::TargetForm;
using uringcorn::http::Version;
using uringcorn::http::h1::FieldSlices;
using uringcorn::http::h1::HeadParser;
using uringcorn::http::h1::RequestHead;

constexpr HeadLimits k_default_limits;

/// All that a parse can be asked afterwards, so that two parses can be compared.
std::string outcome(const HeadParser& parser, HeadParser::Result result, const char* bytes) {
  if (result == HeadParser::Result::need_more) {
    return "need more";
  }
  if (result == HeadParser::Result::failed) {
    return "failed: " + std::string(describe(parser.error()).sentence);
  }
  const RequestHead& head = parser.head();
  std::string text = "size " + std::to_string(head.size) + " form " +
                     std::to_string(static_cast<int>(head.target_form));
  for (const auto& slice :
       {head.request_line, head.method, head.target, head.path_and_query, head.host}) {
    text += "\n" + std::string(slice.in(bytes));
  }
  const auto& facts = head.facts;
  text += "\nversion " + std::to_string(static_cast<int>(facts.version()));
  text += " length " + (facts.content_length() ? std::to_string(*facts.content_length()) : "-"s);
  for (const bool fact : {facts.is_chunked(), facts.has_host(), facts.expects_continue(),
                          facts.wants_keep_alive(), facts.wants_upgrade()}) {
    text += fact ? " 1" : " 0";
  }
  for (const FieldSlices& field : parser.fields()) {
    text += "\n" + std::string(field.name.in(bytes)) + ": " + std::string(field.value.in(bytes));
  }
  return text;
}

/// Feeds `bytes` in pieces that end where `cuts` say, each time at a new address with nothing
/// readable behind it.
std::string parse_in_pieces(HeadParser& parser, std::string_view bytes,
                            const std::vector<std::size_t>& cuts) {
  parser.reset();
  for (const std::size_t cut : cuts) {
    const auto copy = std::make_unique<char[]>(cut);
    std::copy_n(bytes.data(), cut, copy.get());
    const HeadParser::Result result = parser.parse({copy.get(), cut});
    if (result != HeadParser::Result::need_more || cut == bytes.size()) {
      return outcome(parser, result, copy.get());
    }
  }
  return "nothing was parsed";
}

/// Parses `bytes` whole, cut in two at every byte, and byte by byte; all must agree.
std::string parse_every_way(std::string_view bytes, const HeadLimits& limits = k_default_limits) {
  const auto parser = std::make_unique<HeadParser>(limits);
  const std::string whole = parse_in_pieces(*parser, bytes, {bytes.size()});
  std::vector<std::size_t> each_byte;
  for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
    each_byte.push_back(cut);
  }
  CHECK(parse_in_pieces(*parser, bytes, each_byte) == whole);
  // Long inputs are cut at every byte of their beginning and end; the middle is more of the same.
  constexpr std::size_t k_cuts_at_each_end = 300;
  for (const std::size_t cut : each_byte) {
    if (cut > k_cuts_at_each_end && cut + k_cuts_at_each_end < bytes.size()) {
      continue;
    }
    const std::string split = parse_in_pieces(*parser, bytes, {cut, bytes.size()});
    if (split != whole) {
      FAIL_CHECK("cut at " << cut << ": " << split << "\nwhole: " << whole);
    }
  }
  return whole;
}

HeadError error_of(std::string_view bytes, const HeadLimits& limits = k_default_limits) {
  parse_every_way(bytes, limits);
  HeadParser parser(limits);
  const HeadParser::Result result = parser.parse(bytes);
  CHECK_MESSAGE(result != HeadParser::Result::need_more, "not decided: ", bytes);
  return parser.error();
}

/// A parsed head beside its bytes.
struct Parsed {
  explicit Parsed(std::string_view text, const HeadLimits& limits = k_default_limits)
      : bytes(text), parser(limits) {
    parse_every_way(bytes, limits);
    is_complete = parser.parse(bytes) == HeadParser::Result::complete;
    REQUIRE_MESSAGE(is_complete, "refused: ", text, " because ", describe(parser.error()).sentence);
  }
  const RequestHead& head() const { return parser.head(); }
  const uringcorn::http::RequestFacts& facts() const { return parser.head().facts; }
  std::string_view text(uringcorn::http::h1::Slice slice) const { return slice.in(bytes.data()); }

  std::string bytes;
  HeadParser parser;
  bool is_complete = false;
};

/// A GET in HTTP/1.1 with a Host and then `fields`, each with its line end.
std::string get_with(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}
std::string request_with_line(std::string_view line) {
  return std::string(line) + "\r\nHost: a\r\n\r\n";
}

struct Refusal {
  std::string_view bytes;
  HeadError error;
};

}  // namespace

TEST_CASE("a request head is found with all its parts") {
  const Parsed parsed(
      "POST /a/b?c=d HTTP/1.1\r\nHost: example.com:8000\r\nX-One:1\r\nx-two: \t two words \t \r\n"
      "X-Empty:\r\nContent-Length: 42\r\n\r\nrest of the connection");
  const RequestHead& head = parsed.head();
  CHECK(head.size == parsed.bytes.size() - "rest of the connection"sv.size());
  CHECK(parsed.text(head.request_line) == "POST /a/b?c=d HTTP/1.1");
  CHECK(parsed.text(head.method) == "POST");
  CHECK(parsed.text(head.target) == "/a/b?c=d");
  CHECK(parsed.text(head.path_and_query) == "/a/b?c=d");
  CHECK(parsed.text(head.host) == "example.com:8000");
  CHECK(head.target_form == TargetForm::origin);
  CHECK(parsed.facts().version() == Version::http_1_1);
  CHECK(parsed.facts().content_length() == 42);
  CHECK_FALSE(parsed.facts().is_chunked());
  const auto fields = parsed.parser.fields();
  REQUIRE(fields.size() == 5);
  CHECK(parsed.text(fields[1].name) == "X-One");
  CHECK(parsed.text(fields[1].value) == "1");
  CHECK(parsed.text(fields[2].name) == "x-two");
  CHECK(parsed.text(fields[2].value) == "two words");
  CHECK(parsed.text(fields[3].value) == "");
  CHECK(parsed.text(fields[4].name) == "Content-Length");
}

TEST_CASE("any token is a method, any visible ASCII but # is a target") {
  for (const std::string_view line :
       {"GET / HTTP/1.1"sv, "M-SEARCH / HTTP/1.1"sv, "get / HTTP/1.1"sv,
        "!#$%&'*+-.^_`|~09 / HTTP/1.1"sv, "GET /%00%zz HTTP/1.1"sv, "GET //a/../b HTTP/1.1"sv,
        "GET /?a|b{c}\"<>\\^` HTTP/1.1"sv, "GET /a:b@c;d=e,f!$&'()*+~ HTTP/1.1"sv,
        "OPTIONS * HTTP/1.1"sv, "OPTIONS / HTTP/1.0"sv}) {
    CAPTURE(line);
    const Parsed parsed(request_with_line(line));
    CHECK(parsed.text(parsed.head().request_line) == line);
  }
}

TEST_CASE("a request line that is not METHOD SP TARGET SP VERSION is refused") {
  using enum HeadError;
  const Refusal refusals[] = {
      {"GET", malformed_request_line},
      {"GET ", malformed_request_line},
      {"GET /", malformed_request_line},
      {"GET / ", malformed_request_line},
      {"GET /index.html", malformed_version},
      {"GET / HTTP/1.1 ", malformed_version},
      {"GET /HTTP/1.1", malformed_request_line},
      {"GET /longHTTP/1.1", malformed_request_line},
      {"GET  HTTP/1.1", malformed_request_line},
      {"GET   HTTP/1.1", invalid_target},
      {"GET  / HTTP/1.1", invalid_target},
      {"GET /  HTTP/1.1", invalid_target},
      {"GET / / HTTP/1.1", invalid_target},
      {"GET\t/ HTTP/1.1", invalid_method},
      {"GET /\tHTTP/1.1", malformed_request_line},
      {"GET / a\tHTTP/1.1", malformed_request_line},
      {" GET / HTTP/1.1", invalid_method},
      {"\tGET / HTTP/1.1", invalid_method},
      {"G@T / HTTP/1.1", invalid_method},
      {"GE\xc3\xa9 / HTTP/1.1", invalid_method},
      {"GET: / HTTP/1.1", invalid_method},
      {"Host: a", invalid_method},
      {"GET / http/1.1", malformed_version},
      {"GET / HTTP/1.", malformed_request_line},
      {"GET / HTTP/11", malformed_request_line},
      {"GET /a HTTP/11", malformed_version},
      {"GET /a HTTP/1.", malformed_version},
      {"GET / HTTP/1.10", malformed_version},
      {"GET / HTTP/01.1", malformed_version},
      {"GET / HTTP/1,1", malformed_version},
      {"GET / HTTP/x.1", malformed_version},
      {"GET / HTTP/1.x", malformed_version},
      {"GET / HTTP /1.1", malformed_version},
      {"GET / HTTPS/1.1", malformed_version},
      {"GET / ICYX/1.1", malformed_version},
  };
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.bytes);
    CHECK(error_of(request_with_line(refusal.bytes)) == refusal.error);
    CHECK(describe(refusal.error).status == 400);
  }
}

TEST_CASE("HTTP/1 with a higher minor version is HTTP/1.1, other major versions are 505") {
  CHECK(Parsed("GET / HTTP/1.0\r\n\r\n").facts().version() == Version::http_1_0);
  for (const std::string_view line : {"GET / HTTP/1.1"sv, "GET / HTTP/1.2"sv, "GET / HTTP/1.9"sv}) {
    CHECK(Parsed(request_with_line(line)).facts().version() == Version::http_1_1);
  }
  for (const std::string_view line : {"GET / HTTP/2.0"sv, "GET / HTTP/0.9"sv, "GET / HTTP/3.1"sv,
                                      "PRI * HTTP/2.0"sv, "GET / HTTP/9.9"sv}) {
    CHECK(error_of(request_with_line(line)) == HeadError::unsupported_version);
  }
  CHECK(describe(HeadError::unsupported_version).status == 505);
}

TEST_CASE("a target with a control byte, a space, # or an 8-bit byte is refused") {
  for (int c = 0; c < 256; ++c) {
    const std::string bytes =
        request_with_line("GET /before" + std::string(1, static_cast<char>(c)) + "after HTTP/1.1");
    CAPTURE(c);
    const bool is_good = c > 0x20 && c < 0x7f && c != '#';
    HeadError expected = HeadError::invalid_target;
    if (c == '\n') {
      expected = HeadError::bare_line_feed;
    } else if (c == '\r') {
      expected = HeadError::bare_carriage_return;
    } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
      expected = HeadError::control_byte;
    }
    CHECK(error_of(bytes) == (is_good ? HeadError::none : expected));
  }
}

TEST_CASE("the form of a target fits its method") {
  using enum HeadError;
  const Refusal refusals[] = {
      {"GET * HTTP/1.1", target_form_mismatch},
      {"OPTIONS ** HTTP/1.1", invalid_target},
      {"OPTIONS *? HTTP/1.1", invalid_target},
      {"options * HTTP/1.1", target_form_mismatch},
      {"CONNECT / HTTP/1.1", target_form_mismatch},
      {"CONNECT * HTTP/1.1", target_form_mismatch},
      {"CONNECT example.com HTTP/1.1", target_form_mismatch},
      {"CONNECT example.com: HTTP/1.1", target_form_mismatch},
      {"CONNECT :443 HTTP/1.1", target_form_mismatch},
      {"CONNECT http://example.com:443 HTTP/1.1", target_form_mismatch},
      {"CONNECT a@example.com:443 HTTP/1.1", target_form_mismatch},
      {"GET example.com:443 HTTP/1.1", invalid_target},
      {"GET example.com HTTP/1.1", invalid_target},
      {"GET index.html HTTP/1.1", invalid_target},
      {"GET ?a=b HTTP/1.1", invalid_target},
      {"GET http:/a HTTP/1.1", invalid_target},
      {"GET http://a:b:c/ HTTP/1.1", invalid_target},
      {"GET http:// HTTP/1.1", invalid_target},
      {"GET http:///path HTTP/1.1", invalid_target},
      {"GET http://?q HTTP/1.1", invalid_target},
      {"GET http://:80/ HTTP/1.1", invalid_target},
      {"GET http://user@example.com/ HTTP/1.1", invalid_target},
      {"GET http://user:secret@example.com/ HTTP/1.1", invalid_target},
      {"GET http://a\\@b/ HTTP/1.1", invalid_target},
      {"GET ftp://example.com/ HTTP/1.1", invalid_target},
      {"GET ://example.com/ HTTP/1.1", invalid_target},
      {"GET javascript:alert(1) HTTP/1.1", invalid_target},
      {"GET ahttp://example.com/ HTTP/1.1", invalid_target},
  };
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.bytes);
    CHECK(error_of(request_with_line(refusal.bytes)) == refusal.error);
  }
  CHECK(Parsed(request_with_line("OPTIONS * HTTP/1.1")).head().target_form == TargetForm::asterisk);
  const Parsed tunnel(request_with_line("CONNECT [::1]:443 HTTP/1.1"));
  CHECK(tunnel.head().target_form == TargetForm::authority);
  CHECK(tunnel.text(tunnel.head().host) == "[::1]:443");
}

TEST_CASE("the authority of an absolute target takes the place of Host") {
  const Parsed parsed("GET HTTP://real.example:81/p?q HTTP/1.1\r\nHost: other.example\r\n\r\n");
  CHECK(parsed.head().target_form == TargetForm::absolute);
  CHECK(parsed.text(parsed.head().host) == "real.example:81");
  CHECK(parsed.text(parsed.head().path_and_query) == "/p?q");
  CHECK(parsed.text(parsed.parser.fields()[0].value) == "real.example:81");

  const Parsed bare(request_with_line("OPTIONS https://real.example HTTP/1.1"));
  CHECK(bare.text(bare.head().host) == "real.example");
  CHECK(bare.text(bare.head().path_and_query) == "");
  const Parsed query(request_with_line("GET http://[2001:db8::1]?q=http://x HTTP/1.1"));
  CHECK(query.text(query.head().host) == "[2001:db8::1]");
  CHECK(query.text(query.head().path_and_query) == "?q=http://x");
  const Parsed old("GET http://old.example/ HTTP/1.0\r\n\r\n");
  CHECK(old.text(old.head().host) == "old.example");

  CHECK(error_of("GET http://a/ HTTP/1.1\r\n\r\n") == HeadError::missing_host);
  CHECK(error_of("GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n") == HeadError::invalid_host);
}

TEST_CASE("lines end in CRLF and nothing else; no control byte stands in a head") {
  using enum HeadError;
  const Refusal refusals[] = {
      {"GET / HTTP/1.1\nHost: a\r\n\r\n"sv, bare_line_feed},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n"sv, bare_line_feed},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n"sv, bare_line_feed},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\n\n"sv, bare_line_feed},
      {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"sv, bare_line_feed},
      {"GET / HTTP/1.1\rHost: a\r\n\r\n"sv, bare_carriage_return},
      {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"sv, bare_carriage_return},
      {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"sv, bare_carriage_return},
      {"GET / HTTP/1.1\r\nHost: a\r\n\rX"sv, bare_carriage_return},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n"sv, bare_carriage_return},
      {"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"sv, control_byte},
      {"GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n"sv, control_byte},
      {"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"sv, control_byte},
      {"GET / HTTP/1.1\0\r\nHost: a\r\n\r\n"sv, control_byte},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x0b\x62\r\n\r\n"sv, control_byte},
      {"GET / HTTP/1.1\r\nHost: a\r\nX:\x0cy\r\n\r\n"sv, control_byte},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n"sv, control_byte},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv, tls_on_a_port_in_the_clear},
      {"\x80\x2e\x01\x00\x02"sv, control_byte},
  };
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.bytes);
    CHECK(error_of(refusal.bytes) == refusal.error);
    CHECK(describe(refusal.error).status == 400);
  }
}

TEST_CASE("a control byte is refused at once, not only when its line ends") {
  HeadParser parser(k_default_limits);
  CHECK(parser.parse("GET /\x01") == HeadParser::Result::failed);
}

TEST_CASE("one empty line before the request line is tolerated, a second one is not") {
  CHECK(Parsed("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").head().size == 29);
  CHECK(error_of("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == HeadError::extra_empty_line);
  CHECK(error_of(" \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == HeadError::invalid_method);
}

TEST_CASE("every byte in a field name is a token character") {
  for (int c = 0; c < 256; ++c) {
    CAPTURE(c);
    const std::string name = "na" + std::string(1, static_cast<char>(c)) + "me";
    HeadParser parser(k_default_limits);
    const std::string bytes = get_with(name + ": value\r\n");
    const bool is_token =
        std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos ||
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ':';
    CHECK((parser.parse(bytes) == HeadParser::Result::complete) == (is_token && c != 0));
    // "na:me: value" is the field `na` with the value `me: value`.
    CHECK(error_of(bytes) == parser.error());
  }
}

TEST_CASE("every byte but a control may stand in a field value, 8-bit bytes too") {
  for (int c = 0; c < 256; ++c) {
    CAPTURE(c);
    const std::string bytes = get_with("X: a" + std::string(1, static_cast<char>(c)) + "b\r\n");
    const bool is_good = c >= 0x20 ? c != 0x7f : c == '\t';
    CHECK((error_of(bytes) == HeadError::none) == is_good);
  }
}

TEST_CASE("field lines that could be read in two ways are refused") {
  using enum HeadError;
  const Refusal refusals[] = {
      {"Host : a\r\n", blank_before_colon},
      {"Content-Length : 5\r\n", blank_before_colon},
      {"Content-Length\t: 5\r\n", blank_before_colon},
      {"Transfer-Encoding : chunked\r\n", blank_before_colon},
      {" X: folded\r\n", folded_field},
      {"X: 1\r\n folded\r\n", folded_field},
      {"X: 1\r\n\tfolded\r\n", folded_field},
      {"X: 1\r\n \r\n", folded_field},
      {"Transfer-Encoding:\r\n chunked\r\n", invalid_transfer_encoding},
      {"X\r\n", missing_colon},
      {"GET /smuggled HTTP/1.1\r\n", missing_colon},
      {": value\r\n", empty_field_name},
      {":\r\n", empty_field_name},
      {"X Y: 1\r\n", invalid_field_name},
      {"X\tY: 1\r\n", invalid_field_name},
      {"X(Y): 1\r\n", invalid_field_name},
      {"X\x80: 1\r\n", invalid_field_name},
      {"\"X\": 1\r\n", invalid_field_name},
      {"X@Y: 1\r\n", invalid_field_name},
  };
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.bytes);
    CHECK(error_of(get_with(refusal.bytes)) == refusal.error);
    CHECK(describe(refusal.error).status == 400);
  }
  // White space between the request line and the first field.
  CHECK(error_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == folded_field);
}

TEST_CASE("HTTP/1.1 needs exactly one Host, HTTP/1.0 at most one") {
  CHECK(error_of("GET / HTTP/1.1\r\n\r\n") == HeadError::missing_host);
  CHECK(error_of("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n") == HeadError::missing_host);
  CHECK(error_of("GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n") == HeadError::duplicate_host);
  CHECK(error_of("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") == HeadError::duplicate_host);
  CHECK(error_of("GET / HTTP/1.0\r\n\r\n") == HeadError::none);
  CHECK(error_of("GET / HTTP/1.0\r\nHost: a b\r\n\r\n") == HeadError::invalid_host);
}

TEST_CASE("request framing is unambiguous or refused") {
  using enum HeadError;
  const Refusal refusals[] = {
      // Content-Length: digits only.
      {"Content-Length: +5\r\n", invalid_content_length},
      {"Content-Length: -5\r\n", invalid_content_length},
      {"Content-Length: -0\r\n", invalid_content_length},
      {"Content-Length: 0x5\r\n", invalid_content_length},
      {"Content-Length: 5 5\r\n", invalid_content_length},
      {"Content-Length: 5, 5\r\n", invalid_content_length},
      {"Content-Length: 5,\r\n", invalid_content_length},
      {"Content-Length: 5.0\r\n", invalid_content_length},
      {"Content-Length: 5e1\r\n", invalid_content_length},
      {"Content-Length: 1_000\r\n", invalid_content_length},
      {"Content-Length: \"5\"\r\n", invalid_content_length},
      {"Content-Length: \xb2\r\n", invalid_content_length},
      {"Content-Length: five\r\n", invalid_content_length},
      {"Content-Length:\r\n", invalid_content_length},
      {"Content-Length: 9223372036854775808\r\n", invalid_content_length},
      {"Content-Length: 18446744073709551615\r\n", invalid_content_length},
      {"Content-Length: 18446744073709551616\r\n", invalid_content_length},
      {"Content-Length: 18446744073709551621\r\n", invalid_content_length},
      {"Content-Length: 99999999999999999999999999\r\n", invalid_content_length},
      // Never two.
      {"Content-Length: 5\r\nContent-Length: 5\r\n", duplicate_content_length},
      {"Content-Length: 5\r\ncontent-length: 6\r\n", duplicate_content_length},
      {"Content-Length: 0\r\nContent-Length: 5\r\n", duplicate_content_length},
      // CL.TE and TE.CL.
      {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
       content_length_with_transfer_encoding},
      {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
       content_length_with_transfer_encoding},
      {"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
       content_length_with_transfer_encoding},
      {"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", content_length_with_transfer_encoding},
      {"Transfer-Encoding:\r\nContent-Length: 5\r\n", invalid_transfer_encoding},
      // TE.TE.
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: chunked, chunked\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: chunked, identity\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: chunked,\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: ,chunked\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: gzip,,chunked\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: chunked;q=1\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: chunked;\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: \"chunked\"\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: 'chunked'\r\n", unsupported_transfer_coding},
      {"Transfer-Encoding: chun ked\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: chunked chunked\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: chunked\xa0\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding:\r\n", invalid_transfer_encoding},
      {"Transfer-Encoding: xchunked\r\n", unsupported_transfer_coding},
      {"Transfer-Encoding: chunkedx\r\n", unsupported_transfer_coding},
      {"Transfer-Encoding: identity\r\n", unsupported_transfer_coding},
      {"Transfer-Encoding: gzip\r\n", unsupported_transfer_coding},
      {"Transfer-Encoding: gzip, chunked\r\n", unsupported_transfer_coding},
      {"Transfer-Encoding: gzip;level=\"9\", chunked\r\n", unsupported_transfer_coding},
      {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", unsupported_transfer_coding},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", invalid_transfer_encoding},
  };
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.bytes);
    CHECK(error_of(get_with(refusal.bytes)) == refusal.error);
    CHECK(describe(refusal.error).status ==
          (refusal.error == unsupported_transfer_coding ? 501 : 400));
  }
  CHECK(error_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        transfer_encoding_in_http_1_0);

  CHECK(Parsed(get_with("Content-Length: 9223372036854775807\r\n")).facts().content_length() ==
        9223372036854775807U);
  CHECK(Parsed(get_with("content-length:\t007 \r\n")).facts().content_length() == 7);
  CHECK(Parsed(get_with("TRANSFER-ENCODING: \tChunKed \r\n")).facts().is_chunked());
  CHECK(Parsed(get_with("Content-Length-X: a\r\nX-Transfer-Encoding: b\r\n")).facts().has_body() ==
        false);
}

TEST_CASE("Connection is a list of options in any case") {
  const auto keeps = [](std::string_view version, std::string_view fields) {
    return Parsed("GET / " + std::string(version) + "\r\nHost: a\r\n" + std::string(fields) +
                  "\r\n")
        .facts()
        .wants_keep_alive();
  };
  CHECK(keeps("HTTP/1.1", ""));
  CHECK(keeps("HTTP/1.1", "Connection: keep-alive\r\n"));
  CHECK(keeps("HTTP/1.1", "Connection: closed, xclose\r\n"));
  CHECK_FALSE(keeps("HTTP/1.1", "Connection: close\r\n"));
  CHECK_FALSE(keeps("HTTP/1.1", "connection: foo ,\tCLOSE , bar\r\n"));
  CHECK_FALSE(keeps("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  CHECK_FALSE(keeps("HTTP/1.1", "Connection: ,,close,,\r\n"));
  CHECK_FALSE(keeps("HTTP/1.0", ""));
  CHECK(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
  CHECK_FALSE(keeps("HTTP/1.0", "Connection: keep-alive, close\r\n"));
}

TEST_CASE("an upgrade is offered by the field and the connection option together") {
  const auto upgrades = [](const std::string& bytes) {
    return Parsed(bytes).facts().wants_upgrade();
  };
  CHECK(upgrades(get_with("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n")));
  CHECK_FALSE(upgrades(get_with("Upgrade: websocket\r\n")));
  CHECK_FALSE(upgrades(get_with("Connection: upgrade\r\n")));
  CHECK_FALSE(upgrades("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
}

TEST_CASE("100-continue is the only expectation, and only of HTTP/1.1 with a body") {
  const auto expects = [](const std::string& bytes) {
    return Parsed(bytes).facts().expects_continue();
  };
  CHECK(expects(get_with("Expect: 100-Continue\r\nContent-Length: 1\r\n")));
  CHECK(expects(get_with("Transfer-Encoding: chunked\r\nexpect: 100-continue\r\n")));
  CHECK_FALSE(expects(get_with("Expect: 100-continue\r\nContent-Length: 0\r\n")));
  CHECK_FALSE(expects(get_with("Expect:\r\nContent-Length: 1\r\n")));
  CHECK_FALSE(expects("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"));
  CHECK_FALSE(expects("POST / HTTP/1.0\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n"));
  CHECK(error_of(get_with("Expect: 200-ok\r\n")) == HeadError::unsupported_expectation);
  CHECK(error_of(get_with("Expect: 100-continue, tea\r\n")) == HeadError::unsupported_expectation);
  CHECK(error_of(get_with("Expect: 100-continue=1\r\n")) == HeadError::unsupported_expectation);
  CHECK(describe(HeadError::unsupported_expectation).status == 417);
}

TEST_CASE("a limit holds to the byte, and breaking it has its own status") {
  HeadLimits limits;
  limits.request_line = 20;
  limits.fields = 2;
  limits.field_size = 10;
  limits.head = 60;
  const auto line_of = [](std::size_t length) {  // a request line of that length
    return "GET /" + std::string(length - 14, 'a') + " HTTP/1.1\r\n";
  };
  CHECK(error_of(line_of(20) + "Host: a\r\n\r\n", limits) == HeadError::none);
  CHECK(error_of(line_of(21) + "Host: a\r\n\r\n", limits) == HeadError::request_line_too_long);
  CHECK(error_of(std::string(21, 'G'), limits) == HeadError::request_line_too_long);
  CHECK(error_of("\r\n" + line_of(20) + "Host: a\r\n\r\n", limits) == HeadError::none);

  CHECK(error_of(line_of(14) + "Host: 6789\r\n\r\n", limits) == HeadError::none);
  CHECK(error_of(line_of(14) + "Host: 67890\r\n\r\n", limits) == HeadError::field_too_large);
  CHECK(error_of(line_of(14) + "Host: 67890", limits) == HeadError::field_too_large);

  CHECK(error_of(line_of(14) + "Host: a\r\nB: 1\r\n\r\n", limits) == HeadError::none);
  CHECK(error_of(line_of(14) + "Host: a\r\nB: 1\r\nC: 1\r\n\r\n", limits) ==
        HeadError::too_many_fields);

  const std::string of_43_bytes = line_of(20) + "Host: a\r\nB: 34567\r\n\r\n";
  limits.head = 43;
  CHECK(error_of(of_43_bytes, limits) == HeadError::none);
  CHECK(error_of(of_43_bytes + "more", limits) == HeadError::none);
  for (limits.head = 42; limits.head >= 32; --limits.head) {
    CHECK(error_of(of_43_bytes, limits) == HeadError::head_too_large);
  }

  CHECK(describe(HeadError::request_line_too_long).status == 414);
  CHECK(describe(HeadError::field_too_large).status == 431);
  CHECK(describe(HeadError::too_many_fields).status == 431);
  CHECK(describe(HeadError::head_too_large).status == 431);
}

TEST_CASE("the default limits are gunicorn's") {
  const std::string_view line_rest = "GET / HTTP/1.1";
  const auto with_line = [&](std::size_t length) {
    return request_with_line("GET /" + std::string(length - line_rest.size(), 'a') + " HTTP/1.1");
  };
  CHECK(error_of(with_line(8190)) == HeadError::none);
  CHECK(error_of(with_line(8191)) == HeadError::request_line_too_long);
  CHECK(error_of(get_with("X: " + std::string(8187, 'v') + "\r\n")) == HeadError::none);
  CHECK(error_of(get_with("X: " + std::string(8188, 'v') + "\r\n")) == HeadError::field_too_large);
  std::string fields;
  for (int i = 0; i < 99; ++i) {
    fields += "X: 1\r\n";
  }
  CHECK(error_of(get_with(fields)) == HeadError::none);
  CHECK(error_of(get_with(fields + "X: 1\r\n")) == HeadError::too_many_fields);
}

TEST_CASE("a parser is ready for the next head after reset") {
  HeadParser parser(k_default_limits);
  const std::string first = get_with("Content-Length: 3\r\nConnection: close\r\n");
  const std::string second = get_with("X: 1\r\n");
  REQUIRE(parser.parse(first) == HeadParser::Result::complete);
  parser.reset();
  CHECK(parser.is_untouched());
  REQUIRE(parser.parse(second) == HeadParser::Result::complete);
  CHECK_FALSE(parser.is_untouched());
  CHECK(parser.fields().size() == 2);
  CHECK(parser.head().size == second.size());
  CHECK_FALSE(parser.head().facts.content_length());
  CHECK(parser.head().facts.wants_keep_alive());
}

TEST_CASE("a parser that gave its memory back parses as before once it is prepared again") {
  HeadParser parser(k_default_limits);
  const std::string bytes = get_with("Content-Length: 3\r\nX: 1\r\n");
  for (int i = 0; i < 3; i++) {
    parser.prepare();  // does nothing the first time
    REQUIRE(parser.parse(bytes) == HeadParser::Result::complete);
    CHECK(parser.fields().size() == 3);
    parser.reset();
    parser.release();
  }
}

TEST_CASE("the request line is known when only a later line fails") {
  HeadParser parser(k_default_limits);
  CHECK(parser.parse("GET / HTTP/1.1 \r\n") == HeadParser::Result::failed);
  CHECK_FALSE(parser.has_request_line());
  parser.reset();
  CHECK(parser.parse("GET /a HTTP/1.1\r\nbad\r\n") == HeadParser::Result::failed);
  CHECK(parser.has_request_line());
  CHECK(parser.head().request_line.length == 15);
}
