// SPDX-License-Identifier: MIT
// Each line of the input is a field: its first byte chooses the name. Whatever a client sends, what
// its trusted proxy adds at the end is understood in the same way.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address_list.hpp"
#include "http/field_rules.hpp"
#include "http/forwarded.hpp"

namespace {

using uringcorn::AddressList;
using uringcorn::Field;
using uringcorn::IpAddress;
using uringcorn::RequestFields;
using uringcorn::detail::RequestHead;
using uringcorn::net::Peer;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

struct Arena final : uringcorn::detail::Arena {
  char* allocate(std::size_t bytes) override {
    pieces.push_back(std::make_unique<char[]>(bytes));
    return pieces.back().get();
  }
  std::deque<std::unique_ptr<char[]>> pieces;
};

constexpr std::string_view k_names[] = {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
                                        "Forwarded"};

std::vector<Field> fields_of(std::string_view input) {
  std::vector<Field> fields;
  while (!input.empty()) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    const std::string_view line = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    if (!line.empty() && uringcorn::http::is_field_value(line.substr(1))) {
      fields.push_back({k_names[static_cast<unsigned char>(line[0]) % 4],
                        uringcorn::http::trim_blanks(line.substr(1))});
    }
  }
  return fields;
}

void check(const std::vector<Field>& fields, const AddressList& trusted, std::string_view client) {
  Arena arena;
  RequestHead head;
  const Peer peer(*IpAddress::parse("127.0.0.1"), 1);
  head.peer_address = peer.address();
  head.fields = RequestFields(fields);
  uringcorn::http::apply_forwarded(head, peer, trusted, arena);
  const auto ip = IpAddress::parse(head.peer_address);
  require(ip && ip->text() == head.peer_address);
  require(uringcorn::http::is_host_and_port(head.authority));
  require(client.empty() || head.peer_address == client);
}

/// With the fields, and the last value of `name` continued (or one added) by a trusted proxy.
void check_with(std::vector<Field> fields, std::string_view name, std::string_view addition) {
  std::string value;
  const auto last = std::find_if(fields.rbegin(), fields.rend(),
                                 [name](const Field& field) { return field.name == name; });
  if (last == fields.rend()) {
    value = addition;
    fields.push_back({name, value});
  } else {
    value = std::string(last->value) + ", " + std::string(addition);
    last->value = value;
  }
  check(fields, AddressList::loopback(), "203.0.113.5");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<Field> fields = fields_of({reinterpret_cast<const char*>(data), size});
  AddressList everybody;
  everybody.add("*");
  check(fields, everybody, "");
  check(fields, AddressList::loopback(), "");
  check_with(fields, k_names[0], "203.0.113.5:80, ::1");
  std::erase_if(fields, [](const Field& field) { return field.name != k_names[3]; });
  check_with(fields, k_names[3], "for=203.0.113.5;by=\"a,b\";proto=https, for=\"[::1]:5\"");
  return 0;
}
