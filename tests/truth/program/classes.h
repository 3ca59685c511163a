// Polymorphic classes: what they are shown as is known at run time.
#pragma once

#include "members.h"
#include "shapes.h"
#include "standard_wrappers.h"

namespace data {

// The first virtual function decides where the virtual table is, and with clang
// the debug information: in kinds.cc.
struct Animal {
  virtual int legs() const;
  virtual ~Animal() = default;
  int weight = 0;
};
struct Dog : Animal {
  std::string name;
  int legs() const override;
};
struct Snake final : Animal {
  long length = 0;
  int legs() const override;
};
// Of this class the program has objects, but debug information only where its
// creators have: not without -flto.
struct Ghost final : Animal {
  int legs() const override { return -1; }
};
struct Swimmer {
  virtual int depth() const;
  virtual ~Swimmer() = default;
  short fins = 0;
};
struct Otter : Animal, Swimmer {
  long fur = 0;
  int depth() const override;
};
// Virtual bases.
struct Device {
  virtual void reset();
  virtual ~Device() = default;
  int port = 0;
};
struct Reader : virtual Device {
  void reset() override;
  long read = 0;
};
struct Printer : virtual Device {
  void reset() override;
  long printed = 0;
};
struct Copier : Reader, Printer {
  void reset() override;
  short copies = 0;
};
struct Cage {
  std::unique_ptr<Animal> inside;
  const Swimmer* visitor;
  std::vector<std::shared_ptr<Animal>> others;
};

}  // namespace data

namespace oracle {
inline void put_animal(std::string& out, const data::Animal& value) {
  const std::string weight = "\"weight\":" + std::to_string(value.weight);
  if (const auto* dog = dynamic_cast<const data::Dog*>(&value)) {
    out += "{\"$type\":\"data::Dog\"," + weight + ",\"name\":";
    put(out, dog->name);
  } else if (const auto* snake = dynamic_cast<const data::Snake*>(&value)) {
    out += "{\"$type\":\"data::Snake\"," + weight + ",\"length\":" + std::to_string(snake->length);
  } else if (const auto* otter = dynamic_cast<const data::Otter*>(&value)) {
    out += "{\"$type\":\"data::Otter\"," + weight + ",\"fins\":" + std::to_string(otter->fins) +
           ",\"fur\":" + std::to_string(otter->fur);
  } else if (dynamic_cast<const data::Ghost*>(&value) != nullptr) {
    out += "{\"$type\":{\"$truth\":\"undefined_type\",\"value\":\"data::Ghost\"}," + weight;
  } else {
    out += "{\"$type\":\"data::Animal\"," + weight;
  }
  out += '}';
}
inline void put_device(std::string& out, const data::Device& value) {
  const std::string port = "\"port\":" + std::to_string(value.port);
  if (const auto* copier = dynamic_cast<const data::Copier*>(&value)) {
    out += "{\"$type\":\"data::Copier\"," + port + ",\"read\":" + std::to_string(copier->read) +
           ",\"printed\":" + std::to_string(copier->printed) +
           ",\"copies\":" + std::to_string(copier->copies);
  } else if (const auto* reader = dynamic_cast<const data::Reader*>(&value)) {
    out += "{\"$type\":\"data::Reader\"," + port + ",\"read\":" + std::to_string(reader->read);
  } else if (const auto* printer = dynamic_cast<const data::Printer*>(&value)) {
    out += "{\"$type\":\"data::Printer\"," + port + ",\"printed\":" + std::to_string(printer->printed);
  } else {
    out += "{\"$type\":\"data::Device\"," + port;
  }
  out += '}';
}
}  // namespace oracle

// A class of these by itself, and what a pointer or reference to it leads to.
#define ORACLE_POLYMORPHIC(Type, function)                                                 \
  template <>                                                                              \
  struct oracle::Json<Type> {                                                              \
    static constexpr bool kFloat = false, kX87 = false;                                    \
    static void put(std::string& out, const Type& value) { oracle::function(out, value); } \
  };
ORACLE_POLYMORPHIC(data::Animal, put_animal)
ORACLE_POLYMORPHIC(data::Dog, put_animal)
ORACLE_POLYMORPHIC(data::Snake, put_animal)
ORACLE_POLYMORPHIC(data::Otter, put_animal)
ORACLE_POLYMORPHIC(data::Ghost, put_animal)
ORACLE_POLYMORPHIC(data::Device, put_device)
ORACLE_POLYMORPHIC(data::Reader, put_device)
ORACLE_POLYMORPHIC(data::Printer, put_device)
ORACLE_POLYMORPHIC(data::Copier, put_device)
template <>
struct oracle::Json<data::Swimmer> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const data::Swimmer& value) {
    if (const auto* otter = dynamic_cast<const data::Otter*>(&value)) {
      put_animal(out, *otter);
    } else {
      out += "{\"$type\":\"data::Swimmer\",\"fins\":" + std::to_string(value.fins) + "}";
    }
  }
};

