// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace uringcorn {

/// The certificate with which a client proved who it is, once the server has verified it: it was
/// issued by one of `--ca-certs`, is valid today, and the client holds its key.
struct ClientCertificate {
  std::string subject;      ///< "/C=DE/O=Shop/CN=alice"
  std::string common_name;  ///< "alice"; empty if there is none
  std::string issuer;       ///< as the subject
  std::string serial;       ///< in lower-case hexadecimal digits
  /// The subject's alternative names, each with its kind: "DNS:alice.example",
  /// "email:alice@example.com", "URI:spiffe://shop/alice", "IP:192.0.2.7".
  std::vector<std::string> alternative_names;
  /// SHA-256 of the certificate, in lower-case hexadecimal digits.
  std::string fingerprint;
};

}  // namespace uringcorn
