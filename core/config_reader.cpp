#include "core/config_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include "core/error.h"
#include "core/file.h"

namespace duet::core {
namespace {

std::string Join(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

// Keys and words of the file may hold line breaks; errors may not.
ConfigError OneLine(std::string message) {
  std::replace_if(
      message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; },
      ' ');
  return ConfigError(message);
}

std::string TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

std::string WholeText(const toml::node& node) {
  // The shortest text of the same number, where toml++ writes all digits.
  if (node.is_floating_point()) return fmt::format("{}", **node.as_floating_point());
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  return out.str();
}

std::string Text(const toml::node& node) {
  const std::string text = WholeText(node);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

// The number of single-letter edits between two words.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

template <typename T>
std::string RangeText(const Range<T>& range) {
  const bool low = range.low > std::numeric_limits<T>::lowest();
  const bool high = range.high < std::numeric_limits<T>::max();
  return fmt::format("{}{}, {}{}", low && !range.open_low ? "[" : "(",
                     low ? fmt::format("{}", range.low) : "-inf",
                     high ? fmt::format("{}", range.high) : "inf", high ? "]" : ")");
}

template <typename T>
bool Contains(const Range<T>& range, T value) {
  const bool above = range.open_low ? value > range.low : value >= range.low;
  return above && value <= range.high;
}

toml::table ParseToml(std::string_view text, std::string_view origin) {
  try {
    return toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    throw OneLine(fmt::format("{}:{}: not valid TOML: {}", origin, error.source().begin.line,
                              error.description()));
  }
}

}  // namespace

struct ConfigFile::Impl {
  toml::table root;
  std::string origin;
  std::set<std::string> overridden;  // dotted paths given by overrides

  void Override(const std::string& assignment);
  std::string Where(const toml::node* node, std::string_view path) const;
  const toml::node* Find(std::string_view path) const;
};

// The position in an array that a part of a dotted path stands for; `size` where it stands for
// none.
std::size_t ArrayIndex(const std::string& part, std::size_t size) {
  const bool number = !part.empty() && part.size() < 10 &&
                      part.find_first_not_of("0123456789") == std::string::npos;
  return number ? std::min<std::size_t>(std::stoul(part), size) : size;
}

std::vector<std::string> Parts(std::string_view path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// The node at a dotted path, or null.
const toml::node* ConfigFile::Impl::Find(std::string_view path) const {
  const toml::node* node = &root;
  for (const std::string& part : Parts(path)) {
    if (const toml::array* array = node->as_array()) {
      node = array->get(ArrayIndex(part, array->size()));
    } else {
      const toml::table* table = node->as_table();
      node = table != nullptr ? table->get(part) : nullptr;
    }
    if (node == nullptr) return nullptr;
  }
  return node;
}

std::string ConfigFile::Impl::Where(const toml::node* node, std::string_view path) const {
  for (std::string prefix(path); !prefix.empty();) {
    if (overridden.count(prefix) > 0) return fmt::format("--set {}", path);
    const std::size_t dot = prefix.rfind('.');
    prefix = dot == std::string::npos ? "" : prefix.substr(0, dot);
  }
  const auto line = node != nullptr ? node->source().begin.line : 0;
  if (line == 0) return fmt::format("{}: {}", origin, path);
  return fmt::format("{}:{}: {}", origin, line, path);
}

void ConfigFile::Impl::Override(const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  const auto malformed = [&](std::string_view what) {
    return OneLine(fmt::format("--set {}: {}; the form is key.path=value, as in agent.gamma=0.99",
                               assignment, what));
  };
  if (equals == std::string::npos) throw malformed("no value");
  if (equals == 0) throw malformed("no key");
  const std::string path = assignment.substr(0, equals);
  const std::vector<std::string> names = Parts(path);
  if (std::find(names.begin(), names.end(), "") != names.end()) throw malformed("an empty key");
  const std::string value = assignment.substr(equals + 1);
  toml::table parsed;
  try {
    parsed = toml::parse(fmt::format("value = {}", value));
  } catch (const toml::parse_error&) {
    // A bare word is a string, so that a shell needs no quotes.
    parsed.insert_or_assign("value", value);
  }
  toml::node* node = &root;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool last = i + 1 == names.size();
    if (toml::array* array = node->as_array()) {
      const std::size_t index = ArrayIndex(names[i], array->size());
      if (index >= array->size()) {
        throw OneLine(fmt::format("--set {}: '{}' is not an element; there are {}, from 0", path,
                                  names[i], array->size()));
      }
      if (last) {
        // toml++ 2.5, Ubuntu 22.04's, has no array::replace.
        const auto place = array->cbegin() + static_cast<std::ptrdiff_t>(index);
        array->erase(array->insert(place, *parsed.get("value")) + 1);
      } else {
        node = array->get(index);
      }
      continue;
    }
    toml::table* table = node->as_table();
    if (table == nullptr) {
      throw OneLine(fmt::format("--set {}: nothing can be set inside {}", path, TypeName(*node)));
    }
    if (last) {
      table->insert_or_assign(names[i], *parsed.get("value"));
    } else {
      if (!table->contains(names[i])) table->insert(names[i], toml::table{});
      node = table->get(names[i]);
    }
  }
  overridden.insert(path);
}

// Walks the fields of a struct and the tables of the file side by side.
class ConfigFile::Reader : public FieldVisitor {
 public:
  explicit Reader(const Impl& file) : file_(file) { levels_.push_back({&file.root, "", {}}); }

