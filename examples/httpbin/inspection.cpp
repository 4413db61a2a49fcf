// SPDX-License-Identifier: MIT
// The request, told back.
#include "httpbin.hpp"
#include "json.hpp"
#include "report.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

Response headers(const Request& request) {
  JsonWriter json;
  json.begin_object();
  write_headers(json, request);
  json.end_object();
  return Response::json(json.take());
}

Response ip(const Request& request) {
  JsonWriter json;
  json.begin_object();
  write_origin(json, request);
  json.end_object();
  return Response::json(json.take());
}

Response user_agent(const Request& request) {
  JsonWriter json;
  json.begin_object().member("user-agent");
  const std::optional<std::string_view> name = request.field("User-Agent");
  name ? json.string(*name) : json.null();
  json.end_object();
  return Response::json(json.take());
}

Response client_certificate(const Request& request) {
  JsonWriter json;
  json.begin_object();
  if (const ClientCertificate* certificate = request.client_certificate()) {
    json.member("subject").string(certificate->subject);
    json.member("common_name").string(certificate->common_name);
    json.member("issuer").string(certificate->issuer);
    json.member("serial").string(certificate->serial);
    json.member("fingerprint").string(certificate->fingerprint);
    json.member("alternative_names").begin_array();
    for (const std::string& name : certificate->alternative_names) {
      json.string(name);
    }
    json.end_array();
  }
  json.end_object();
  return Response::json(json.take());
}

}  // namespace

void add_inspection(App& app) {
  app.get("/get", get_report);
  app.post("/post", body_report);
  app.put("/put", body_report);
  app.patch("/patch", body_report);
  app.del("/delete", body_report);
  app.any("/anything", full_report);
  app.any("/anything/{rest...}", full_report);
  app.get("/client-certificate", client_certificate);
  app.get("/headers", headers);
  app.get("/ip", ip);
  app.get("/user-agent", user_agent);
}

}  // namespace httpbin
