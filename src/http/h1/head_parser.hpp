// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "http/head_error.hpp"
#include "http/head_limits.hpp"
#include "http/request_facts.hpp"
#include "http/target.hpp"

namespace uringcorn::http::h1 {

/// A piece of the head: offsets from its first byte, so that they stay true when it is copied.
struct Slice {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;

  std::string_view in(const char* head) const noexcept { return {head + offset, length}; }
};

struct FieldSlices {
  Slice name;   // a token, in the case in which it came
  Slice value;  // without the blanks around it
};

struct RequestHead {
  std::uint32_t size = 0;  // of the whole head: what follows is body, or the next request
  TargetForm target_form = TargetForm::origin;
  Slice request_line;
  Slice method;
  Slice target;
  // From the path on, with the query: the whole target in origin form; in absolute form what
  // follows the authority, which may be empty or begin with "?". Empty in the other forms.
  Slice path_and_query;
  // The host that counts: the target's in absolute and authority form (RFC 9112 section 3.2.2),
  // else the Host field's. Empty when there is none.
  Slice host;
  RequestFacts facts;
};

/// Parses one request head as it grows. Strict: RFC 9112 without its permissions to be lenient,
/// except that one empty line is tolerated before the request line (section 2.2).
///
/// The parser keeps no pointer to the bytes, and allocates only when it is made, or prepared after
/// release(): a table for as many fields as the limits allow. So an idle connection should not hold
/// one. One thread at a time.
class HeadParser {
 public:
  enum class Result : std::uint8_t { need_more, complete, failed };

  /// `limits` must outlive the parser.
  explicit HeadParser(const HeadLimits& limits) : limits_(&limits) { prepare(); }

  /// Makes it ready for another head. Cheap.
  void reset() noexcept;

  /// Gives its memory back, for as long as no head is to be parsed: until prepare().
  void release() noexcept { fields_.reset(); }
  void prepare() {
    if (!fields_) {
      fields_ = std::make_unique_for_overwrite<FieldSlices[]>(limits_->fields);
    }
  }

  /// `bytes` is everything received since the head's first byte, and may go on past its end. After
  /// need_more it is to be called again with more bytes after the same ones, which may stand at
  /// another address by then; each byte is looked at a bounded number of times, however small the
  /// pieces are. The result depends on the bytes alone, never on how they were cut into pieces.
  Result parse(std::string_view bytes) noexcept;

  /// After complete.
  const RequestHead& head() const noexcept { return head_; }
  /// After complete, in the order of arrival. Where the target is in absolute form, the value of
  /// the Host field is the target's authority: what the client sent there must be ignored.
  std::span<const FieldSlices> fields() const noexcept { return {fields_.get(), field_count_}; }

  /// After failed.
  HeadError error() const noexcept { return error_; }
  /// True once a request line was accepted: head().request_line, method and target are known, even
  /// if the head fails later.
  bool has_request_line() const noexcept { return section_ == Section::fields; }
  /// True while nothing but the tolerated empty line has come.
  bool is_untouched() const noexcept {
    return section_ != Section::fields && scanned_ == line_start_;
  }

 private:
  enum class Section : std::uint8_t { start, request_line, fields };

  Result fail(HeadError error) noexcept;
  HeadError limit_error(std::uint32_t stop) const noexcept;
  HeadError parse_request_line(const char* bytes, std::uint32_t length) noexcept;
  HeadError parse_version(std::string_view text) noexcept;
  HeadError parse_target(const char* bytes) noexcept;
  HeadError parse_absolute_form(std::string_view target) noexcept;
  HeadError parse_field_line(const char* bytes, std::uint32_t length) noexcept;
  static HeadError name_error(std::string_view line, std::uint32_t name_length) noexcept;
  HeadError finish(std::uint32_t size) noexcept;

  const HeadLimits* limits_;
  std::unique_ptr<FieldSlices[]> fields_;
  std::uint32_t line_start_ = 0;  // of the line that is not yet complete
  std::uint32_t scanned_ = 0;     // no line ends before this
  std::uint32_t field_count_ = 0;
  std::uint32_t host_field_ = 0;  // index of the Host field, if facts say that there is one
  Section section_ = Section::start;
  HeadError error_ = HeadError::none;
  RequestHead head_;
};

}  // namespace uringcorn::http::h1
