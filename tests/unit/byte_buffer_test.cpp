// SPDX-License-Identifier: MIT
#include "base/byte_buffer.hpp"

#include <doctest/doctest.h>

#include <string>

using uringcorn::ByteBuffer;

TEST_CASE("a byte buffer grows, keeps its bytes and, when cleared, its memory") {
  ByteBuffer buffer;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    buffer.append("0123456789");
    expected += "0123456789";
  }
  CHECK(buffer.view() == expected);
  const std::size_t capacity = buffer.capacity();
  const char* const memory = buffer.data();
  buffer.clear();
  CHECK(buffer.empty());
  buffer.append(expected);
  CHECK(buffer.capacity() == capacity);
  CHECK(buffer.data() == memory);
  buffer.drop_front(9'995);
  CHECK(buffer.view() == "56789");
  buffer.release();
  CHECK(buffer.capacity() == 0);
  CHECK(buffer.view().empty());
}

TEST_CASE("bytes written to the room of a buffer count once it was extended") {
  ByteBuffer buffer;
  char* const room = buffer.room_for(3);
  room[0] = 'a';
  room[1] = 'b';
  buffer.extend(2);
  CHECK(buffer.view() == "ab");
}
