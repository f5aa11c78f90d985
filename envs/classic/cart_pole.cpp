#include "envs/classic/cart_pole.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <tuple>

#include "envs/classic/equation_env.h"

namespace duet::envs {
namespace {

constexpr double kGravity = 9.8;   // m/s^2
constexpr double kCartMass = 1.0;  // kg
constexpr double kPoleMass = 0.1;  // kg
constexpr double kTotalMass = kPoleMass + kCartMass;
constexpr double kHalfLength = 0.5;  // of the pole, m
constexpr double kPoleMassLength = kPoleMass * kHalfLength;
constexpr double kForce = 10.0;  // N
constexpr double kStepSeconds = 0.02;
constexpr double kMaxPosition = 2.4;                                 // m
constexpr double kMaxAngle = 12.0 * 2.0 * std::numbers::pi / 360.0;  // rad

EnvSpec Spec() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EnvSpec spec;
  spec.id = "CartPole-v1";
  // Twice what ends an episode, so that its last observation is within the bounds.
  spec.observation_high = {static_cast<float>(2.0 * kMaxPosition), kInfinity,
                           static_cast<float>(2.0 * kMaxAngle), kInfinity};
  for (const float high : spec.observation_high) spec.observation_low.push_back(-high);
  spec.num_actions = 2;
  spec.step_seconds = kStepSeconds;
  return spec;
}

EnvQuantities Quantities() {
  return {.observation = {{"position of the cart", "m"},
                          {"velocity of the cart", "m/s"},
                          {"angle of the pole from upright", "rad"},
                          {"angular velocity of the pole", "rad/s"}},
          .action = {{"push the cart left with 10 N", ""}, {"push the cart right with 10 N", ""}}};
}

// State: as observed, in double.
class CartPole : public EquationEnv {
 public:
  explicit CartPole(bool sutton_barto_reward)
      : EquationEnv(Spec(), Quantities(), 4), sutton_barto_reward_(sutton_barto_reward) {}

  void Draw(Drawing& drawing) const override;

 private:
  void DrawState(core::NumpyRng& rng, std::span<double> state) const override {
    for (double& number : state) number = rng.Uniform(-0.05, 0.05);
  }

  StepResult Advance(ActionView action, std::span<double> state) const override {
    auto [position, velocity, angle, angular_velocity] =
        std::tie(state[0], state[1], state[2], state[3]);
    const double force = DiscreteAction(spec(), action) == 1 ? kForce : -kForce;
    const double cosine = std::cos(angle);
    const double sine = std::sin(angle);
    const double push =
        (force + kPoleMassLength * (angular_velocity * angular_velocity) * sine) / kTotalMass;
    const double angular_acceleration =
        (kGravity * sine - cosine * push) /
        (kHalfLength * (4.0 / 3.0 - kPoleMass * (cosine * cosine) / kTotalMass));
    const double acceleration = push - kPoleMassLength * angular_acceleration * cosine / kTotalMass;
    position += kStepSeconds * velocity;
    velocity += kStepSeconds * acceleration;
    angle += kStepSeconds * angular_velocity;
    angular_velocity += kStepSeconds * angular_acceleration;

    const bool fallen = std::abs(position) > kMaxPosition || std::abs(angle) > kMaxAngle;
    if (sutton_barto_reward_) return {.reward = fallen ? -1.0 : 0.0, .terminated = fallen};
    return {.reward = 1.0, .terminated = fallen};
  }

  void WriteObservation(std::span<const double> state,
                        std::span<double> observation) const override {
    std::ranges::transform(state, observation.begin(),
                           [](double number) { return static_cast<float>(number); });
  }

  bool sutton_barto_reward_;
};

void CartPole::Draw(Drawing& drawing) const {
  drawing.low = {-kMaxPosition, -0.8};
  drawing.high = {kMaxPosition, 2.4};
  const double x = state()[0];
  const double angle = state()[2];
  drawing.AddLine({{-2.0 * kMaxPosition, 0.0}, {2.0 * kMaxPosition, 0.0}}, {0, 0, 0});
  drawing.AddPolygon({{x - 0.2, -0.12}, {x + 0.2, -0.12}, {x + 0.2, 0.12}, {x - 0.2, 0.12}},
                     {0, 0, 0});
  drawing.AddLine(
      {{x, 0.06},
       {x + 2.0 * kHalfLength * std::sin(angle), 0.06 + 2.0 * kHalfLength * std::cos(angle)}},
      {202, 152, 101}, 0.08);
  drawing.AddCircle({x, 0.06}, 0.04, {129, 132, 203});
}

}  // namespace

std::unique_ptr<Env> MakeCartPole(OptionReader& options) {
  bool sutton_barto_reward = false;
  options.Flag("sutton_barto_reward", sutton_barto_reward);
  return std::make_unique<CartPole>(sutton_barto_reward);
}

}  // namespace duet::envs
