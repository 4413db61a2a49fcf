// SPDX-License-Identifier: MIT
#include "http/h1/response_writer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace {

using uringcorn::ByteBuffer;
using uringcorn::Fields;
using uringcorn::http::Version;
using uringcorn::http::h1::BodyEnd;
using uringcorn::http::h1::frame_response;
using uringcorn::http::h1::ResponseFraming;
using uringcorn::http::h1::write_error_response;
using uringcorn::http::h1::write_interim_response;
using uringcorn::http::h1::write_response_head;

constexpr std::string_view k_date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
constexpr std::string_view k_server = "Server: uringcorn\r\n";

std::string head(int status, const Fields& fields, const ResponseFraming& framing) {
  ByteBuffer out;
  write_response_head(out, status, fields, framing, k_date, k_server);
  return std::string(out.view());
}

}  // namespace

TEST_CASE("a body of known length is announced by Content-Length") {
  const ResponseFraming framing = frame_response(200, 12, {});
  CHECK(framing.body_end == BodyEnd::length);
  CHECK(framing.keep_alive);
  Fields fields;
  fields.add("Content-Type", "text/plain");
  CHECK(head(200, fields, framing) == "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" +
                                          std::string(k_date) + std::string(k_server) +
                                          "Content-Length: 12\r\n\r\n");
}

TEST_CASE("a body of unknown length is chunked in HTTP/1.1, and ends with the connection before") {
  const ResponseFraming chunked = frame_response(200, std::nullopt, {});
  CHECK(chunked.body_end == BodyEnd::chunked);
  CHECK(chunked.keep_alive);
  CHECK(head(200, {}, chunked).ends_with("Transfer-Encoding: chunked\r\n\r\n"));
  const ResponseFraming close = frame_response(200, std::nullopt, {.version = Version::http_1_0});
  CHECK(close.body_end == BodyEnd::close);
  CHECK_FALSE(close.keep_alive);
  CHECK(head(200, {}, close).find("Transfer-Encoding") == std::string::npos);
}

TEST_CASE("HEAD announces what GET would, and sends no body") {
  const ResponseFraming known = frame_response(200, 12, {.is_head = true});
  CHECK(known.body_end == BodyEnd::none);
  CHECK(head(200, {}, known).ends_with("Content-Length: 12\r\n\r\n"));
  const ResponseFraming unknown = frame_response(200, std::nullopt, {.is_head = true});
  CHECK(unknown.body_end == BodyEnd::none);
  CHECK(unknown.transfer_encoding);
  const ResponseFraming old =
      frame_response(200, std::nullopt, {.version = Version::http_1_0, .is_head = true});
  CHECK(old.body_end == BodyEnd::none);
  CHECK(old.keep_alive);
}

TEST_CASE("1xx, 204 and 304 have neither body nor length, 205 has length 0") {
  for (const int status : {103, 204, 304}) {
    for (const std::optional<std::uint64_t> length : {std::optional<std::uint64_t>(5), {}}) {
      const ResponseFraming framing = frame_response(status, length, {});
      CHECK(framing.body_end == BodyEnd::none);
      CHECK_FALSE(framing.content_length);
      CHECK_FALSE(framing.transfer_encoding);
    }
  }
  CHECK(frame_response(205, 5, {}).content_length == 0);
  CHECK(frame_response(205, 5, {}).body_end == BodyEnd::none);
}

TEST_CASE("Connection is said where it is not what the version assumes") {
  const auto said = [](Version version, bool keep_alive) {
    const std::string text =
        head(200, {}, frame_response(200, 0, {.version = version, .keep_alive = keep_alive}));
    const std::size_t start = text.find("Connection: ");
    return start == std::string::npos ? "" : text.substr(start, text.find('\r', start) - start);
  };
  CHECK(said(Version::http_1_1, true).empty());
  CHECK(said(Version::http_1_1, false) == "Connection: close");
  CHECK(said(Version::http_1_0, true) == "Connection: keep-alive");
  CHECK(said(Version::http_1_0, false).empty());
}

TEST_CASE("the success of CONNECT has no framing and is the last answer") {
  const ResponseFraming framing = frame_response(200, 5, {.is_connect = true});
  CHECK_FALSE(framing.content_length);
  CHECK_FALSE(framing.keep_alive);
  CHECK(frame_response(501, 5, {.is_connect = true}).content_length == 5);
}

TEST_CASE("an application's framing fields are left out, its Date and Server take our place") {
  Fields fields;
  fields.add("content-length", "99");
  fields.add("Transfer-Encoding", "gzip");
  fields.add("Connection", "upgrade");
  fields.add("Keep-Alive", "timeout=5");
  fields.add("Date", "yesterday");
  fields.add("SERVER", "mine");
  fields.add("Set-Cookie", "a=b");
  fields.add("Set-Cookie", "c=d");
  CHECK(head(404, fields, frame_response(404, 0, {})) ==
        "HTTP/1.1 404 Not Found\r\nDate: yesterday\r\nSERVER: mine\r\nSet-Cookie: a=b\r\n"
        "Set-Cookie: c=d\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("a status without a registered name has an empty reason") {
  CHECK(head(299, {}, frame_response(299, 0, {})).starts_with("HTTP/1.1 299 \r\n"));
}

TEST_CASE("an error answer is a small plain page") {
  ByteBuffer out;
  write_error_response(out, 400, "The method is not a token.", {.keep_alive = false}, k_date,
                       k_server);
  CHECK(out.view() == "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
                          std::string(k_date) + std::string(k_server) +
                          "Content-Length: 43\r\nConnection: close\r\n\r\n"
                          "400 Bad Request\nThe method is not a token.\n");
  CHECK(out.view().substr(out.view().find("\r\n\r\n") + 4).size() == 43);
  out.clear();
  write_error_response(out, 431, "Too large.", {.is_head = true, .keep_alive = false}, {}, {});
  CHECK(out.view().ends_with("Content-Length: 47\r\nConnection: close\r\n\r\n"));
}

TEST_CASE("an interim answer has no framing") {
  ByteBuffer out;
  Fields fields;
  fields.add("Link", "</a.css>; rel=preload");
  fields.add("Content-Length", "5");
  write_interim_response(out, 103, fields);
  CHECK(out.view() == "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
}

TEST_CASE("chunks are framed by their size in hexadecimal") {
  ByteBuffer out;
  uringcorn::http::h1::begin_chunk(out, 0x1a2b);
  out.append("data");
  uringcorn::http::h1::end_chunk(out);
  uringcorn::http::h1::end_chunked_body(out, Fields());
  CHECK(out.view() == "1a2b\r\ndata\r\n0\r\n\r\n");
}

TEST_CASE("trailer fields follow the last chunk") {
  ByteBuffer out;
  uringcorn::http::h1::end_chunked_body(out, Fields().add("X-Sum", "1").add("Empty", ""));
  CHECK(out.view() == "0\r\nX-Sum: 1\r\nEmpty: \r\n\r\n");
}
