#include "runners/env_show.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "envs/registry.h"
#include "runners/env_option_text.h"

namespace duet::runners {
namespace {

using nlohmann::ordered_json;

std::string RangeText(double low, double high) { return fmt::format("[{:g}, {:g}]", low, high); }

// "6 in [-1, 1]", with the ranges of the single actions where they differ; "4 discrete".
std::string ActionText(const envs::EnvSpec& spec) {
  if (spec.discrete()) return fmt::format("{} discrete", spec.num_actions);
  std::string text = fmt::format("{} in", spec.action_size());
  std::string previous;
  for (std::size_t i = 0; i < spec.action_low.size(); ++i) {
    const std::string range = RangeText(spec.action_low[i], spec.action_high[i]);
    if (range == previous) continue;
    text += " " + range;
    previous = range;
  }
  return text;
}

// JSON has no infinity: null.
ordered_json Bound(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json ToJson(const envs::EnvSpec& spec, const envs::EnvDescription& description) {
  return {{"id", spec.id},
          {"summary", description.summary},
          {"observation_size", spec.observation_size},
          {"action_size", spec.action_size()},
          {"action_low", spec.action_low},
          {"action_high", spec.action_high},
          {"num_actions", spec.num_actions},
          {"max_episode_steps", spec.max_episode_steps},
          {"engine", description.engine}};
}

void List(bool as_json) {
  ordered_json rows = ordered_json::array();
  if (!as_json) {
    fmt::print("{:<26} {:>11}  {:<22} {:>5}  {}\n", "id", "observation", "action", "limit",
               "engine");
  }
  for (const std::string& id : envs::EnvIds()) {
    const envs::EnvSpec spec = envs::MakeEnv(id)->spec();
    const envs::EnvDescription description = envs::DescribeEnv(id);
    if (as_json) {
      rows.push_back(ToJson(spec, description));
    } else {
      fmt::print("{:<26} {:>11}  {:<22} {:>5}  {}\n", id, spec.observation_size, ActionText(spec),
                 spec.max_episode_steps, description.engine);
    }
  }
  if (as_json) fmt::print("{}\n", rows.dump(2));
}

// All that `show` says of an environment.
struct Facts {
  envs::EnvSpec spec;
  envs::EnvDescription description;
  envs::EnvQuantities quantities;
  std::vector<envs::OptionFacts> options;
  envs::EnvOptions given;  // options other than the defaults

  bool bounded() const { return !spec.observation_low.empty(); }
  const envs::OptionValue& value(const envs::OptionFacts& option) const {
    const auto found = given.find(option.name);
    return found == given.end() ? option.default_value : found->second;
  }
};

Facts Learn(const std::string& id, const envs::EnvOptions& options) {
  const std::unique_ptr<envs::Env> env = envs::MakeEnv(id, options);
  return {env->spec(), envs::DescribeEnv(id), env->Describe(), envs::DescribeOptions(id), options};
}

ordered_json ToJson(const envs::OptionValue& value) {
  struct Visitor {
    ordered_json operator()(bool flag) const { return flag; }
    ordered_json operator()(double number) const { return Bound(number); }
    ordered_json operator()(const envs::Interval& interval) const {
      return {Bound(interval.low), Bound(interval.high)};
    }
    ordered_json operator()(const std::string& text) const { return text; }
  };
  return std::visit(Visitor{}, value);
}

ordered_json ToJson(const envs::Quantity& quantity) {
  return {{"meaning", quantity.meaning}, {"unit", quantity.unit}};
}

void ShowJson(const Facts& facts) {
  ordered_json report = ToJson(facts.spec, facts.description);
  report["step_seconds"] = facts.spec.step_seconds;
  report["observation"] = ordered_json::array();
  for (std::size_t i = 0; i < facts.quantities.observation.size(); ++i) {
    ordered_json row = ToJson(facts.quantities.observation[i]);
    row["low"] = facts.bounded() ? Bound(facts.spec.observation_low[i]) : nullptr;
    row["high"] = facts.bounded() ? Bound(facts.spec.observation_high[i]) : nullptr;
    report["observation"].push_back(std::move(row));
  }
  report["action"] = ordered_json::array();
  for (std::size_t i = 0; i < facts.quantities.action.size(); ++i) {
    ordered_json row = ToJson(facts.quantities.action[i]);
    if (!facts.spec.discrete()) {
      row["low"] = facts.spec.action_low[i];
      row["high"] = facts.spec.action_high[i];
    }
    report["action"].push_back(std::move(row));
  }
  report["options"] = ordered_json::array();
  for (const envs::OptionFacts& option : facts.options) {
    report["options"].push_back({{"name", option.name},
                                 {"default", ToJson(option.default_value)},
                                 {"value", ToJson(facts.value(option))},
                                 {"allowed", option.allowed}});
  }
  fmt::print("{}\n", report.dump(2));
}

using Row = std::vector<std::string>;

// Left-aligned columns as wide as their longest word; the first row is the heading.
void PrintTable(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += fmt::format("  {:<{}}", row[c], c + 1 < row.size() ? widths[c] : 0);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

void ShowObservation(const Facts& facts) {
  std::vector<Row> rows = {{"index", "unit", "meaning"}};
  if (facts.bounded()) rows.front().insert(rows.front().begin() + 1, "bounds");
  for (std::size_t i = 0; i < facts.quantities.observation.size(); ++i) {
    const envs::Quantity& quantity = facts.quantities.observation[i];
    rows.push_back({std::to_string(i), quantity.unit, quantity.meaning});
    if (!facts.bounded()) continue;
    rows.back().insert(rows.back().begin() + 1,
                       RangeText(facts.spec.observation_low[i], facts.spec.observation_high[i]));
  }
  fmt::print("\nobservation: {} numbers{}\n", facts.spec.observation_size,
             facts.bounded() ? "" : ", unbounded");
  PrintTable(rows);
}

void ShowActions(const Facts& facts) {
  const bool discrete = facts.spec.discrete();
  std::vector<Row> rows = {discrete ? Row{"index", "meaning"}
                                    : Row{"index", "range", "unit", "meaning"}};
  for (std::size_t i = 0; i < facts.quantities.action.size(); ++i) {
    const envs::Quantity& quantity = facts.quantities.action[i];
    if (discrete) {
      rows.push_back({std::to_string(i), quantity.meaning});
    } else {
      rows.push_back({std::to_string(i),
                      RangeText(facts.spec.action_low[i], facts.spec.action_high[i]), quantity.unit,
                      quantity.meaning});
    }
  }
  fmt::print("\naction: {}\n", discrete ? fmt::format("one of {} indices", facts.spec.num_actions)
                                        : fmt::format("{} numbers", facts.spec.action_size()));
  PrintTable(rows);
}

void ShowOptions(const Facts& facts) {
  if (facts.options.empty()) {
    fmt::print("\noptions: none\n");
    return;
  }
  fmt::print("\noptions: [env.options] of a settings file, or --option key=value\n");
  std::vector<Row> rows = {{"name", "default", "allowed"}};
  if (!facts.given.empty()) rows.front().insert(rows.front().begin() + 2, "here");
  for (const envs::OptionFacts& option : facts.options) {
    rows.push_back({option.name, envs::ToText(option.default_value), option.allowed});
    if (facts.given.empty()) continue;
    rows.back().insert(rows.back().begin() + 2, envs::ToText(facts.value(option)));
  }
  PrintTable(rows);
}

void ShowText(const Facts& facts) {
  const envs::EnvSpec& spec = facts.spec;
  fmt::print("{}: {}\n", spec.id, facts.description.summary);
  fmt::print("{}; at most {} steps{}\n", facts.description.engine, spec.max_episode_steps,
             spec.step_seconds > 0.0 ? fmt::format(" of {:g} s", spec.step_seconds) : "");
  ShowObservation(facts);
  ShowActions(facts);
  if (envs::IsModelFile(spec.id)) {
    fmt::print(
        "\nthe default task of a model file, without a reward; [env.task] of a settings "
        "file makes another\n");
  } else {
    ShowOptions(facts);
  }
}

struct ShowArguments {
  std::string id;
  std::vector<std::string> options;
  bool as_json = false;
};

}  // namespace

void AddEnvListCommand(CLI::App& env, int& exit_code) {
  // What the options write to lives as long as the callback.
  auto as_json = std::make_shared<bool>(false);
  CLI::App* list = env.add_subcommand("list", "table of all environments");
  list->add_flag("--json", *as_json, "print JSON");
  list->callback([&exit_code, as_json] {
    List(*as_json);
    exit_code = 0;
  });
}

void AddEnvShowCommand(CLI::App& env, int& exit_code) {
  auto arguments = std::make_shared<ShowArguments>();
  CLI::App* show =
      env.add_subcommand("show", "what every number of an environment means, and its options");
  show->add_option("ID", arguments->id, "environment, as in `env list`, or mjcf:FILE")->required();
  show->add_option("--option", arguments->options, "setting of the task: key=value")
      ->allow_extra_args(false);
  show->add_flag("--json", arguments->as_json, "print JSON");
  show->callback([&exit_code, arguments] {
    const Facts facts = Learn(arguments->id, ParseEnvOptions(arguments->options));
    arguments->as_json ? ShowJson(facts) : ShowText(facts);
    exit_code = 0;
  });
}

}  // namespace duet::runners
