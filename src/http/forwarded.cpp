// SPDX-License-Identifier: MIT
#include "http/forwarded.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/ip_address.hpp"
#include "http/field_rules.hpp"

namespace uringcorn::http {
namespace {

constexpr std::string_view k_forwarded = "forwarded";
constexpr std::string_view k_x_forwarded_for = "x-forwarded-for";
constexpr std::string_view k_x_forwarded_host = "x-forwarded-host";
constexpr std::string_view k_x_forwarded_proto = "x-forwarded-proto";

/// The lines of one field, last first.
class LinesFromTheEnd {
 public:
  LinesFromTheEnd(const RequestFields& fields, std::string_view lower_name) noexcept
      : fields_(fields), name_(lower_name), left_(fields.size()) {}

  bool next(std::string_view& line) noexcept {
    while (left_ > 0) {
      const Field& field = fields_.begin()[static_cast<std::ptrdiff_t>(--left_)];
      if (equals_ignoring_case(field.name, name_)) {
        line = field.value;
        return true;
      }
    }
    return false;
  }

 private:
  const RequestFields& fields_;
  std::string_view name_;
  std::size_t left_;
};

/// The elements of a comma-separated field without quoted strings, all its lines together, last
/// first. Blanks are trimmed; empty elements are there too.
class ElementsFromTheEnd {
 public:
  ElementsFromTheEnd(const RequestFields& fields, std::string_view lower_name) noexcept
      : lines_(fields, lower_name) {}

  bool next(std::string_view& element) noexcept {
    if (!in_line_ && !lines_.next(line_)) {
      return false;
    }
    const std::size_t comma = line_.rfind(',');
    in_line_ = comma != std::string_view::npos;
    element = trim_blanks(in_line_ ? line_.substr(comma + 1) : line_);
    line_ = line_.substr(0, in_line_ ? comma : 0);
    return true;
  }

 private:
  LinesFromTheEnd lines_;
  std::string_view line_;
  bool in_line_ = false;
};

/// A `node` of RFC 7239 section 6 that is an address.
struct Node {
  IpAddress ip;
  std::string_view ip_text;  // as it was sent
  std::uint16_t port = 0;
};

std::string_view without_last(std::string_view text) noexcept {
  return text.substr(0, text.size() - 1);
}

/// Digits, or an obfuscated port, which tells nothing.
std::optional<std::uint16_t> parse_node_port(std::string_view text) noexcept {
  if (text.starts_with('_') && is_token(text)) {
    return 0;
  }
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end ? std::optional(port) : std::nullopt;
}

std::optional<Node> parse_node(std::string_view text) noexcept {
  Node node{.ip = {}, .ip_text = text};
  std::string_view after_address;
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) {
      return std::nullopt;
    }
    node.ip_text = text.substr(1, bracket - 1);
    after_address = text.substr(bracket + 1);
    if (node.ip_text.find(':') == std::string_view::npos) {
      return std::nullopt;
    }
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    node.ip_text = text.substr(0, text.find(':'));
    after_address = text.substr(node.ip_text.size());
  }
  const auto ip = IpAddress::parse(node.ip_text);
  if (!ip) {
    return std::nullopt;
  }
  node.ip = *ip;
  if (!after_address.empty()) {
    const auto port =
        after_address.front() == ':' ? parse_node_port(after_address.substr(1)) : std::nullopt;
    if (!port) {
      return std::nullopt;
    }
    node.port = *port;
  }
  return node;
}

/// The way back from the connection's peer, over trusted hops.
class Walk {
 public:
  explicit Walk(const AddressList& trusted) noexcept : trusted_(trusted) {}

  /// Goes to the hop that the next element to the left names. False: it ends here.
  bool step(std::string_view node_text) noexcept {
    const auto node = parse_node(node_text);
    if (!node) {
      return false;
    }
    client_ = node;
    steps_++;
    return trusted_.contains(node->ip);
  }

  std::size_t steps() const noexcept { return steps_; }

