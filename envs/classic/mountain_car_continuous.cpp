#include "envs/classic/mountain_car_continuous.h"

#include <algorithm>
#include <cmath>

#include "envs/classic/equation_env.h"

namespace duet::envs {
namespace {

constexpr double kMinPosition = -1.2;
constexpr double kMaxPosition = 0.6;
constexpr double kGoalPosition = 0.45;
constexpr double kMaxSpeed = 0.07;
constexpr double kPower = 0.0015;
constexpr double kGravity = 0.0025;

EnvSpec Spec() {
  EnvSpec spec;
  spec.id = "MountainCarContinuous-v0";
  spec.observation_low = {static_cast<float>(kMinPosition), static_cast<float>(-kMaxSpeed)};
  spec.observation_high = {static_cast<float>(kMaxPosition), static_cast<float>(kMaxSpeed)};
  spec.action_low = {-1.0F};
  spec.action_high = {1.0F};
  return spec;
}

EnvQuantities Quantities() {
  return {.observation = {{"position along x", ""}, {"velocity, per step", ""}},
          .action = {{"force on the car, times 0.0015", ""}}};
}

// What a step adds to the velocity, before it is rounded to the state's precision. A force within
// its range is a float32 scalar in NumPy, and so is all that it is combined with; a clipped one is
// a Python number.
double VelocityChange(float action, double slope) {
  if (action < -1.0F || action > 1.0F) {
    const double force = std::clamp(action, -1.0F, 1.0F);
    return force * kPower - kGravity * slope;
  }
  return action * static_cast<float>(kPower) - static_cast<float>(kGravity * slope);
}

// State: position, velocity.
class MountainCarContinuous : public EquationEnv {
 public:
  explicit MountainCarContinuous(double goal_velocity)
      : EquationEnv(Spec(), Quantities(), 2), goal_velocity_(goal_velocity) {}

  void Draw(Drawing& drawing) const override;

 private:
  void DrawState(core::NumpyRng& rng, std::span<double> state) const override {
    state[0] = rng.Uniform(-0.6, -0.4);
    state[1] = 0.0;
  }

  StepResult Advance(ActionView action, std::span<double> state) const override {
    const float force = BoxAction(spec(), action)[0];
    // The drawn state is double; every later one is float32 and so is what is done with it.
    const bool reached = num_steps() == 1 ? Move<double>(force, state) : Move<float>(force, state);
    const double cost = static_cast<double>(force) * force * 0.1;  // the square is exact
    return {.reward = (reached ? 100.0 : 0.0) - cost, .terminated = reached};
  }

  // Moves the car and says whether it reached the goal. Limits are rounded to the state's precision
  // before they are compared with it.
  template <typename Number>
  bool Move(float action, std::span<double> state) const {
    auto position = static_cast<Number>(state[0]);
    auto velocity = static_cast<Number>(state[1]);
    const double slope = std::cos(static_cast<double>(Number{3} * position));
    constexpr auto kSpeed = static_cast<Number>(kMaxSpeed);
    velocity += static_cast<Number>(VelocityChange(action, slope));
    const bool at_full_speed = velocity > kSpeed;
    velocity = std::clamp(velocity, -kSpeed, kSpeed);
    position = std::clamp(position + velocity, static_cast<Number>(kMinPosition),
                          static_cast<Number>(kMaxPosition));
    if (position == static_cast<Number>(kMinPosition) && velocity < Number{0}) velocity = 0;
    state[0] = static_cast<float>(position);
    state[1] = static_cast<float>(velocity);
    // A clipped velocity is the limit itself, unrounded.
    const bool fast = at_full_speed ? kMaxSpeed >= goal_velocity_
                                    : velocity >= static_cast<Number>(goal_velocity_);
    return position >= static_cast<Number>(kGoalPosition) && fast;
  }

  void WriteObservation(std::span<const double> state,
                        std::span<double> observation) const override {
    observation[0] = static_cast<float>(state[0]);
    observation[1] = static_cast<float>(state[1]);
  }

  double goal_velocity_;
};

double Height(double position) { return std::sin(3.0 * position) * 0.45 + 0.55; }

void MountainCarContinuous::Draw(Drawing& drawing) const {
  drawing.low = {kMinPosition, 0.0};
  drawing.high = {kMaxPosition, 1.2};
  std::vector<Point> hills;
  for (int i = 0; i <= 100; ++i) {
    const double x = kMinPosition + (kMaxPosition - kMinPosition) * i / 100.0;
    hills.push_back({x, Height(x)});
  }
  drawing.AddLine(std::move(hills), {0, 0, 0});
  const double flag = Height(kGoalPosition);
  drawing.AddLine({{kGoalPosition, flag}, {kGoalPosition, flag + 0.15}}, {0, 0, 0});
  drawing.AddPolygon({{kGoalPosition, flag + 0.15},
                      {kGoalPosition, flag + 0.12},
                      {kGoalPosition + 0.07, flag + 0.135}},
                     {204, 204, 0});

  // The car: a box along the slope, on two wheels.
  const double x = state()[0];
  const double angle = std::atan(1.35 * std::cos(3.0 * x));
  const auto place = [&](double along, double up) {
    return Point{x + along * std::cos(angle) - up * std::sin(angle),
                 Height(x) + along * std::sin(angle) + up * std::cos(angle)};
  };
  drawing.AddPolygon({place(-0.06, 0.03), place(0.06, 0.03), place(0.06, 0.09), place(-0.06, 0.09)},
                     {0, 0, 0});
  for (const double wheel : {-0.03, 0.03}) {
    drawing.AddCircle(place(wheel, 0.025), 0.025, {128, 128, 128});
  }
}

}  // namespace

std::unique_ptr<Env> MakeMountainCarContinuous(OptionReader& options) {
  double goal_velocity = 0.0;
  options.Number("goal_velocity", goal_velocity);
  return std::make_unique<MountainCarContinuous>(goal_velocity);
}

}  // namespace duet::envs
