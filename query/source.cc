#include "query/source.h"

#include <utility>

namespace backsight::query {
namespace {

class StoreSource final : public Source {
 public:
  explicit StoreSource(std::string path) : path_(std::move(path)) {}

  schema::Result<std::vector<store::ServiceSpan>> list_services() override {
    return store::list_services(path_);
  }
  schema::Result<std::unique_ptr<store::TimelineReader>> open_reader(const std::string& service) override {
    return store::TimelineReader::open(path_, service);
  }
  schema::Result<std::vector<store::Damage>> verify() override { return store::verify(path_, {}); }
  schema::Result<std::vector<schema::Moment>> load_moments() override { return store::load_moments(path_); }
  schema::Result<void> put_moment(const schema::Moment& moment) override {
    return store::put_moment(path_, moment);
  }
  schema::Result<std::vector<schema::Pin>> load_pins() override { return store::load_pins(path_); }
  schema::Result<void> put_pin(const schema::Pin& pin) override { return store::put_pin(path_, pin); }
  schema::Result<void> delete_pin(const std::string& name) override { return store::delete_pin(path_, name); }

 private:
  std::string path_;
};

}  // namespace

std::unique_ptr<Source> make_store_source(std::string path) {
  return std::make_unique<StoreSource>(std::move(path));
}

}  // namespace backsight::query