  void Finish() { CheckUnknownKeys(); }

  bool reading() const override { return true; }

  using FieldVisitor::Field;

  void Field(std::string_view name, double& value, Range<double> range, std::string_view) override {
    const toml::node* node = Take(name);
    if (node == nullptr) return;
    const auto number = node->value<double>();
    if (!node->is_number() || !number) Mistyped(name, *node, "a number");
    CheckRange(name, *node, *number, range);
    value = *number;
  }

  void Field(std::string_view name, std::int64_t& value, Range<std::int64_t> range,
             std::string_view) override {
    const toml::node* node = Take(name);
    if (node == nullptr) return;
    value = Integer(name, *node);
    CheckRange(name, *node, value, range);
  }

  void Field(std::string_view name, bool& value, std::string_view) override {
    const toml::node* node = Take(name);
    if (node == nullptr) return;
    if (!node->is_boolean()) Mistyped(name, *node, "true or false");
    value = **node->as_boolean();
  }

  void Field(std::string_view name, std::string& value, std::string_view) override {
    const toml::node* node = Take(name);
    if (node == nullptr) return;
    if (!node->is_string()) Mistyped(name, *node, "a string");
    value = **node->as_string();
  }

  void Field(std::string_view name, std::vector<std::int64_t>& value, Range<std::int64_t> range,
             std::string_view) override {
    const toml::node* node = Take(name);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) Mistyped(name, *node, "an array of integers");
    std::vector<std::int64_t> numbers;
    for (const toml::node& element : *array) {
      numbers.push_back(Integer(name, element));
      CheckRange(name, element, numbers.back(), range);
    }
    value = std::move(numbers);
  }

  void Field(std::string_view name, std::vector<std::string>& value, std::string_view) override {
    const toml::node* node = Take(name);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) Mistyped(name, *node, "an array of strings");
    std::vector<std::string> words;
    for (const toml::node& element : *array) {
      if (!element.is_string()) Mistyped(name, element, "a string");
      words.push_back(**element.as_string());
    }
    value = std::move(words);
  }

  void Field(std::string_view name, Interval& value, std::string_view) override {
    const toml::node* node = Take(name);
    if (node == nullptr) return;
    const std::optional<Interval> interval = AsInterval(*node);
    if (!interval) Mistyped(name, *node, "two numbers [low, high] with low <= high");
    value = *interval;
  }

  void FreeSection(std::string_view name, FreeTable& value, std::string_view description) override {
    BeginSection(name, description);
    Level& level = levels_.back();
    if (level.table != nullptr) {
      for (const auto& [key, node] : *level.table) {
        const std::string word(std::string_view{key});
        level.known.push_back(word);
        value[word] = AsFreeValue(word, node);
      }
    }
    EndSection();
  }

 protected:
  struct Level {
    const toml::table* table;  // null where the file has no such section
    std::string path;
    std::vector<std::string> known;
  };

