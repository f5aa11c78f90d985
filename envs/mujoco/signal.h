// Numbers of a simulation by name, as settings write them.
#pragma once

#include <mujoco/mujoco.h>

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"

namespace duet::envs {

// A run of neighbouring numbers of a simulation, clipped if asked, or their rate of change over an
// environment step. Written as
//
//   qpos, qvel, ctrl, time   all positions, velocities, actions; the simulated time
//   qpos:JOINT, qvel:JOINT   those of one joint
//   sensor:NAME              what a sensor measured at the start of the latest physics step
//   …[i], …[i:j]             the i-th of them, from 0, or those from i up to j without j; either
//                            may be left out; a negative one counts from the end
//   rate:…                   change over the environment step per second; 0 right after a reset
//   clip(…, low, high)       each number brought into [low, high]
class Signal {
 public:
  // Throws ConfigError where the text is none of these, and where the model has no joint or sensor
  // of that name or too few numbers.
  Signal(std::string_view text, const mjModel& model);

  std::size_t size() const { return count_; }
  const std::string& text() const { return text_; }
  // Whether it is all of ctrl, which is the action.
  bool is_action() const { return is_action_; }
  bool is_rate() const { return rate_; }

  // The numbers as they stand in the simulation, neither rates nor clipped ([size()]).
  std::span<const double> Raw(const mjData& data) const;
  // The i-th number. `previous` ([size()]) are the raw numbers before the environment step of
  // `step_seconds`; only rates look at them.
  double Value(std::size_t i, const mjData& data, std::span<const double> previous,
               double step_seconds) const;

  // Appends what the numbers mean ([size()]).
  void Describe(const mjModel& model, std::vector<Quantity>& quantities) const;

 private:
  enum class Source { kPosition, kVelocity, kControl, kSensor, kTime };

  std::string_view ParseClip(std::string_view text);
  void ParseSource(std::string_view text, const mjModel& model);
  void ParseSlice(std::string_view slice);
  void Find(std::string_view kind, std::string_view name, const mjModel& model);
  [[noreturn]] void Refuse(std::string_view problem) const;

  std::string text_;
  Source source_ = Source::kTime;
  std::size_t first_ = 0;
  std::size_t count_ = 1;
  bool is_action_ = false;
  bool rate_ = false;
  double clip_low_ = -std::numeric_limits<double>::infinity();
  double clip_high_ = std::numeric_limits<double>::infinity();
};

}  // namespace duet::envs
