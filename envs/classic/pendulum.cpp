#include "envs/classic/pendulum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "envs/classic/equation_env.h"

namespace duet::envs {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kMaxSpeed = 8.0;   // rad/s
constexpr float kMaxTorque = 2.0F;  // N m
constexpr double kStepSeconds = 0.05;

// Into [-pi, pi), as Python's remainder does: with the sign of the divisor.
double WrapAngle(double angle) {
  double remainder = std::fmod(angle + kPi, 2.0 * kPi);
  if (remainder < 0.0) remainder += 2.0 * kPi;
  return remainder - kPi;
}

EnvSpec Spec() {
  EnvSpec spec;
  spec.id = "Pendulum-v1";
  spec.observation_low = {-1.0F, -1.0F, -8.0F};
  spec.observation_high = {1.0F, 1.0F, 8.0F};
  spec.action_low = {-kMaxTorque};
  spec.action_high = {kMaxTorque};
  spec.step_seconds = kStepSeconds;
  return spec;
}

EnvQuantities Quantities() {
  return {.observation = {{"cosine of the angle from upright", ""},
                          {"sine of the angle from upright", ""},
                          {"angular velocity", "rad/s"}},
          .action = {{"torque on the joint", "N m"}}};
}

// State: angle from upright, not wrapped; angular velocity.
class Pendulum : public EquationEnv {
 public:
  explicit Pendulum(double gravity) : EquationEnv(Spec(), Quantities(), 2), gravity_(gravity) {}

  void Draw(Drawing& drawing) const override;

 private:
  void DrawState(core::NumpyRng& rng, std::span<double> state) const override {
    state[0] = rng.Uniform(-kPi, kPi);
    state[1] = rng.Uniform(-1.0, 1.0);
  }

  // Mass and length are 1. The torque and its terms are float32, as in NumPy.
  StepResult Advance(ActionView action, std::span<double> state) const override {
    double& angle = state[0];
    double& velocity = state[1];
    const float torque = std::clamp(BoxAction(spec(), action)[0], -kMaxTorque, kMaxTorque);
    const double cost =
        PowerOfTwo(WrapAngle(angle)) + 0.1 * PowerOfTwo(velocity) + 0.001F * PowerOfTwo(torque);
    const double acceleration = 3.0 * gravity_ / 2.0 * std::sin(angle) + 3.0F * torque;
    velocity = std::clamp(velocity + acceleration * kStepSeconds, -kMaxSpeed, kMaxSpeed);
    angle += velocity * kStepSeconds;
    return {.reward = -cost};
  }

  void WriteObservation(std::span<const double> state,
                        std::span<double> observation) const override {
    observation[0] = static_cast<float>(std::cos(state[0]));
    observation[1] = static_cast<float>(std::sin(state[0]));
    observation[2] = static_cast<float>(state[1]);
  }

  double gravity_;
};

void Pendulum::Draw(Drawing& drawing) const {
  drawing.low = {-1.25, -1.25};
  drawing.high = {1.25, 1.25};
  drawing.width = 500;
  drawing.height = 500;
  const Point tip = {-std::sin(state()[0]), std::cos(state()[0])};
  const Color rod = {204, 77, 77};
  drawing.AddLine({{0.0, 0.0}, tip}, rod, 0.2);
  drawing.AddCircle({0.0, 0.0}, 0.1, rod);
  drawing.AddCircle(tip, 0.1, rod);
  drawing.AddCircle({0.0, 0.0}, 0.04, {0, 0, 0});
}

}  // namespace

std::unique_ptr<Env> MakePendulum(OptionReader& options) {
  double gravity = 10.0;
  options.Number("g", gravity);
  return std::make_unique<Pendulum>(gravity);
}

}  // namespace duet::envs
