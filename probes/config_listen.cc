#include "probes/config_listen.h"

#include <arpa/inet.h>

#include <charconv>
#include <string>

namespace backsight::probes {
namespace {

constexpr const char* kAddressHint = "127.0.0.1:7070 or \"[::1]:7070\"";
constexpr KeySpec kListenKeys[] = {{"address"}, {"token_file"}, {"certificate"}, {"key"}, {"access_log"}};

// Is it a numeric address, and does it stay on this machine?
enum class Reach { kNotAnAddress, kLoopback, kBeyond };
Reach reach_of(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127 ? Reach::kLoopback : Reach::kBeyond;
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6) ? Reach::kLoopback : Reach::kBeyond;
  }
  return Reach::kNotAnAddress;
}

// Host and port of "127.0.0.1:7070"; whether it can be reached from elsewhere.
Reach read_address(const ConfigValue& value, ListenConfig& listen) {
  const std::string text = value.text();
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon == std::string::npos ? 0 : colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (colon == std::string::npos || (!is_bracketed && host.find(':') != std::string::npos)) {
    value.fail("expected host:port, found \"" + text + "\"", kAddressHint);
  }
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, listen.port);
  if (error != std::errc() || stop != end) {
    value.fail("\"" + text.substr(colon + 1) + "\" is not a port", "from 0 (any free one) to 65535");
  }
  if (host == "localhost") host = "127.0.0.1";
  if (host.empty()) host = "0.0.0.0";
  const Reach reach = reach_of(host);
  if (reach == Reach::kNotAnAddress) value.fail("\"" + host + "\" is not an address", kAddressHint);
  listen.host = host;
  return reach;
}

// The daemon's working directory is nobody's choice.
std::string read_path(const ConfigValue& value) {
  std::string path = value.text();
  if (path.front() != '/') {
    value.fail("\"" + path + "\" is not a full path", "a path that begins with '/'");
  }
  return path;
}

void require_token(const ConfigValue& address, const ListenConfig& listen) {
  if (!listen.token_file.empty()) return;
  address.fail("\"" + address.text() + "\" can be reached from other machines: that needs a token",
               "listen: { address: \"" + address.text() +
                   "\", token_file: /etc/backsight/token }, or listen on loopback: " + kAddressHint);
}

}  // namespace

ListenConfig read_listen(const ConfigValue& value) {
  ListenConfig listen;
  if (!value.is_map()) {
    if (read_address(value, listen) == Reach::kBeyond) require_token(value, listen);
    return listen;
  }
  const ConfigMap map(value, "listen", kListenKeys);
  const ConfigValue& address = map.require("address", "address: 127.0.0.1:7070");
  const Reach reach = read_address(address, listen);
  if (const auto* path = map.find("token_file")) listen.token_file = read_path(*path);
  if (const auto* path = map.find("access_log")) {
    listen.access_log = path->text() == "journal" ? "journal" : read_path(*path);
  }
  const auto* certificate = map.find("certificate");
  const auto* key = map.find("key");
  if (certificate != nullptr) listen.certificate = read_path(*certificate);
  if (key != nullptr) listen.key = read_path(*key);
  if ((certificate == nullptr) != (key == nullptr)) {
    (certificate != nullptr ? *certificate : *key)
        .fail("TLS needs both a certificate and its key",
              "certificate: /etc/backsight/tls.crt, key: /etc/backsight/tls.key");
  }
  if (reach == Reach::kBeyond) require_token(address, listen);
  return listen;
}

}  // namespace backsight::probes
