// SPDX-License-Identifier: MIT
#include "settings/words.hpp"

#include <fmt/format.h>

#include "settings/error.hpp"

namespace uringcorn::settings {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Reads from the opening quote at `i` to the closing one, and returns the place after it.
std::size_t read_quoted(std::string_view line, std::size_t i, std::string& word) {
  const char quote = line[i];
  for (++i; i < line.size() && line[i] != quote; ++i) {
    const bool escapes = quote == '"' && line[i] == '\\' && i + 1 < line.size() &&
                         (line[i + 1] == '"' || line[i + 1] == '\\');
    if (escapes) {
      ++i;
    }
    word += line[i];
  }
  if (i == line.size()) {
    throw SettingsError(fmt::format("a quote ({}) is not closed", quote));
  }
  return i + 1;
}

}  // namespace

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  std::size_t i = 0;
  while (true) {
    while (i < line.size() && is_blank(line[i])) {
      ++i;
    }
    if (i == line.size()) {
      return words;
    }
    std::string word;
    while (i < line.size() && !is_blank(line[i])) {
      if (line[i] == '\'' || line[i] == '"') {
        i = read_quoted(line, i, word);
        continue;
      }
      if (line[i] == '\\' && i + 1 < line.size()) {
        ++i;
      }
      word += line[i++];
    }
    words.push_back(std::move(word));
  }
}

}  // namespace uringcorn::settings