namespace oracle {
inline data::Animal* make_animal(Rng& rng) {
  data::Animal* made = nullptr;
  switch (rng.below(9)) {
    case 0:
      made = new data::Ghost;
      break;
    case 3:
    case 4:
      made = new data::Animal;
      break;
    case 1: {
      auto* dog = new data::Dog;
      dog->name = rng.text();
      made = dog;
      break;
    }
    case 2: {
      auto* snake = new data::Snake;
      fill(rng, snake->length);
      made = snake;
      break;
    }
    default: {
      auto* otter = new data::Otter;
      fill(rng, otter->fins);
      fill(rng, otter->fur);
      made = otter;
    }
  }
  fill(rng, made->weight);
  return made;
}
inline data::Swimmer* make_swimmer(Rng& rng) {
  data::Swimmer* made = nullptr;
  if (rng.chance(50)) {
    made = new data::Swimmer;
  } else {
    auto* otter = new data::Otter;
    fill(rng, otter->weight);
    fill(rng, otter->fur);
    made = otter;
  }
  fill(rng, made->fins);
  return made;
}
inline data::Device* make_device(Rng& rng) {
  data::Device* made = nullptr;
  switch (rng.below(4)) {
    case 0:
      made = new data::Device;
      break;
    case 1: {
      auto* reader = new data::Reader;
      fill(rng, reader->read);
      made = reader;
      break;
    }
    case 2: {
      auto* printer = new data::Printer;
      fill(rng, printer->printed);
      made = printer;
      break;
    }
    default: {
      auto* copier = new data::Copier;
      fill(rng, copier->read);
      fill(rng, copier->printed);
      fill(rng, copier->copies);
      made = copier;
    }
  }
  fill(rng, made->port);
  return made;
}
}  // namespace oracle

#define ORACLE_MAKE_POINTER(Type, function)                                                                \
  template <>                                                                                              \
  struct oracle::Make<Type*> {                                                                             \
    static void fill(Rng& rng, Type*& value) { value = rng.chance(15) ? nullptr : oracle::function(rng); } \
  };                                                                                                       \
  template <>                                                                                              \
  struct oracle::Make<const Type*> {                                                                       \
    static void fill(Rng& rng, const Type*& value) {                                                       \
      value = rng.chance(15) ? nullptr : oracle::function(rng);                                            \
    }                                                                                                      \
  };
ORACLE_MAKE_POINTER(data::Animal, make_animal)
ORACLE_MAKE_POINTER(data::Swimmer, make_swimmer)
ORACLE_MAKE_POINTER(data::Device, make_device)
template <>
struct oracle::Make<data::Dog> {
  static void fill(Rng& rng, data::Dog& value) {
    oracle::fill(rng, value.weight);
    oracle::fill(rng, value.name);
  }
};
template <>
struct oracle::Make<data::Snake> {
  static void fill(Rng& rng, data::Snake& value) {
    oracle::fill(rng, value.weight);
    oracle::fill(rng, value.length);
  }
};
template <>
struct oracle::Make<data::Otter> {
  static void fill(Rng& rng, data::Otter& value) {
    oracle::fill(rng, value.weight);
    oracle::fill(rng, value.fins);
    oracle::fill(rng, value.fur);
  }
};
template <>
struct oracle::Make<data::Copier> {
  static void fill(Rng& rng, data::Copier& value) {
    oracle::fill(rng, value.port);
    oracle::fill(rng, value.read);
    oracle::fill(rng, value.printed);
    oracle::fill(rng, value.copies);
  }
};
template <>
struct oracle::Make<std::unique_ptr<data::Animal>> {
  static void fill(Rng& rng, std::unique_ptr<data::Animal>& value) {
    value.reset(rng.chance(20) ? nullptr : make_animal(rng));
  }
};
template <>
struct oracle::Make<std::shared_ptr<data::Animal>> {
  static void fill(Rng& rng, std::shared_ptr<data::Animal>& value) {
    value.reset(rng.chance(20) ? nullptr : make_animal(rng));
  }
};
ORACLE_STRUCT(data::Cage, inside, visitor, others)
