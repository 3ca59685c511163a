// Alertmanager itself, from Debian, with our port as its webhook receiver: what it
// really sends becomes a moment and a pin, however often it sends it.
#include "schema/time.h"
#include "store/timeline.h"
#include "tests/runtime/harness.h"
#include "tests/support/result.h"
#include "tools/http/server.h"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

using namespace backsight;
using namespace backsight::tests;

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMillisecond;
constexpr const char* kAlertmanager = "/usr/bin/prometheus-alertmanager";

// A port of the loopback interface that is free now.
std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

std::string fetch(const std::string& url) {
  return run({"/usr/bin/curl", "-fsS", url}).out;
}

class Alertmanager {
 public:
  Alertmanager(const TempDir& dir, std::uint16_t webhook_port)
      : url_("http://127.0.0.1:" + std::to_string(free_port())),
        log_path_(dir.file("alertmanager.log")),
        child_(start(dir, webhook_port)) {}

  bool ready() const { return run({"/usr/bin/curl", "-fs", url_ + "/-/ready"}).code == 0; }
  Output add_alert(std::vector<std::string> more) const {
    std::vector<std::string> argv = {"/usr/bin/amtool",
                                     "alert",
                                     "add",
                                     "--alertmanager.url=" + url_,
                                     "ShopOversold",
                                     "job=shop",
                                     "--annotation=summary=It sold too much \xe2\x80\xa6"};
    argv.insert(argv.end(), more.begin(), more.end());
    return run(argv);
  }
  boost::json::object first_alert() const {
    return boost::json::parse(fetch(url_ + "/api/v2/alerts")).as_array().at(0).as_object();
  }
  // A counter of its own, by the beginning of the sample's line.
  double counter(const std::string& sample) const {
    const std::string text = fetch(url_ + "/metrics");
    const std::size_t at = text.find("\n" + sample);
    return at == std::string::npos ? -1 : std::stod(text.substr(at + 1 + sample.size()));
  }
  std::string log() const { return read_file(log_path_ + ".err"); }

 private:
  Child start(const TempDir& dir, std::uint16_t webhook_port) const {
    write_file(dir.file("alertmanager.yml"),
               "route: {receiver: backsight, group_wait: 0s, group_interval: 1s, repeat_interval: 1s}\n"
               "receivers:\n  - name: backsight\n    webhook_configs:\n      - url: http://127.0.0.1:" +
                   std::to_string(webhook_port) + "/api/v1/alerts\n");
    return Child({kAlertmanager, "--config.file=" + dir.file("alertmanager.yml"),
                  "--storage.path=" + dir.file("alertmanager"),
                  "--cluster.listen-address=", "--web.listen-address=" + url_.substr(7)},
                 log_path_);
  }

  std::string url_, log_path_;
  Child child_;
};

std::vector<schema::Moment> moments_in(const std::string& store) {
  auto moments = store::load_moments(store);
  return moments ? *moments : std::vector<schema::Moment>{};
}

}  // namespace

TEST_CASE("the real Alertmanager makes a moment and a pin, once", "[runtime][alerts]") {
  if (access(kAlertmanager, X_OK) != 0) {
    WARN("SKIPPED: prometheus-alertmanager is not installed");
    return;
  }
  const TempDir dir;
  const std::string store = dir.file("store");
  store::StoreOptions store_options;
  store_options.path = store;
  const auto writer = store::StoreWriter::open(store_options);
  REQUIRE(writer);
  tools::HttpOptions options;
  options.port = 0;
  options.store_path = store;
  options.metrics = [] { return std::string(); };
  options.ready = [] { return true; };
  auto server = tools::HttpServer::start(options);
  REQUIRE(server);

  const Alertmanager alertmanager(dir, (*server)->port());
  REQUIRE(eventually([&] { return alertmanager.ready(); }));
  REQUIRE(alertmanager.add_alert({}).code == 0);
  const bool arrived = eventually([&] { return !moments_in(store).empty(); }, std::chrono::seconds(10));
  INFO(alertmanager.log());
  REQUIRE(arrived);

  // What it is called and when it began, in Alertmanager's own words.
  const boost::json::object alert = alertmanager.first_alert();
  const auto starts_at = schema::parse_rfc3339(std::string(alert.at("startsAt").as_string()));
  REQUIRE(starts_at);
  const schema::Moment moment = moments_in(store).at(0);
  CHECK(moment.kind == schema::MomentKind::kAlert);
  CHECK(moment.name == std::string(alert.at("fingerprint").as_string()));
  // Its API shows milliseconds, its webhook all there is.
  CHECK(moment.at.ns / kMillisecond == starts_at->ns / kMillisecond);
  CHECK(moment.text == "ShopOversold: It sold too much \xe2\x80\xa6");
  CHECK_FALSE(moment.resolved_at.has_value());
  CHECK(moment.labels_json.find("\"job\":\"shop\"") != std::string::npos);

  // It sends again every second; nothing changes.
  const std::string sent = "alertmanager_notifications_total{integration=\"webhook\"} ";
  REQUIRE(eventually([&] { return alertmanager.counter(sent) >= 3; }));
  CHECK(alertmanager.counter("alertmanager_notifications_failed_total{integration=\"webhook\"} ") == 0);
  CHECK(moments_in(store) == std::vector<schema::Moment>{moment});
  const auto pins = store::load_pins(store);
  REQUIRE(pins);
  REQUIRE(pins->size() == 1);
  CHECK(pins->at(0).from.ns == moment.at.ns - 60 * kSecond);
  CHECK(pins->at(0).to.ns == moment.at.ns + 10 * kSecond);

  // As a user sees it, with the alert's name as a time.
  const boost::json::object answer = ask(store, {"moments"});
  REQUIRE(answer.at("moments").as_array().size() == 1);
  CHECK(boost::json::serialize(answer).find(moment.name) != std::string::npos);

  // The end of the alert is noted, and the pin stays.
  REQUIRE(
      alertmanager.add_alert({"--end=" + schema::format_rfc3339({schema::read_clocks().wall.ns - 1})}).code ==
      0);
  CHECK(eventually([&] {
    const auto known = moments_in(store);
    return known.size() == 1 && known[0].resolved_at.has_value();
  }));
  CHECK(moments_in(store).at(0).at.ns == moment.at.ns);
  CHECK(store::load_pins(store)->size() == 1);
}

TEST_CASE("promtool accepts our metrics", "[runtime][alerts][bpf]") {
  BACKSIGHT_NEEDS_BPF();
  if (access("/usr/bin/promtool", X_OK) != 0) {
    WARN("SKIPPED: promtool is not installed");
    return;
  }
  const TempDir dir;
  Daemon daemon(dir, "  - {name: \"values\", match: {exe: \"" + target("values") +
                         "\"}, probes: [{function: \"no such::function\"}, {function: \"main\"}]}\n");
  const std::string url = "http://127.0.0.1:" + std::to_string(daemon.port());
  INFO(daemon.log());
  REQUIRE(eventually([&] { return run({"/usr/bin/curl", "-fs", url + "/readyz"}).code == 0; }));
  write_file(dir.file("metrics"), fetch(url + "/metrics"));
  CHECK(read_file(dir.file("metrics")).find("backsight_") != std::string::npos);
  const Output check = run({"/bin/sh", "-c", "promtool check metrics < " + dir.file("metrics")});
  INFO(check.out << check.err);
  CHECK(check.code == 0);
  CHECK(daemon.stop() == 0);
}
