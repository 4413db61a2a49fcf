// SPDX-License-Identifier: MIT
#include "http/h1/body_reader.hpp"

namespace uringcorn::http::h1 {

BodyReader::Step BodyReader::read(std::string_view input) noexcept {
  if (chunked_) {
    return read_chunks(input);
  }
  const std::string_view data =
      input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size())));
  remaining_ -= data.size();
  finished_ = remaining_ == 0;
  return {data.size(), data};
}

BodyReader::Step BodyReader::read_chunks(std::string_view input) noexcept {
  const ChunkedDecoder::Step step = decoder_.decode(input);
  switch (step.result) {
    case ChunkedDecoder::Result::need_more:
      break;
    case ChunkedDecoder::Result::data:
      size_ += step.data.size();
      if (size_limit_ != 0 && size_ > size_limit_) {
        error_ = BodyError::too_large;
        return {step.consumed, {}};
      }
      break;
    case ChunkedDecoder::Result::complete:
      finished_ = true;
      break;
    case ChunkedDecoder::Result::failed:
      error_ = decoder_.error();
      break;
  }
  return {step.consumed, step.data};
}

}  // namespace uringcorn::http::h1
