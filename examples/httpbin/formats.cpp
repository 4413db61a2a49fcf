// SPDX-License-Identifier: MIT
// Documents of some formats, and values in some encodings.
#include <cstdint>
#include <random>

#include "base64.hpp"
#include "httpbin.hpp"
#include "json.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

constexpr std::string_view k_slideshow = R"({
  "slideshow": {
    "author": "Yours Truly",
    "date": "date of publication",
    "slides": [
      {
        "title": "Wake up to WonderWidgets!",
        "type": "all"
      },
      {
        "items": [
          "Why <em>WonderWidgets</em> are great",
          "Who <em>buys</em> WonderWidgets"
        ],
        "title": "Overview",
        "type": "all"
      }
    ],
    "title": "Sample Slide Show"
  }
}
)";

constexpr std::string_view k_moby_dick = R"(<!DOCTYPE html>
<html>
  <head>
  </head>
  <body>
      <h1>Herman Melville - Moby-Dick</h1>
      <div>
        <p>
          Availing himself of the mild, summer-cool weather that now reigned in these latitudes,
          and in preparation for the peculiarly active pursuits shortly to be anticipated, Perth,
          the begrimed, blistered old blacksmith, had not removed his portable forge to the hold
          again, after concluding his contributory work for Ahab's leg, but still retained it on
          deck, fast lashed to ringbolts by the foremast.
        </p>
      </div>
  </body>
</html>
)";

Response json_document(const Request&) {
  return Response::json(std::string(k_slideshow));
}

Response html_document(const Request&) {
  return Response::html(std::string(k_moby_dick));
}

/// A random UUID (RFC 9562, 5.4).
Response uuid(std::mt19937_64& random) {
  const std::uint64_t high = (random() & ~0xf000ULL) | 0x4000ULL;
  const std::uint64_t low = (random() & ~(3ULL << 62)) | 1ULL << 63;
  JsonWriter json;
  json.begin_object().member("uuid");
  json.string(fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                          high & 0xffff, low >> 48, low & 0xffffffffffff));
  json.end_object();
  return Response::json(json.take());
}

Response base64(const Request& request) {
  return Response::html(decode_base64(request.param("value"))
                            .value_or("Incorrect Base64 data try: SFRUUEJJTiBpcyBhd2Vzb21l"));
}

}  // namespace

void add_formats(App& app) {
  app.get("/json", json_document);
  app.get("/html", html_document);
  auto& random = app.emplace_state<std::mt19937_64>(std::random_device{}());
  app.get("/uuid", [&random](const Request&) { return uuid(random); });
  app.get("/base64/{value}", base64);
}

}  // namespace httpbin
