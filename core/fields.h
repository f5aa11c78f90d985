// How a settings struct describes itself, once, for reading, writing and `--help`.
//
// A settings struct is a plain aggregate with defaults. Beside it stands one function
//
//   void VisitFields(core::FieldVisitor& v, PpoConfig& c) {
//     v.Field("gamma", c.gamma, {0.0, 1.0}, "discount per step");
//     v.Section("network", c.network, "hidden layers");
//   }
//
// which the reader, the writer and the help printer all call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace duet::core {

// Allowed values: low <= value <= high, or low < value where `open_low`.
template <typename T>
struct Range {
  T low = std::numeric_limits<T>::lowest();
  T high = std::numeric_limits<T>::max();
  bool open_low = false;
};

// One allowed word of a closed choice, with what it does.
template <typename Enum>
struct Option {
  std::string_view name;
  Enum value;
};

// Two numbers in order, finite or infinite: [0.8, inf].
struct Interval {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool operator==(const Interval&) const = default;
};

// A section whose names are known to somebody else: name -> value.
using FreeValue = std::variant<bool, double, Interval, std::string>;
using FreeTable = std::map<std::string, FreeValue, std::less<>>;

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;

  // Whether values are being taken from a file; defaults that depend on other settings are set
  // then.
  virtual bool reading() const { return false; }

  virtual void Field(std::string_view name, double& value, Range<double> range,
                     std::string_view description) = 0;
  virtual void Field(std::string_view name, std::int64_t& value, Range<std::int64_t> range,
                     std::string_view description) = 0;
  virtual void Field(std::string_view name, bool& value, std::string_view description) = 0;
  virtual void Field(std::string_view name, std::string& value, std::string_view description) = 0;
  // A list; the range holds for each element.
  virtual void Field(std::string_view name, std::vector<std::int64_t>& value,
                     Range<std::int64_t> range, std::string_view description) = 0;
  virtual void Field(std::string_view name, std::vector<std::string>& value,
                     std::string_view description) = 0;
  virtual void Field(std::string_view name, Interval& value, std::string_view description) = 0;
  // A section of any names; who uses it checks them.
  virtual void FreeSection(std::string_view name, FreeTable& value,
                           std::string_view description) = 0;

  // A setting that takes one of a few words.
  template <typename Enum>
  void Choice(std::string_view name, Enum& value, std::span<const Option<Enum>> options,
              std::string_view description) {
    std::vector<std::string_view> words;
    std::size_t index = 0;
    for (std::size_t i = 0; i < options.size(); ++i) {
      words.push_back(options[i].name);
      if (options[i].value == value) index = i;
    }
    value = options[ChooseWord(name, words, index, description)].value;
  }
  template <typename Enum, std::size_t N>
  void Choice(std::string_view name, Enum& value, const Option<Enum> (&options)[N],
              std::string_view description) {
    Choice(name, value, std::span<const Option<Enum>>(options), description);
  }

  template <typename Config>
  void Section(std::string_view name, Config& config, std::string_view description) {
    BeginSection(name, description);
    VisitFields(*this, config);
    EndSection();
  }

  // A section that may be absent; absent means std::nullopt.
  template <typename Config>
  void OptionalSection(std::string_view name, std::optional<Config>& config,
                       std::string_view description) {
    if (!SectionPresent(name, config.has_value())) {
      config.reset();
      return;
    }
    if (!config) config.emplace();
    Section(name, *config, description);
  }

  // An array of tables, `[[name]]`.
  template <typename Config>
  void List(std::string_view name, std::vector<Config>& configs, std::string_view description) {
    configs.resize(ListSize(name, configs.size()));
    for (std::size_t i = 0; i < configs.size(); ++i) {
      BeginListItem(name, i, description);
      VisitFields(*this, configs[i]);
      EndSection();
    }
  }

 private:
  // Returns the index of the chosen word.
  virtual std::size_t ChooseWord(std::string_view name, std::span<const std::string_view> words,
                                 std::size_t current, std::string_view description) = 0;
  virtual void BeginSection(std::string_view name, std::string_view description) = 0;
  virtual void BeginListItem(std::string_view name, std::size_t index,
                             std::string_view description) = 0;
  virtual void EndSection() = 0;
  virtual bool SectionPresent(std::string_view name, bool current) = 0;
  virtual std::size_t ListSize(std::string_view name, std::size_t current) = 0;
};

}  // namespace duet::core
