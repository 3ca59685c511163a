// A class with the name of one in another file's anonymous namespace.
struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
  int id = 1;
};
namespace {
struct Hidden : Shape {
  double area() const override { return other[0]; }
  double other[4] = {};
};
}  // namespace

Shape* make_other_hidden() {
  static Hidden hidden;
  return &hidden;
}
