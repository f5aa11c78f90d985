#include "envs/classic/acrobot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "envs/classic/equation_env.h"

namespace duet::envs {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kStepSeconds = 0.2;
constexpr double kMaxVelocity1 = 4.0 * kPi;  // rad/s
constexpr double kMaxVelocity2 = 9.0 * kPi;  // rad/s
constexpr double kGravity = 9.8;             // m/s^2

// Angles of the two links, then their angular velocities.
using Motion = std::array<double, 4>;

EnvSpec Spec() {
  EnvSpec spec;
  spec.id = "Acrobot-v1";
  spec.observation_high = {
      1.0F, 1.0F, 1.0F, 1.0F, static_cast<float>(kMaxVelocity1), static_cast<float>(kMaxVelocity2)};
  for (const float high : spec.observation_high) spec.observation_low.push_back(-high);
  spec.num_actions = 3;
  spec.step_seconds = kStepSeconds;
  return spec;
}

EnvQuantities Quantities() {
  return {.observation = {{"cosine of the first link's angle from hanging down", ""},
                          {"sine of the first link's angle from hanging down", ""},
                          {"cosine of the second link's angle from the first", ""},
                          {"sine of the second link's angle from the first", ""},
                          {"angular velocity of the first link", "rad/s"},
                          {"angular velocity of the second link against the first", "rad/s"}},
          .action = {{"torque of -1 N m between the links", ""},
                     {"no torque", ""},
                     {"torque of 1 N m between the links", ""}}};
}

// Rates of change. Both links have length, mass and moment of inertia 1 and their centre of mass in
// the middle.
Motion Rates(const Motion& motion, double torque) {
  const auto& [angle1, angle2, velocity1, velocity2] = motion;
  const double sine2 = std::sin(angle2);
  const double cosine2 = std::cos(angle2);
  const double d1 = 0.25 + (1.25 + cosine2) + 1.0 + 1.0;
  const double d2 = 0.25 + 0.5 * cosine2 + 1.0;
  const double phi2 = 0.5 * kGravity * std::cos(angle1 + angle2 - kPi / 2.0);
  const double phi1 = -0.5 * PowerOfTwo(velocity2) * sine2 - velocity2 * velocity1 * sine2 +
                      1.5 * kGravity * std::cos(angle1 - kPi / 2.0) + phi2;
  const double acceleration2 =
      (torque + d2 / d1 * phi1 - 0.5 * PowerOfTwo(velocity1) * sine2 - phi2) /
      (1.25 - PowerOfTwo(d2) / d1);
  const double acceleration1 = -(d2 * acceleration2 + phi1) / d1;
  return {velocity1, velocity2, acceleration1, acceleration2};
}

Motion Moved(const Motion& motion, double seconds, const Motion& rates) {
  Motion moved;
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] = motion[i] + seconds * rates[i];
  return moved;
}

Motion RungeKuttaStep(const Motion& motion, double torque) {
  const Motion k1 = Rates(motion, torque);
  const Motion k2 = Rates(Moved(motion, kStepSeconds / 2.0, k1), torque);
  const Motion k3 = Rates(Moved(motion, kStepSeconds / 2.0, k2), torque);
  const Motion k4 = Rates(Moved(motion, kStepSeconds, k3), torque);
  Motion sum;
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i];
  return Moved(motion, kStepSeconds / 6.0, sum);
}

double WrapAngle(double angle) {
  while (angle > kPi) angle -= 2.0 * kPi;
  while (angle < -kPi) angle += 2.0 * kPi;
  return angle;
}

// NumPy's sine and cosine of float32 numbers, for |x| < pi/4: minimax polynomials evaluated with
// fused multiply-adds (its x86 code for processors that have these; coefficients as there). The
// state right after a reset is float32, so its observation goes through them.
float SmallSine(float x) {
  const float square = x * x;
  float sum = std::fma(0x1.7d3bbcp-19F, square, -0x1.a06bbap-13F);
  sum = std::fma(sum, square, 0x1.11119ap-7F);
  sum = std::fma(sum, square, -0x1.555556p-3F);
  return std::fma(sum * square, x, x);
}
float SmallCosine(float x) {
  const float square = x * x;
  float sum = std::fma(0x1.98e616p-16F, square, -0x1.6c06dcp-10F);
  sum = std::fma(sum, square, 0x1.55553cp-05F);
  sum = std::fma(sum, square, -0.5F);
  return std::fma(sum, square, 1.0F);
}

class Acrobot : public EquationEnv {
 public:
  Acrobot() : EquationEnv(Spec(), Quantities(), 4) {}

  void Draw(Drawing& drawing) const override;

 private:
  void DrawState(core::NumpyRng& rng, std::span<double> state) const override {
    for (double& number : state) number = static_cast<float>(rng.Uniform(-0.1, 0.1));
  }

  StepResult Advance(ActionView action, std::span<double> state) const override {
    const auto torque = static_cast<double>(DiscreteAction(spec(), action) - 1);
    Motion motion;
    std::ranges::copy(state, motion.begin());
    motion = RungeKuttaStep(motion, torque);
    state[0] = WrapAngle(motion[0]);
    state[1] = WrapAngle(motion[1]);
    state[2] = std::clamp(motion[2], -kMaxVelocity1, kMaxVelocity1);
    state[3] = std::clamp(motion[3], -kMaxVelocity2, kMaxVelocity2);
    const bool reached = -std::cos(state[0]) - std::cos(state[1] + state[0]) > 1.0;
    return {.reward = reached ? 0.0 : -1.0, .terminated = reached};
  }

  void WriteObservation(std::span<const double> state,
                        std::span<double> observation) const override {
    for (std::size_t link = 0; link < 2; ++link) {
      const double angle = state[link];
      const bool drawn = num_steps() == 0;
      observation[2 * link] =
          drawn ? SmallCosine(static_cast<float>(angle)) : static_cast<float>(std::cos(angle));
      observation[2 * link + 1] =
          drawn ? SmallSine(static_cast<float>(angle)) : static_cast<float>(std::sin(angle));
      observation[4 + link] = static_cast<float>(state[2 + link]);
    }
  }
};

void Acrobot::Draw(Drawing& drawing) const {
  drawing.low = {-2.2, -2.2};
  drawing.high = {2.2, 2.2};
  drawing.width = 500;
  drawing.height = 500;
  const double angle1 = state()[0];
  const double angle2 = angle1 + state()[1];
  const Point joint = {std::sin(angle1), -std::cos(angle1)};
  const Point tip = {joint.x + std::sin(angle2), joint.y - std::cos(angle2)};
  drawing.AddLine({{-2.2, 1.0}, {2.2, 1.0}}, {0, 0, 0});
  drawing.AddLine({{0.0, 0.0}, joint}, {0, 204, 204}, 0.2);
  drawing.AddLine({joint, tip}, {0, 204, 204}, 0.2);
  for (const Point center : {Point{0.0, 0.0}, joint}) {
    drawing.AddCircle(center, 0.1, {204, 204, 0});
  }
}

}  // namespace

std::unique_ptr<Env> MakeAcrobot(OptionReader& /*options*/) { return std::make_unique<Acrobot>(); }

}  // namespace duet::envs
