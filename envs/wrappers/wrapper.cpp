#include "envs/wrappers/wrapper.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "core/error.h"

namespace duet::envs {

void Annotate(std::vector<Quantity>& quantities, std::string_view text) {
  for (Quantity& quantity : quantities) quantity.meaning += fmt::format(", {}", text);
}

void AnnotateScaled(std::vector<Quantity>& quantities, std::string_view text) {
  Annotate(quantities, text);
  for (Quantity& quantity : quantities) quantity.unit.clear();
}

std::string StepsText(std::size_t count) {
  return fmt::format("{} step{}", count, count == 1 ? "" : "s");
}

Wrapper::Wrapper(std::string_view tag, std::unique_ptr<Env> env)
    : tag_(tag), env_(std::move(env)), spec_(env_->spec()) {}

void Wrapper::RequireBox(std::string_view wrapper) const {
  if (!spec_.discrete()) return;
  throw ConfigError(fmt::format("{}: {} needs actions that are boxes; these are {} indices",
                                spec_.id, wrapper, spec_.num_actions));
}

void Wrapper::Refuse(std::string_view name, double value, std::string_view allowed) const {
  throw ConfigError(fmt::format("{}: {} = {:g}; allowed is {}", spec_.id, name, value, allowed));
}

void Wrapper::RequireRoom(std::span<const double> observation) const {
  if (std::cmp_equal(observation.size(), spec_.observation_size)) return;
  throw std::logic_error(fmt::format("{}: room for {} observations given, {} needed", spec_.id,
                                     observation.size(), spec_.observation_size));
}

std::string Wrapper::SaveState() const {
  StateWriter writer(tag_, spec_.id);
  SaveOwnState(writer);
  writer.Add(env_->SaveState());
  return writer.Finish();
}

void Wrapper::LoadState(const std::string& state) {
  StateReader reader(tag_, spec_.id, state);
  LoadOwnState(reader);
  const std::string inner = reader.Text();
  reader.Finish();
  env_->LoadState(inner);
}

}  // namespace duet::envs
