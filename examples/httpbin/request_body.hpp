// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace httpbin {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// A request's body as its Content-Type says.
struct RequestBody {
  std::string data;  ///< what is neither a form nor a file
  Pairs form;
  Pairs files;
  std::string json = "null";  ///< the body once more, if it is JSON, in its shortest form
};

RequestBody parse_body(std::string text, std::string_view content_type);

}  // namespace httpbin
