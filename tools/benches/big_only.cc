// The one function of the `planning` bench's binary that is there once.
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace big {

struct Parcel {
  std::string id;
  std::vector<std::string> skus;
  std::map<std::string, int> stock;
  std::unordered_map<int, std::shared_ptr<Parcel>> related;
};

__attribute__((noinline)) std::size_t only(const Parcel& parcel, std::size_t count) {
  return parcel.skus.size() + parcel.stock.size() + parcel.related.size() + count;
}

}  // namespace big
