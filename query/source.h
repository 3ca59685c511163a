// Where answers come from: a store directory, or a test's hand-made timelines.
#pragma once

#include "schema/facts.h"
#include "schema/result.h"
#include "store/timeline.h"

#include <memory>
#include <string>
#include <vector>

namespace backsight::query {

class Source {
 public:
  virtual ~Source() = default;
  virtual schema::Result<std::vector<store::ServiceSpan>> list_services() = 0;
  virtual schema::Result<std::unique_ptr<store::TimelineReader>> open_reader(const std::string& service) = 0;
  virtual schema::Result<std::vector<store::Damage>> verify() = 0;

  virtual schema::Result<std::vector<schema::Moment>> load_moments() = 0;
  virtual schema::Result<void> put_moment(const schema::Moment& moment) = 0;
  virtual schema::Result<std::vector<schema::Pin>> load_pins() = 0;
  virtual schema::Result<void> put_pin(const schema::Pin& pin) = 0;
  virtual schema::Result<void> delete_pin(const std::string& name) = 0;
};

// The store directory at `path`.
std::unique_ptr<Source> make_store_source(std::string path);

}  // namespace backsight::query
