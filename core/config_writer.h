// Writes settings structs as TOML and as help text.
#pragma once

#include <memory>
#include <string>

#include "core/fields.h"

namespace duet::core {

namespace internal {
std::unique_ptr<FieldVisitor> MakeTomlWriter(std::string& out);
std::unique_ptr<FieldVisitor> MakeHelpWriter(std::string& out);
}  // namespace internal

// The settings as TOML with every default written out; reading it gives the same settings.
template <typename Config>
std::string ToToml(Config config) {
  std::string text;
  VisitFields(*internal::MakeTomlWriter(text), config);
  return text;
}

// One line per setting: name, default, allowed values, description.
template <typename Config>
std::string SettingsHelp(Config config) {
  std::string text;
  VisitFields(*internal::MakeHelpWriter(text), config);
  return text;
}

}  // namespace duet::core
