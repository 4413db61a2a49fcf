// SPDX-License-Identifier: MIT
#include "http/request_account.hpp"

#include <utility>

#include "observe/access_log.hpp"

namespace uringcorn::http {
namespace {

std::string_view protocol_of(const detail::RequestHead& head) noexcept {
  if (head.version_major == 2) {
    return "HTTP/2.0";
  }
  return head.version_minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

}  // namespace

void RequestAccount::record(const detail::RequestHead& head, const Response* response, int status,
                            std::uint64_t body_bytes) const {
  observe::AccessRecord record;
  record.time = began_at_;
  record.duration = Clock::now() - began_;
  record.remote_address = head.peer_address;
  record.method = head.method_name;
  record.target = head.target;
  record.path = head.target.substr(0, head.target.find('?'));
  record.query = head.query;
  record.protocol = protocol_of(head);
  record.status = status;
  record.body_bytes = body_bytes;
  record.request_fields = observe::FieldLookup::of(head.fields);
  if (response != nullptr) {
    record.response_fields = observe::FieldLookup::of(response->fields());
  }
  context_->access_log->record(record);
}

}  // namespace uringcorn::http
