// Reading results files with errors that name the place, and what they have in common.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "runners/results.h"

namespace duet::runners {

using Json = nlohmann::ordered_json;

// Of result.json and summary.json.
inline constexpr std::int64_t kResultSchema = 1;

// One value of a JSON file and where it stands; every getter throws IoError on another type.
class Node {
 public:
  Node(const Json& json, const std::filesystem::path& file, std::string where)
      : json_(json), file_(file), where_(std::move(where)) {}

  Node At(const std::string& key) const {
    if (!json_.is_object()) Fail("an object");
    const auto found = json_.find(key);
    const std::string where = where_.empty() ? key : where_ + "." + key;
    if (found == json_.end()) {
      throw IoError(fmt::format("{}: \"{}\" is missing, schema {} has it", file_.string(), where,
                                kResultSchema));
    }
    return {*found, file_, where};
  }

  bool Has(const std::string& key) const { return json_.is_object() && json_.contains(key); }

  std::string Text() const {
    if (!json_.is_string()) Fail("a text");
    return json_.get<std::string>();
  }

  std::int64_t Integer() const {
    if (!json_.is_number_integer()) Fail("a whole number");
    return json_.get<std::int64_t>();
  }

  std::int64_t Count(std::int64_t least = 0) const {
    if (!json_.is_number_integer() || json_.get<std::int64_t>() < least) {
      Fail(fmt::format("a whole number of at least {}", least));
    }
    return json_.get<std::int64_t>();
  }

  double Number() const {
    if (json_.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!json_.is_number()) Fail("a number or null");
    return json_.get<double>();
  }

  template <typename Function>
  auto Each(Function function) const {
    if (!json_.is_array()) Fail("a list");
    std::vector<decltype(function(*this))> items;
    items.reserve(json_.size());
    for (std::size_t i = 0; i < json_.size(); ++i) {
      items.push_back(function(Node(json_[i], file_, fmt::format("{}[{}]", where_, i))));
    }
    return items;
  }

  // A table of numbers, [seed][learner].
  std::vector<std::vector<double>> Table(std::size_t seeds) const {
    auto rows = Each(
        [](const Node& row) { return row.Each([](const Node& cell) { return cell.Number(); }); });
    if (rows.size() != seeds) Fail(fmt::format("a list of {}, one entry per seed", seeds));
    for (const std::vector<double>& row : rows) {
      if (row.empty()) Fail("a list of lists that are not empty");
    }
    return rows;
  }

  template <typename Function>
  void EachKey(Function function) const {
    if (!json_.is_object()) Fail("an object");
    for (const auto& [key, value] : json_.items()) {
      function(key, Node(value, file_, where_ + "." + key));
    }
  }

  [[noreturn]] void Fail(std::string_view allowed) const {
    std::string found = json_.dump(-1, ' ', true, Json::error_handler_t::replace);
    if (found.size() > 40) found = found.substr(0, 40) + "…";
    if (where_.empty()) {
      throw IoError(fmt::format("{}: found {}, {} is allowed", file_.string(), found, allowed));
    }
    throw IoError(
        fmt::format("{}: \"{}\" is {}, {} is allowed", file_.string(), where_, found, allowed));
  }

 private:
  const Json& json_;
  const std::filesystem::path& file_;
  std::string where_;
};

// Indented, with a newline at the end; bytes that are no UTF-8 are replaced.
std::string Dump(const Json& json);

Json ToJson(const Provenance& provenance);
Provenance ReadProvenance(const Node& node);

}  // namespace duet::runners
