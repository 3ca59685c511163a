// Objects of derived classes, and addresses of code. On each line of its input it
// makes the same calls; it writes the address of what has one.
#include "tests/runtime/targets/out_of_line.h"

#include <any>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace shop {

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
  int id = 1;
};
struct Circle : Shape {
  explicit Circle(double r) : radius(r) {}
  double area() const override { return radius * radius * 3; }
  double radius;
};
struct Square : Shape {
  explicit Square(double s, const Shape* shape = nullptr) : side(s), inner(shape) {}
  double area() const override { return side * side; }
  double side;
  const Shape* inner;
};
struct Named {
  virtual ~Named() = default;
  std::string name = "a label";
};
struct Label : Named, Shape {
  double area() const override { return 0; }
  int width = 4;
};
namespace {
struct Hidden : Shape {
  double area() const override { return secret; }
  int secret = 5;
};
}  // namespace
struct Node {
  virtual ~Node() = default;
  virtual int weight() const { return node; }
  int node = 6;
};
struct Left : virtual Node {
  int left = 7;
};
struct Right : virtual Node {
  int right = 8;
};
struct Diamond : Left, Right {
  int weight() const override { return diamond; }
  int diamond = 9;
};

OUT_OF_LINE double measure(const Shape& shape) {
  return shape.area();
}
OUT_OF_LINE double measure_local(const Shape& shape) {
  return shape.area() + 1;
}
template <class T, unsigned long Count>
struct Tiled : Shape {
  double area() const override { return tiles[0]; }
  T tiles[Count] = {13};
};
OUT_OF_LINE double measure_owned(const std::unique_ptr<Shape>& shape) {
  return shape->area();
}
OUT_OF_LINE double measure_all(const std::vector<const Shape*>& shapes) {
  double sum = 0;
  for (const Shape* shape : shapes) sum += shape->area();
  return sum;
}
OUT_OF_LINE int weigh(const Node* node) {
  return node->weight();
}

struct Till {
  OUT_OF_LINE virtual int open(int coins);
  OUT_OF_LINE int close(int coins);
  virtual ~Till() = default;
};
int Till::open(int coins) {
  return coins + 1;
}
int Till::close(int coins) {
  return coins - 1;
}

OUT_OF_LINE int on_sale(int price) {
  return price / 2;
}
OUT_OF_LINE int on_loss(int price) {
  return price / 3;
}
static OUT_OF_LINE int local_price(int price) {
  return price / 5;
}

using Price = int (*)(int);
struct Handlers {
  Price first;
  Price second;
};
OUT_OF_LINE int call(Price price) {
  return price(60);
}
OUT_OF_LINE int call_both(const Handlers& handlers) {
  return handlers.first(1) + handlers.second(2);
}
OUT_OF_LINE int call_method(Till& till, int (Till::*method)(int)) {
  return (till.*method)(3);
}
OUT_OF_LINE int call_function(const std::function<int(int)>& function) {
  return function(4);
}
struct Hooks {
  int id;
  std::function<int(int)> price;
  std::function<int(int)> none;
};
OUT_OF_LINE int call_hooks(const Hooks& hooks) {
  return hooks.none ? 0 : hooks.price(hooks.id);
}
OUT_OF_LINE int call_copy(std::function<int(int)> function) {
  return function(5);
}
OUT_OF_LINE bool hold(const std::any& value) {
  return value.has_value();
}

}  // namespace shop

using namespace shop;

int main() {
  double sum = 0;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  for (char line[64]; std::fgets(line, sizeof line, stdin);) {
    const Circle circle(2);
    const Square square(3, &circle);
    const Label label;
    const Hidden hidden;
    const Diamond diamond;
    const Node node;
    sum += measure(circle) + measure(square) + measure(label) + measure(hidden);
    struct Local : Shape {
      double area() const override { return local; }
      int local = 12;
    };
    sum += measure_local(Local()) + measure_local(Tiled<short, 2>());
    sum += measure_owned(std::make_unique<Square>(5));
    sum += measure_all({&circle, &label, &square});
    sum += weigh(&diamond) + weigh(&node);
    Till till;
    sum += call(&on_sale) + call(&local_price) + call(&std::abs);
    sum += call_both({&on_loss, &on_sale});
    sum += call_method(till, &Till::close) + call_method(till, &Till::open);
    const int bonus = static_cast<int>(sum);
    sum += call_function(&on_sale) + call_function([bonus](int price) { return price + bonus; });
    const long ledger[5] = {bonus, 1, 2, 3, 4};  // too large to be kept in place
    sum += call_hooks({3, &on_loss, nullptr});
    sum += call_copy([ledger](int price) { return price + static_cast<int>(ledger[price & 3]); });
    sum += hold(std::any(7)) + hold(std::any(std::string("text"))) + hold(std::any());
    std::puts("done");
  }
  return sum > 0 ? 0 : 1;
}
