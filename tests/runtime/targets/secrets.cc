// Values of which parts are secret. Every secret has the bytes "zQ9~" in it, as
// text or as number, and every other value worth finding "vIs1": whoever
// searches a recording for the first must find the second. Neither is in the
// program as a text, nor in a register or on the stack by chance.
#include "tests/runtime/targets/out_of_line.h"

#include <any>
#include <array>
#include <cstdio>
#include <cstring>
#include <deque>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace vault {

constexpr unsigned kSecretWord = 0x7e39517a;   // "zQ9~"
constexpr unsigned kVisibleWord = 0x31734976;  // "vIs1"

// Not a constant for the compiler.
unsigned volatile secret_word = kSecretWord, visible_word = kVisibleWord;

unsigned long secret_number() {
  return secret_word | static_cast<unsigned long>(secret_word) << 32;
}
std::string text_of(unsigned word, const std::string& rest) {
  return std::string(reinterpret_cast<const char*>(&word), 4) + rest;
}
std::string secret_text(const std::string& rest = {}) {
  return text_of(secret_word, rest);
}
std::string visible_text(const std::string& rest = {}) {
  return text_of(visible_word, rest);
}
const std::string kLong = " and more, so that it does not fit into a string itself";

struct Card {
  char number[20];
  char holder[16];
  int cvc;
};
struct Secret {
  unsigned long low = secret_number();
  unsigned long high = secret_number();
};
struct Item {
  std::string sku = visible_text(" sku");
  int quantity = 2;
  unsigned long pin = secret_number();
  short weight = 7;
};
struct Account {
  int id = 11;
  std::string password = secret_text();
  std::string note = visible_text(" note");
  std::string old_password = secret_text(kLong);
};
struct Base {
  int base_id = 21;
  std::string password = secret_text(kLong);
};
struct Derived : Base {
  int own = 22;
  unsigned long pin = secret_number();
};
struct Person {
  virtual ~Person() = default;
  int age = 31;
};
struct Agent : Person {
  char code_name[12] = {};
  unsigned long pin = secret_number();
  int rank = 32;
};
union Either {
  unsigned long whole;
  struct {
    unsigned low, high;
  } halves;
};
struct Flags {
  unsigned open : 3;
  unsigned pin : 5;
  unsigned shared : 8;
  unsigned apart : 16;
  unsigned next;
};
struct Node {
  Node* next = nullptr;
  unsigned long pin = secret_number();
  int value = 41;
};

using Passphrase = std::string;
struct Cell {
  char shown = 'x';
  unsigned long pin = secret_number();
};
struct Odd {
  union {
    unsigned long pin;
    unsigned halves[2];
  };
  Passphrase phrase = "open";
  Cell few[3];
  Cell many[100];
};

struct Order {
  int id = 1;
  Card card{};
  Base* base = nullptr;
  Derived derived;
  Person* person = nullptr;
  Either either{};
  int after_either = 42;
  Flags flags{};
  std::vector<Item> items{3};
  std::map<std::string, Account> accounts;
  std::unordered_map<int, Secret> by_number;
  std::optional<Account> maybe;
  std::optional<Secret> maybe_secret;
  std::variant<int, Account> choice;
  std::tuple<int, Secret> both;
  std::pair<int, Account> couple;
  std::array<Account, 2> fixed;
  Item plain[2];
  std::list<Item> list{2};
  std::deque<Item> queue{2};
  std::vector<Secret> secrets{2};
  std::unique_ptr<Account> owner;
  std::shared_ptr<Secret> shared;
  Secret* pointed = nullptr;
  const char* password = nullptr;
  std::any anything;
  Node* nodes = nullptr;
  int last = 99;
};

// In two registers.
struct Small {
  unsigned long pin;
  unsigned long shown;
};

OUT_OF_LINE int place(const Order& order, int count) {
  return order.id + count;
}
OUT_OF_LINE Small swap_in_registers(Small small) {
  return {small.pin, small.shown + 1};
}
OUT_OF_LINE int login(const char* user, const char* password, unsigned long pin) {
  return static_cast<int>(std::strlen(user) + std::strlen(password) + (pin & 1));
}
OUT_OF_LINE Account open_account(int id) {
  Account account;
  account.id = id;
  return account;
}
OUT_OF_LINE int inspect(const Person& person) {
  return person.age;
}
OUT_OF_LINE int count(const Account* accounts, int number) {
  int sum = 0;
  for (int i = 0; i < number; ++i) sum += accounts[i].id;
  return sum;
}

OUT_OF_LINE int odd(const Odd& value) {
  return value.few[0].shown;
}
template <class F>
OUT_OF_LINE int call(const F& caught, int more) {
  return caught(more);
}
// A local, seen by a line probe, and what a lambda has caught.
OUT_OF_LINE int locals(int times) {
  unsigned long pin = secret_number();
  int shown = 71;
  const auto ask = [pin, shown](int more) { return shown + more + static_cast<int>(pin & 1); };
  int sum = times;
  sum += call(ask, times);  // LINE
  return sum;
}

struct Safe {
  unsigned long pin_ = secret_number();
  std::string password_ = secret_text();
  int doors_ = 3;
  OUT_OF_LINE int check(int way);
};
int Safe::check(int way) {
  return doors_ + way;
}

Order make_order(Base* base, Person* person, Secret* secret, const char* password, Node* nodes) {
  Order order;
  std::strcpy(order.card.number, secret_text(" 4111").c_str());
  std::strcpy(order.card.holder, visible_text(" holder").c_str());
  order.card.cvc = static_cast<int>(secret_word);
  order.base = base;
  order.person = person;
  order.either.halves = {secret_word, visible_word};
  order.flags.open = 5;
  order.flags.pin = 21;
  order.flags.shared = 201;
  order.flags.apart = 4242;
  order.flags.next = visible_word;
  order.accounts[visible_text(" key")] = Account();
  order.by_number[51] = Secret();
  order.maybe = Account();
  order.maybe_secret = Secret();
  order.choice = Account();
  std::get<0>(order.both) = 61;
  order.couple.first = 62;
  order.owner = std::make_unique<Account>();
  order.shared = std::make_shared<Secret>();
  order.pointed = secret;
  order.password = password;
  order.anything = secret_word;
  order.nodes = nodes;
  return order;
}

}  // namespace vault

int main() {
  using namespace vault;
  Derived derived;
  Agent agent;
  std::strcpy(agent.code_name, visible_text("007").c_str());
  Secret secret;
  const std::string password = secret_text(kLong), user = visible_text(" user");
  Node second, first;
  first.next = &second;
  Order order = make_order(&derived, &agent, &secret, password.c_str(), &first);
  Safe safe;
  Odd strange;
  strange.pin = secret_number();
  const Account accounts[2];
  std::string line;
  while (std::getline(std::cin, line)) {
    int sum = place(order, 3);
    sum += static_cast<int>(swap_in_registers({secret_number(), visible_word}).shown);
    sum += login(user.c_str(), password.c_str(), secret_number());
    sum += open_account(12).id;
    sum += odd(strange) + locals(sum & 3);
    sum += inspect(agent) + count(accounts, 2) + safe.check(sum & 1);
    std::printf("done%s\n", sum == 0 ? "!" : "");
    std::fflush(stdout);
  }
}
