// SPDX-License-Identifier: MIT
#include "http/target.hpp"

#include "http/percent.hpp"

namespace uringcorn::http {

bool set_path(detail::RequestHead& head, TargetForm form, std::string_view path_and_query,
              detail::Arena& arena) {
  const std::size_t question_mark = path_and_query.find('?');
  const std::string_view path = path_and_query.substr(0, question_mark);
  head.query = question_mark == std::string_view::npos ? std::string_view()
                                                       : path_and_query.substr(question_mark + 1);
  head.path = path;
  if (form == TargetForm::asterisk || form == TargetForm::authority) {
    head.path = head.target;
  } else if (path.empty()) {
    // RFC 9112 section 3.2.4: OPTIONS for an authority without a path asks about the whole server.
    const bool is_of_server = head.method == Method::options && head.query.empty();
    head.path = is_of_server ? "*" : "/";
  } else if (path.find('%') != std::string_view::npos) {
    char* const decoded = arena.allocate(path.size());
    head.path = {decoded, decode_percent(path, decoded, PlusSign::literal)};
    return is_well_escaped(path);
  }
  return true;
}

}  // namespace uringcorn::http