  void put_client(detail::RequestHead& head, detail::Arena& arena) const {
    if (!client_) {
      return;
    }
    // One address, one text: what logs and applications compare is the canonical one.
    std::array<char, IpAddress::k_text_max> canonical;
    const std::string_view text(canonical.data(), client_->ip.write(canonical));
    head.peer_address = client_->ip_text;
    if (text != client_->ip_text) {
      char* copy = arena.allocate(text.size());
      std::memcpy(copy, text.data(), text.size());
      head.peer_address = {copy, text.size()};
    }
    head.peer_port = client_->port;
  }

 private:
  const AddressList& trusted_;
  std::optional<Node> client_;
  std::size_t steps_ = 0;
};

void put_scheme(std::string_view scheme, detail::RequestHead& head) noexcept {
  if (equals_ignoring_case(scheme, "https") || equals_ignoring_case(scheme, "wss")) {
    head.https = true;
  } else if (equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "ws")) {
    head.https = false;
  }
}

void put_host(std::string_view host, detail::RequestHead& head) noexcept {
  if (!host.empty() && is_host_and_port(host)) {
    head.authority = host;
  }
}

/// The element that is `hops` from the right end (1: the last), or else the leftmost; empty if
/// there is none.
std::string_view element_at(const RequestFields& fields, std::string_view lower_name,
                            std::size_t hops) noexcept {
  ElementsFromTheEnd elements(fields, lower_name);
  std::string_view element;
  while (hops > 0 && elements.next(element)) {
    hops--;
  }
  return element;
}

void apply_x_forwarded(detail::RequestHead& head, const AddressList& trusted,
                       detail::Arena& arena) {
  Walk walk(trusted);
  ElementsFromTheEnd addresses(head.fields, k_x_forwarded_for);
  std::string_view address;
  while (addresses.next(address) && walk.step(address)) {
  }
  walk.put_client(head, arena);
  const std::size_t hops = std::max<std::size_t>(walk.steps(), 1);
  put_scheme(element_at(head.fields, k_x_forwarded_proto, hops), head);
  put_host(element_at(head.fields, k_x_forwarded_host, hops), head);
}

/// An element of a Forwarded field. The values are without the quotes around them, but with the
/// backslashes inside.
struct Element {
  std::optional<std::string_view> node;
  std::optional<std::string_view> host;
  std::optional<std::string_view> scheme;
};

/// Not only a token: ":" and brackets of addresses are often sent without the quotes that RFC 7239
/// asks for, and stand for nothing else here.
bool is_bare_value_char(char c) noexcept {
  return is_token_char(c) || c == ':' || c == '[' || c == ']';
}

std::string_view take_last_while(std::string_view& rest, bool (*belongs)(char)) noexcept {
  std::size_t start = rest.size();
  while (start > 0 && belongs(rest[start - 1])) {
    start--;
  }
  const std::string_view taken = rest.substr(start);
  rest = rest.substr(0, start);
  return taken;
}

/// Whether the character at `index` stands after an odd number of backslashes.
bool is_escaped(std::string_view text, std::size_t index) noexcept {
  std::size_t start = index;
  while (start > 0 && text[start - 1] == '\\') {
    start--;
  }
  return (index - start) % 2 == 1;
}

/// Takes the quoted string at the end of `rest`, whose last character is its closing quote.
std::optional<std::string_view> take_last_quoted(std::string_view& rest) noexcept {
  const std::size_t closing = rest.size() - 1;
  if (is_escaped(rest, closing)) {
    return std::nullopt;
  }
  std::size_t opening = closing;
  do {
    opening = opening == 0 ? std::string_view::npos : rest.rfind('"', opening - 1);
    if (opening == std::string_view::npos) {
      return std::nullopt;
    }
  } while (is_escaped(rest, opening));
  const std::string_view inside = rest.substr(opening + 1, closing - opening - 1);
  rest = rest.substr(0, opening);
  return inside;
}

/// Where the value of a parameter goes; null for one that says nothing here (`by`, extensions).
std::optional<std::string_view>* place_of(std::string_view name, Element& element) noexcept {
  if (equals_ignoring_case(name, "for")) {
    return &element.node;
  }
  if (equals_ignoring_case(name, "host")) {
    return &element.host;
  }
  return equals_ignoring_case(name, "proto") ? &element.scheme : nullptr;
}

