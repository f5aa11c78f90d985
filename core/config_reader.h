// Reads settings structs from TOML files.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields.h"

namespace duet::core {

// One TOML file with overrides on top. Every error is a ConfigError of one line:
// "file.toml:7: agent.gamma = 1.5 is outside [0, 1]".
class ConfigFile {
 public:
  // Throws IoError where the file cannot be read and ConfigError where it is not TOML or an
  // override
  // ("key.path=value", elements of arrays by their number) cannot be applied.
  ConfigFile(const std::filesystem::path& path, std::span<const std::string> overrides);
  // The same from text; `origin` names it in errors.
  ConfigFile(std::string_view text, std::string_view origin,
             std::span<const std::string> overrides);
  ~ConfigFile();
  ConfigFile(ConfigFile&&) noexcept;

  // Fills `config`, leaving the default where the file is silent. Throws ConfigError on a key that
  // no field has, a value of another type, or one outside its range.
  template <typename Config>
  void Read(Config& config) const {
    const std::unique_ptr<FieldVisitor> reader = MakeReader();
    VisitFields(*reader, config);
    FinishReading(*reader);
  }

  // Fills `config` from the section of that name alone; the rest of the file may be anything.
  template <typename Config>
  void ReadSection(std::string_view name, Config& config) const {
    MakeReader()->Section(name, config, "");
  }

  // A setting with several values where the struct has one, as in gamma = [0.98, 0.99], or lists
  // where it has a list.
  struct Swept {
    std::string path;                 // dotted
    std::vector<std::string> values;  // each as an override has it, at least one
  };
  // The first such setting, or nothing. Settings of a free section, and whole sections, are never
  // swept. Throws as Read on whatever comes before it, and where the list is empty.
  template <typename Config>
  std::optional<Swept> FindSwept(Config config) const {
    std::optional<Swept> found;
    const std::unique_ptr<FieldVisitor> finder = MakeSweptFinder(found);
    VisitFields(*finder, config);
    return found;
  }

  // The file with its overrides, as TOML.
  std::string ToToml() const;

  // Where the setting at this dotted path was given, or else its section: "file.toml:7:
  // agent.gamma", for errors of checks that span several fields.
  std::string Where(std::string_view path) const;

 private:
  struct Impl;
  class Reader;
  class SweptFinder;
  std::unique_ptr<FieldVisitor> MakeReader() const;
  std::unique_ptr<FieldVisitor> MakeSweptFinder(std::optional<Swept>& found) const;
  static void FinishReading(FieldVisitor& reader);

  std::unique_ptr<Impl> impl_;
};

}  // namespace duet::core
