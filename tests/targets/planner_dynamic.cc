// Classes whose objects are told by their virtual tables. report() writes what is
// true here: the address point of each class (link-time), and where members of
// virtual bases are. Built as program and as library, with and without typeinfo.
#include <link.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
  int id = 1;
};
struct Circle : Shape {
  Circle() : radius(2) { touch(); }
  double area() const override { return radius * radius * 3; }
  __attribute__((noinline)) void touch() { asm volatile("" : : "r"(this) : "memory"); }
  double radius;
};
struct Square : Shape {
  double area() const override { return side * side; }
  double side = 3;
};
struct Cube : Square {
  double area() const override { return side * side * 6; }
  Shape* inner = nullptr;
};
struct Named {
  virtual ~Named() = default;
  const char* name = "label";
};
struct Label : Named, Shape {
  double area() const override { return 0; }
  int width = 4;
};
template <unsigned Corners>
struct Polygon : Shape {
  double area() const override { return Corners; }
  int corners[Corners] = {};
};
enum class Colour : unsigned char { kRed, kBlue };
// The demangler writes its arguments as no compiler does.
template <class Unit, unsigned long Count, Colour kColour>
struct Painted : Shape {
  double area() const override { return static_cast<double>(units[0]); }
  Unit units[Count] = {};
};
using PaintedShape = Painted<short, 3, Colour::kBlue>;
// Classes inside of functions, also two of one name.
inline Shape* make_local(int sides) {
  struct Local : Shape {
    double area() const override { return local; }
    int local = 11;
  };
  static Local local;
  local.id = sides;
  return &local;
}
template <class T>
Shape* make_twin(bool first) {
  if (first) {
    struct Twin : Shape {
      double area() const override { return 1; }
      T one = 1;
    };
    static Twin twin;
    return &twin;
  }
  struct Twin : Shape {
    double area() const override { return 2; }
    T two[5] = {};
  };
  static Twin twin;
  return &twin;
}
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
  int weight() const override { return right; }
  int right = 8;
};
struct Diamond : Left, Right {
  int weight() const override { return diamond; }
  int diamond = 9;
};
struct Jewel : Named, Diamond {
  int jewel = 10;
};

Shape* make_other_hidden();

extern "C" {
__attribute__((noinline)) double use_shape(const Shape* shape) {
  return shape->area();
}
__attribute__((noinline)) int use_node(Node& node) {
  return node.weight();
}
__attribute__((noinline)) const char* use_named(Named* named) {
  return named->name;
}
}

static std::uintptr_t bias_of_this_module() {
  std::uintptr_t bias = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) {
        const auto here = reinterpret_cast<std::uintptr_t>(&use_shape);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
          if (here < begin || here - begin >= info->dlpi_phdr[i].p_memsz) continue;
          *static_cast<std::uintptr_t*>(result) = info->dlpi_addr;
        }
        return 0;
      },
      &bias);
  return bias;
}

template <class T>
static void report_class(std::FILE* out, const char* name, const T& object) {
  std::uintptr_t vptr = 0;
  std::memcpy(&vptr, static_cast<const void*>(&object), sizeof vptr);
  std::fprintf(out, "class %s %lx\n", name, vptr - bias_of_this_module());
}

template <class T, class M>
static void report_member(std::FILE* out, const char* name, const T& object, const M& member) {
  const auto offset = reinterpret_cast<const char*>(&member) - reinterpret_cast<const char*>(&object);
  std::fprintf(out, "member %s %lx\n", name, static_cast<unsigned long>(offset));
}

extern "C" int report(std::FILE* out) {
  Circle circle;
  Square square;
  Cube cube;
  Label label;
  Polygon<5> pentagon;
  Hidden hidden;
  Shape* other = make_other_hidden();
  Node node;
  Left left;
  Right right;
  Diamond diamond;
  Jewel jewel;
  Named named;
  cube.inner = &circle;
  report_class(out, "Circle", circle);
  report_class(out, "Square", square);
  report_class(out, "Cube", cube);
  report_class(out, "Label", label);
  report_class(out, "Polygon<5>", pentagon);
  report_class(out, "Painted", PaintedShape());
  report_class(out, "Local", *make_local(2));
  report_class(out, "Twin1", *make_twin<int>(true));
  report_class(out, "Twin2", *make_twin<int>(false));
  report_class(out, "Hidden", hidden);
  report_class(out, "OtherHidden", *other);
  report_class(out, "Node", node);
  report_class(out, "Left", left);
  report_class(out, "Right", right);
  report_class(out, "Diamond", diamond);
  report_class(out, "Jewel", jewel);
  report_class(out, "Named", named);
  report_member(out, "Left.node", left, left.node);
  report_member(out, "Left.left", left, left.left);
  report_member(out, "Diamond.node", diamond, diamond.node);
  report_member(out, "Diamond.left", diamond, diamond.left);
  report_member(out, "Diamond.right", diamond, diamond.right);
  report_member(out, "Diamond.diamond", diamond, diamond.diamond);
  report_member(out, "Jewel.node", jewel, jewel.node);
  report_member(out, "Jewel.right", jewel, jewel.right);
  report_member(out, "Jewel.name", jewel, jewel.name);
  report_member(out, "Jewel.jewel", jewel, jewel.jewel);
  return static_cast<int>(use_shape(&cube) + use_shape(&label) + use_shape(&pentagon) + use_shape(&hidden) +
                          use_shape(&square) + use_node(diamond) + use_node(jewel)) +
         use_named(&label)[0];
}

int main() {
  return report(stdout) == 0 ? 1 : 0;
}
