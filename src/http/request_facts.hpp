// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/field_rules.hpp"
#include "http/head_error.hpp"

namespace uringcorn::http {

enum class Version : std::uint8_t { http_1_0, http_1_1 };

/// What the fields of a request say to the server itself: framing, persistence, expectations. This
/// is the one policy for request fields: fed in the order of arrival, it refuses what could be
/// understood in two ways (RFC 9112 sections 3.2, 6 and 11.2).
///
/// It keeps no reference to what it is given, so that the bytes may move between two calls.
class RequestFacts {
 public:
  /// To be called first, before any field.
  void set_version(Version version) noexcept { version_ = version; }

  /// Takes the next field. `name` is a token and `value` a valid, trimmed field value. After an
  /// error the request is refused: nothing more may be asked.
  HeadError add(std::string_view name, std::string_view value) noexcept {
    // Most names are none of these; their length alone says so.
    switch (name.size()) {
      case 4:
        return equals_ignoring_case(name, "host") ? add_host(value) : HeadError::none;
      case 6:
        return equals_ignoring_case(name, "expect") ? add_expect(value) : HeadError::none;
      case 7:
        has_upgrade_ |= equals_ignoring_case(name, "upgrade");
        return HeadError::none;
      case 10:
        if (equals_ignoring_case(name, "connection")) {
          add_connection(value);
        }
        return HeadError::none;
      case 14:
        return equals_ignoring_case(name, "content-length") ? add_content_length(value)
                                                            : HeadError::none;
      case 17:
        return equals_ignoring_case(name, "transfer-encoding") ? add_transfer_encoding(value)
                                                               : HeadError::none;
      default:
        return HeadError::none;
    }
  }

  /// To be called after the last field: the rules that only the whole head can break.
  HeadError finish() const noexcept;

  /// A body follows whose length no field tells, as HTTP/2 has it without Content-Length.
  void set_body_of_unknown_length() noexcept { is_chunked_ = true; }

  Version version() const noexcept { return version_; }
  bool has_host() const noexcept { return has_host_; }
  /// The body comes piece by piece; content_length() is empty then.
  bool is_chunked() const noexcept { return is_chunked_; }
  std::optional<std::uint64_t> content_length() const noexcept {
    return has_content_length_ ? std::optional(content_length_) : std::nullopt;
  }
  bool has_body() const noexcept { return is_chunked_ || content_length_ > 0; }
  /// The client waits for "100 Continue" before it sends the body.
  bool expects_continue() const noexcept { return expects_continue_ && has_body(); }
  /// The client is willing to send another request (RFC 9112 section 9.3).
  bool wants_keep_alive() const noexcept {
    return !wants_close_ && (version_ == Version::http_1_1 || has_keep_alive_);
  }
  /// The client offers to change the protocol (RFC 9110 section 7.8): `Connection: upgrade` and an
  /// Upgrade field, in HTTP/1.1.
  bool wants_upgrade() const noexcept {
    return version_ == Version::http_1_1 && has_upgrade_ && has_upgrade_option_;
  }

 private:
  HeadError add_host(std::string_view value) noexcept;
  HeadError add_expect(std::string_view value) noexcept;
  void add_connection(std::string_view value) noexcept;
  HeadError add_content_length(std::string_view value) noexcept;
  HeadError add_transfer_encoding(std::string_view value) noexcept;

  std::uint64_t content_length_ = 0;
  Version version_ = Version::http_1_1;
  bool has_host_ = false;
  bool has_content_length_ = false;
  bool has_transfer_encoding_ = false;
  bool is_chunked_ = false;
  bool has_unknown_coding_ = false;
  bool expects_continue_ = false;
  bool has_unknown_expectation_ = false;
  bool wants_close_ = false;
  bool has_keep_alive_ = false;
  bool has_upgrade_option_ = false;
  bool has_upgrade_ = false;
};

}  // namespace uringcorn::http