/// Takes the pair `name=value` at the end of `rest`. False: there is none, or the element has one
/// of that name already (RFC 7239 section 4 forbids it).
bool take_last_pair(std::string_view& rest, Element& element) noexcept {
  std::string_view value;
  if (rest.back() == '"') {
    const auto quoted = take_last_quoted(rest);
    if (!quoted) {
      return false;
    }
    value = *quoted;
  } else {
    value = take_last_while(rest, is_bare_value_char);
    if (value.empty()) {
      return false;
    }
  }
  if (rest.empty() || rest.back() != '=') {
    return false;
  }
  rest = without_last(rest);
  const std::string_view name = take_last_while(rest, is_token_char);
  std::optional<std::string_view>* const place = place_of(name, element);
  if (name.empty() || (place != nullptr && place->has_value())) {
    return false;
  }
  if (place != nullptr) {
    *place = value;
  }
  return true;
}

/// Takes the last element of `rest` and the comma before it. False: it is malformed.
bool take_last_element(std::string_view& rest, Element& element) noexcept {
  for (;;) {
    take_last_while(rest, is_blank);
    if (rest.empty()) {
      return true;
    }
    const char last = rest.back();
    if (last == ',' || last == ';') {
      rest = without_last(rest);
      if (last == ',') {
        return true;
      }
      continue;
    }
    if (!take_last_pair(rest, element)) {
      return false;
    }
    take_last_while(rest, is_blank);
    if (!rest.empty() && rest.back() != ',' && rest.back() != ';') {
      return false;
    }
  }
}

std::string_view unescaped(std::string_view text, detail::Arena& arena) {
  if (text.find('\\') == std::string_view::npos) {
    return text;
  }
  char* copy = arena.allocate(text.size());
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    i += text[i] == '\\' ? 1 : 0;
    copy[length++] = text[i];
  }
  return {copy, length};
}

/// Believes one element, and goes to the hop that it names. False: the walk ends here.
bool apply_element(const Element& element, Walk& walk, detail::RequestHead& head,
                   detail::Arena& arena) {
  if (element.scheme) {
    put_scheme(unescaped(*element.scheme, arena), head);
  }
  if (element.host) {
    put_host(unescaped(*element.host, arena), head);
  }
  return element.node && walk.step(unescaped(*element.node, arena));
}

void apply_rfc_7239(detail::RequestHead& head, const AddressList& trusted, detail::Arena& arena) {
  Walk walk(trusted);
  LinesFromTheEnd lines(head.fields, k_forwarded);
  std::string_view line;
  bool goes_on = true;
  while (goes_on && lines.next(line)) {
    do {
      Element element;
      goes_on = take_last_element(line, element) && apply_element(element, walk, head, arena);
    } while (goes_on && !line.empty());
  }
  walk.put_client(head, arena);
}

}  // namespace

void apply_forwarded(detail::RequestHead& head, const net::Peer& peer, const AddressList& trusted,
                     detail::Arena& arena) {
  bool has_forwarded = false;
  bool has_x_forwarded = false;
  for (const Field& field : head.fields) {
    // Most names are of other lengths.
    switch (field.name.size()) {
      case k_forwarded.size():
        has_forwarded |= equals_ignoring_case(field.name, k_forwarded);
        break;
      case k_x_forwarded_for.size():
        has_x_forwarded |= equals_ignoring_case(field.name, k_x_forwarded_for);
        break;
      case k_x_forwarded_host.size():
        has_x_forwarded |= equals_ignoring_case(field.name, k_x_forwarded_host);
        break;
      case k_x_forwarded_proto.size():
        has_x_forwarded |= equals_ignoring_case(field.name, k_x_forwarded_proto);
        break;
      default:
        break;
    }
  }
  if ((!has_forwarded && !has_x_forwarded) || !peer.is_in(trusted)) {
    return;
  }
  if (has_x_forwarded) {
    apply_x_forwarded(head, trusted, arena);
  } else {
    apply_rfc_7239(head, trusted, arena);
  }
}

}  // namespace uringcorn::http