  std::size_t ChooseWord(std::string_view name, std::span<const std::string_view> words,
                         std::size_t current, std::string_view) override {
    const toml::node* node = Take(name);
    if (node == nullptr) return current;
    if (!node->is_string()) Mistyped(name, *node, fmt::format("one of {}", Quoted(words)));
    const std::string& word = **node->as_string();
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == word) return i;
    }
    throw OneLine(
        fmt::format("{} = \"{}\" is not one of {}", Where(name, *node), word, Quoted(words)));
  }

  void BeginSection(std::string_view name, std::string_view) override {
    const toml::node* node = Take(name);
    if (node != nullptr && !node->is_table()) Mistyped(name, *node, "a table");
    levels_.push_back(
        {node != nullptr ? node->as_table() : nullptr, Join(levels_.back().path, name), {}});
  }

  void BeginListItem(std::string_view name, std::size_t index, std::string_view) override {
    // Null where the list's items are defaults and not the file's.
    const toml::table* table = levels_.back().table;
    const toml::node* list = table != nullptr ? table->get(name) : nullptr;
    levels_.push_back({list != nullptr ? list->as_array()->get(index)->as_table() : nullptr,
                       fmt::format("{}.{}", Join(levels_.back().path, name), index),
                       {}});
  }

  void EndSection() override {
    CheckUnknownKeys();
    levels_.pop_back();
  }

  bool SectionPresent(std::string_view name, bool current) override {
    const toml::node* node = Take(name);
    return node != nullptr || current;
  }

  std::size_t ListSize(std::string_view name, std::size_t current) override {
    const toml::node* node = Take(name);
    if (node == nullptr) return current;
    const toml::array* array = node->as_array();
    if (array == nullptr || !std::all_of(array->begin(), array->end(),
                                         [](const toml::node& item) { return item.is_table(); })) {
      Mistyped(name, *node,
               fmt::format("an array of tables, [[{}]]", Join(levels_.back().path, name)));
    }
    return array->size();
  }

 protected:
  // The value of `name` in the current section, or null; notes that the name is known.
  const toml::node* Take(std::string_view name) {
    Level& level = levels_.back();
    level.known.emplace_back(name);
    return level.table != nullptr ? level.table->get(name) : nullptr;
  }

  std::string PathOf(std::string_view name) const { return Join(levels_.back().path, name); }

  std::string Where(std::string_view name, const toml::node& node) const {
    return file_.Where(&node, Join(levels_.back().path, name));
  }

 private:
  static std::string Quoted(std::span<const std::string_view> words) {
    return fmt::format("\"{}\"", fmt::join(words, "\", \""));
  }

  [[noreturn]] void Mistyped(std::string_view name, const toml::node& node,
                             std::string_view allowed) const {
    throw OneLine(fmt::format("{} = {} is {}; allowed is {}", Where(name, node), Text(node),
                              TypeName(node), allowed));
  }

  std::int64_t Integer(std::string_view name, const toml::node& node) const {
    if (node.is_integer()) return **node.as_integer();
    // 1e6 is a TOML float, but a whole number all the same.
    if (node.is_floating_point()) {
      const double number = **node.as_floating_point();
      if (std::floor(number) == number && std::abs(number) < 9.0e15) {
        return static_cast<std::int64_t>(number);
      }
    }
    Mistyped(name, node, "an integer");
  }

  static std::optional<Interval> AsInterval(const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr || array->size() != 2) return std::nullopt;
    if (!array->get(0)->is_number() || !array->get(1)->is_number()) return std::nullopt;
    const Interval interval{*array->get(0)->value<double>(), *array->get(1)->value<double>()};
    if (!(interval.low <= interval.high)) return std::nullopt;
    return interval;
  }

  FreeValue AsFreeValue(std::string_view name, const toml::node& node) const {
    if (node.is_boolean()) return **node.as_boolean();
    if (node.is_number()) return *node.value<double>();
    if (node.is_string()) return **node.as_string();
    const std::optional<Interval> interval = AsInterval(node);
    if (interval) return *interval;
    Mistyped(name, node,
             "true or false, a number, a string, or two numbers [low, high] with low <= high");
  }

  template <typename T>
  void CheckRange(std::string_view name, const toml::node& node, T value, Range<T> range) const {
    if (Contains(range, value)) return;
    throw OneLine(fmt::format("{} = {} is outside {}", Where(name, node), value, RangeText(range)));
  }

  void CheckUnknownKeys() const {
    const Level& level = levels_.back();
    if (level.table == nullptr) return;
    for (const auto& [key, node] : *level.table) {
      const std::string_view word = key;
      if (std::find(level.known.begin(), level.known.end(), word) != level.known.end()) continue;
      std::vector<std::string> known = level.known;
      std::sort(known.begin(), known.end());
      known.erase(std::unique(known.begin(), known.end()), known.end());
      const auto nearest =
          std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
            return EditDistance(a, word) < EditDistance(b, word);
          });
      const bool close = nearest != known.end() && EditDistance(*nearest, word) <= 2;
      throw OneLine(fmt::format(
          "{} is not a known key; {}known here: {}", file_.Where(&node, Join(level.path, word)),
          close ? fmt::format("did you mean \"{}\"? ", *nearest) : "", fmt::join(known, ", ")));
    }
  }

 protected:
  const Impl& file_;
  std::vector<Level> levels_;
};

