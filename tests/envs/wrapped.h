// Every wrapper around a cheap task of each kind of action.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/registry.h"
#include "envs/wrappers/action_wrappers.h"
#include "envs/wrappers/episode_statistics.h"
#include "envs/wrappers/normalization.h"
#include "envs/wrappers/observation_wrappers.h"
#include "tests/envs/subject.h"

namespace duet::envs {

using Wrap = std::function<std::unique_ptr<Env>(std::unique_ptr<Env>)>;

template <typename WrapperType, typename... Settings>
Wrap With(Settings... settings) {
  return [=](std::unique_ptr<Env> env) -> std::unique_ptr<Env> {
    return std::make_unique<WrapperType>(std::move(env), settings...);
  };
}

inline Subject Wrapped(std::string name, std::string_view id, Wrap wrap) {
  return {.name = std::move(name), .make = [id, wrap](std::optional<std::int64_t> limit) {
            return wrap(MakeEnv(id, {}, limit));
          }};
}

// Several at once, in the order of somebody who trains.
inline std::unique_ptr<Env> WrapInMany(std::unique_ptr<Env> env) {
  for (const Wrap& wrap :
       {With<RescaleAction>(-1.0, 1.0), With<DelayAction>(2), With<NoiseAction>(0.1),
        With<NoiseObservation>(0.01), With<DelayObservation>(1), With<NormalizeObservation>(),
        With<FrameStack>(3), With<EpisodeStatistics>(), With<NormalizeReward>()}) {
    env = wrap(std::move(env));
  }
  return env;
}

inline std::vector<Subject> WrappedSubjects() {
  constexpr std::string_view kBox = "Pendulum-v1";
  std::vector<Subject> subjects = {
      Wrapped("RescaleAction", kBox, With<RescaleAction>(-1.0, 0.5)),
      Wrapped("ClipAction", kBox, With<ClipAction>()),
      Wrapped("NoiseAction", kBox, With<NoiseAction>(0.3)),
      Wrapped("Many", kBox, WrapInMany),
  };
  subjects[1].clips_actions = true;
  subjects[3].action_delay = 2;
  subjects[3].has_statistics = true;
  for (const auto& [kind, id] :
       {std::pair("Box", "Pendulum-v1"), std::pair("Discrete", "CartPole-v1")}) {
    const auto add = [&](std::string_view name, Wrap wrap) -> Subject& {
      return subjects.emplace_back(Wrapped(std::string(name) + kind, id, std::move(wrap)));
    };
    add("DelayAction", With<DelayAction>(2)).action_delay = 2;
    add("DelayObservation", With<DelayObservation>(2));
    add("EpisodeStatistics", With<EpisodeStatistics>());
    add("FrameStack", With<FrameStack>(3));
    add("NoiseObservation", With<NoiseObservation>(0.1));
    add("NormalizeObservation", With<NormalizeObservation>()).has_statistics = true;
    add("NormalizeReward", With<NormalizeReward>()).has_statistics = true;
  }
  return subjects;
}

}  // namespace duet::envs
