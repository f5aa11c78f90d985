#include "core/config_writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <sstream>
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

namespace duet::core {
namespace {

std::string Quoted(std::string_view text) {
  std::ostringstream out;
  out << toml::value<std::string>(std::string(text));
  return out.str();
}

// The shortest text that reads back as the same number, and as a float.
std::string Number(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".einf") == std::string::npos) text += ".0";
  return text;
}

// A key as TOML has it: bare, or in quotes.
std::string Key(std::string_view name) {
  const bool bare = !name.empty() && name.find_first_not_of(
                                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789_-") == std::string_view::npos;
  return bare ? std::string(name) : Quoted(name);
}

std::string Text(const Interval& interval) {
  return fmt::format("[{}, {}]", Number(interval.low), Number(interval.high));
}

std::string Text(const std::vector<std::string>& words) {
  std::vector<std::string> quoted;
  for (const std::string& word : words) quoted.push_back(Quoted(word));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

std::string Text(const FreeValue& value) {
  struct Visitor {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(double number) const { return Number(number); }
    std::string operator()(const Interval& interval) const { return Text(interval); }
    std::string operator()(const std::string& text) const { return Quoted(text); }
  };
  return std::visit(Visitor{}, value);
}

// Fields of a section come before its sub-sections, which TOML requires; the visiting order of the
// structs keeps to that.
class TomlWriter : public FieldVisitor {
 public:
  explicit TomlWriter(std::string& out) : out_(out) {}

  using FieldVisitor::Field;

  void Field(std::string_view name, double& value, Range<double>, std::string_view) override {
    Line(name, Number(value));
  }
  void Field(std::string_view name, std::int64_t& value, Range<std::int64_t>,
             std::string_view) override {
    Line(name, fmt::format("{}", value));
  }
  void Field(std::string_view name, bool& value, std::string_view) override {
    Line(name, value ? "true" : "false");
  }
  void Field(std::string_view name, std::string& value, std::string_view) override {
    Line(name, Quoted(value));
  }
  void Field(std::string_view name, std::vector<std::int64_t>& value, Range<std::int64_t>,
             std::string_view) override {
    Line(name, fmt::format("[{}]", fmt::join(value, ", ")));
  }
  void Field(std::string_view name, std::vector<std::string>& value, std::string_view) override {
    Line(name, Text(value));
  }
  void Field(std::string_view name, Interval& value, std::string_view) override {
    Line(name, Text(value));
  }
  void FreeSection(std::string_view name, FreeTable& value, std::string_view description) override {
    if (value.empty()) return;
    BeginSection(name, description);
    for (const auto& [key, item] : value) Line(Key(key), Text(item));
    EndSection();
  }

 private:
  std::size_t ChooseWord(std::string_view name, std::span<const std::string_view> words,
                         std::size_t current, std::string_view) override {
    Line(name, Quoted(words[current]));
    return current;
  }
  void BeginSection(std::string_view name, std::string_view) override {
    path_.emplace_back(name);
    out_ += fmt::format("\n[{}]\n", fmt::join(path_, "."));
  }
  void BeginListItem(std::string_view name, std::size_t, std::string_view) override {
    path_.emplace_back(name);
    out_ += fmt::format("\n[[{}]]\n", fmt::join(path_, "."));
  }
  void EndSection() override { path_.pop_back(); }
  bool SectionPresent(std::string_view, bool current) override { return current; }
  std::size_t ListSize(std::string_view, std::size_t current) override { return current; }

  void Line(std::string_view name, std::string_view value) {
    out_ += fmt::format("{} = {}\n", name, value);
  }

  std::string& out_;
  std::vector<std::string> path_;
};

class HelpWriter : public FieldVisitor {
 public:
  explicit HelpWriter(std::string& out) : out_(out) {}

  using FieldVisitor::Field;

  void Field(std::string_view name, double& value, Range<double> range,
             std::string_view description) override {
    Line(name, Number(value), RangeText(range), description);
  }
  void Field(std::string_view name, std::int64_t& value, Range<std::int64_t> range,
             std::string_view description) override {
    Line(name, fmt::format("{}", value), RangeText(range), description);
  }
  void Field(std::string_view name, bool& value, std::string_view description) override {
    Line(name, value ? "true" : "false", "true | false", description);
  }
  void Field(std::string_view name, std::string& value, std::string_view description) override {
    Line(name, Quoted(value), "", description);
  }
  void Field(std::string_view name, std::vector<std::int64_t>& value, Range<std::int64_t> range,
             std::string_view description) override {
    Line(name, fmt::format("[{}]", fmt::join(value, ", ")), "each in " + RangeText(range),
         description);
  }
  void Field(std::string_view name, std::vector<std::string>& value,
             std::string_view description) override {
    Line(name, Text(value), "", description);
  }
  void Field(std::string_view name, Interval& value, std::string_view description) override {
    Line(name, Text(value), "[low, high], inf allowed", description);
  }
  void FreeSection(std::string_view name, FreeTable& value, std::string_view description) override {
    BeginSection(name, description);
    for (const auto& [key, item] : value) Line(Key(key), Text(item), "", "");
    EndSection();
  }

 private:
  template <typename T>
  static std::string RangeText(const Range<T>& range) {
    const bool low = range.low > std::numeric_limits<T>::lowest();
    const bool high = range.high < std::numeric_limits<T>::max();
    if (!low && !high) return "any";
    if (!high) return fmt::format("{} {}", range.open_low ? ">" : ">=", range.low);
    return fmt::format("{}{} to {}", range.open_low ? "above " : "", range.low, range.high);
  }
  std::size_t ChooseWord(std::string_view name, std::span<const std::string_view> words,
                         std::size_t current, std::string_view description) override {
    Line(name, Quoted(words[current]), fmt::format("{}", fmt::join(words, " | ")), description);
    return current;
  }
  void BeginSection(std::string_view name, std::string_view description) override {
    path_.emplace_back(name);
    out_ += fmt::format("\n[{}]  {}\n", fmt::join(path_, "."), description);
  }
  void BeginListItem(std::string_view name, std::size_t, std::string_view description) override {
    path_.emplace_back(name);
    out_ += fmt::format("\n[[{}]]  {}\n", fmt::join(path_, "."), description);
  }
  void EndSection() override { path_.pop_back(); }
  // Help shows optional sections and one item of each list.
  bool SectionPresent(std::string_view, bool) override { return true; }
  std::size_t ListSize(std::string_view, std::size_t current) override {
    return current > 0 ? current : 1;
  }

  void Line(std::string_view name, std::string_view value, std::string_view allowed,
            std::string_view description) {
    const std::string setting = fmt::format("{} = {}", name, value);
    out_ += fmt::format("  {:<38} {}{}\n", setting, description,
                        allowed.empty() ? "" : fmt::format("  ({})", allowed));
  }

  std::string& out_;
  std::vector<std::string> path_;
};

}  // namespace

namespace internal {

std::unique_ptr<FieldVisitor> MakeTomlWriter(std::string& out) {
  return std::make_unique<TomlWriter>(out);
}

std::unique_ptr<FieldVisitor> MakeHelpWriter(std::string& out) {
  return std::make_unique<HelpWriter>(out);
}

}  // namespace internal

}  // namespace duet::core