// Reads as the Reader does, but for settings with several values, of which it keeps the first.
class ConfigFile::SweptFinder : public Reader {
 public:
  SweptFinder(const Impl& file, std::optional<Swept>& found) : Reader(file), found_(found) {}

  using Reader::Field;

  void Field(std::string_view name, double& value, Range<double> range,
             std::string_view description) override {
    if (!Take(name, /*list=*/false)) Reader::Field(name, value, range, description);
  }
  void Field(std::string_view name, std::int64_t& value, Range<std::int64_t> range,
             std::string_view description) override {
    if (!Take(name, /*list=*/false)) Reader::Field(name, value, range, description);
  }
  void Field(std::string_view name, bool& value, std::string_view description) override {
    if (!Take(name, /*list=*/false)) Reader::Field(name, value, description);
  }
  void Field(std::string_view name, std::string& value, std::string_view description) override {
    if (!Take(name, /*list=*/false)) Reader::Field(name, value, description);
  }
  void Field(std::string_view name, std::vector<std::int64_t>& value, Range<std::int64_t> range,
             std::string_view description) override {
    if (!Take(name, /*list=*/true)) Reader::Field(name, value, range, description);
  }
  void Field(std::string_view name, std::vector<std::string>& value,
             std::string_view description) override {
    if (!Take(name, /*list=*/true)) Reader::Field(name, value, description);
  }
  void Field(std::string_view name, Interval& value, std::string_view description) override {
    if (!Take(name, /*list=*/true)) Reader::Field(name, value, description);
  }

 private:
  std::size_t ChooseWord(std::string_view name, std::span<const std::string_view> words,
                         std::size_t current, std::string_view description) override {
    if (Take(name, /*list=*/false)) return current;
    return Reader::ChooseWord(name, words, current, description);
  }

  // What else is known depends on a choice that may be swept.
  void EndSection() override { found_ ? levels_.pop_back() : Reader::EndSection(); }

  // Whether the setting, whose value is or is not a list itself, has several values.
  bool Take(std::string_view name, bool list) {
    const toml::node* node = Reader::Take(name);
    const toml::array* array = node != nullptr ? node->as_array() : nullptr;
    if (array == nullptr) return false;
    if (array->empty() && !list) {
      throw OneLine(fmt::format("{} is empty; allowed is at least one value", Where(name, *node)));
    }
    const bool lists = !array->empty() && array->get(0)->is_array();
    if (list && !lists) return false;
    if (found_) return true;
    found_.emplace().path = PathOf(name);
    for (const toml::node& value : *array) found_->values.push_back(WholeText(value));
    return true;
  }

  std::optional<Swept>& found_;
};

ConfigFile::ConfigFile(std::string_view text, std::string_view origin,
                       std::span<const std::string> overrides)
    : impl_(std::make_unique<Impl>()) {
  impl_->origin = origin;
  impl_->root = ParseToml(text, origin);
  for (const std::string& assignment : overrides) impl_->Override(assignment);
}

ConfigFile::ConfigFile(const std::filesystem::path& path, std::span<const std::string> overrides)
    : ConfigFile(ReadFile(path), path.string(), overrides) {}

ConfigFile::~ConfigFile() = default;
ConfigFile::ConfigFile(ConfigFile&&) noexcept = default;

std::unique_ptr<FieldVisitor> ConfigFile::MakeReader() const {
  return std::make_unique<Reader>(*impl_);
}

std::unique_ptr<FieldVisitor> ConfigFile::MakeSweptFinder(std::optional<Swept>& found) const {
  return std::make_unique<SweptFinder>(*impl_, found);
}

std::string ConfigFile::ToToml() const {
  std::ostringstream out;
  out << impl_->root << '\n';
  return out.str();
}

void ConfigFile::FinishReading(FieldVisitor& reader) { static_cast<Reader&>(reader).Finish(); }

std::string ConfigFile::Where(std::string_view path) const {
  // A setting that is missing should stand in its section.
  const toml::node* node = impl_->Find(path);
  for (std::string_view outer = path; node == nullptr && outer.rfind('.') != outer.npos;) {
    outer = outer.substr(0, outer.rfind('.'));
    node = impl_->Find(outer);
  }
  return impl_->Where(node, path);
}

}  // namespace duet::core
