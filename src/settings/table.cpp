// SPDX-License-Identifier: MIT
#include "settings/table.hpp"

#include <algorithm>

#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

std::vector<Setting> all_rows() {
  std::vector<Setting> rows;
  for (const std::span<const Setting> part :
       {listening_rows(), tls_rows(), proxies_rows(), process_rows(), workers_rows(),
        requests_rows(), http2_rows(), websockets_rows(), logging_rows(), development_rows(),
        command_rows()}) {
    rows.insert(rows.end(), part.begin(), part.end());
  }
  return rows;
}

}  // namespace

std::span<const Setting> table() {
  // Made at the first call: the parts are initialised in no certain order before main().
  static const std::vector<Setting> k_rows = all_rows();
  return k_rows;
}

const Setting* find_key(std::string_view key) {
  const auto found = std::find_if(table().begin(), table().end(),
                                  [key](const Setting& setting) { return setting.key == key; });
  return found == table().end() ? nullptr : &*found;
}

const Setting* find_flag(std::string_view flag) {
  const auto found = std::find_if(table().begin(), table().end(), [flag](const Setting& setting) {
    return std::find(setting.flags.begin(), setting.flags.end(), flag) != setting.flags.end();
  });
  return found == table().end() ? nullptr : &*found;
}

bool is_configurable(const Setting& setting) {
  return !std::holds_alternative<ConfigFile>(setting.target) &&
         !std::holds_alternative<Print>(setting.target);
}

bool takes_several(const Setting& setting) {
  return std::holds_alternative<List>(setting.target) ||
         std::holds_alternative<Addresses>(setting.target);
}

std::string negation(const Setting& setting) {
  if (!std::holds_alternative<Switch>(setting.target)) {
    return {};
  }
  return "--no-" + std::string(setting.flags.front().substr(2));
}

std::string_view command_line_name(const Setting& setting) {
  return setting.flags.empty() ? setting.value_name : setting.flags.front();
}

}  // namespace uringcorn::settings
