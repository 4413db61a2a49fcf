// SPDX-License-Identifier: MIT
#include "arbiter/order.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace uringcorn::arbiter {
namespace {

constexpr std::size_t k_control_bytes = CMSG_SPACE(k_order_descriptors_max * sizeof(int));

}  // namespace

void send_order(int socket, const Order& order, std::span<const int> descriptors) {
  if (descriptors.size() > k_order_descriptors_max) {
    throw std::system_error(E2BIG, std::generic_category(), "too many listening sockets");
  }
  Order copy = order;
  iovec bytes{&copy, sizeof copy};
  alignas(cmsghdr) std::array<char, k_control_bytes> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  if (::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    throw std::system_error(errno, std::generic_category(), "its template takes no orders");
  }
}

std::optional<ReceivedOrder> receive_order(int socket) {
  ReceivedOrder received;
  iovec bytes{&received.order, sizeof received.order};
  alignas(cmsghdr) std::array<char, k_control_bytes> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count != sizeof received.order) {
    return std::nullopt;
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      const std::size_t size = header->cmsg_len - CMSG_LEN(0);
      std::vector<int> descriptors(size / sizeof(int));
      std::memcpy(descriptors.data(), CMSG_DATA(header), size);
      for (const int fd : descriptors) {
        received.descriptors.emplace_back(fd);
      }
    }
  }
  return received;
}

}  // namespace uringcorn::arbiter
