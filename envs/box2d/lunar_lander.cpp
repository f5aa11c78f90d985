#include "envs/box2d/lunar_lander.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "envs/box2d/box2d_env.h"
#include "envs/box2d/sketch.h"

namespace duet::envs {
namespace {

constexpr char kId[] = "LunarLander-v3";
constexpr double kScale = 30.0;  // pixels of the reference's picture per metre
constexpr double kWidth = 600.0 / kScale;
constexpr double kHeight = 400.0 / kScale;
constexpr double kStepsPerSecond = 50.0;
constexpr double kPadHeight = kHeight / 4.0;
constexpr std::size_t kNumHeights = 12;  // drawn; the last is the left neighbour of the first
constexpr double kLegAway = 20.0;        // pixels, as the next ones
constexpr double kLegDown = 18.0;
constexpr double kMainEngineDown = 4.0;
constexpr double kSideEngineAway = 12.0;
constexpr double kMainPower = 13.0;
constexpr double kSidePower = 0.6;
constexpr double kStartForce = 1000.0;
constexpr double kMostPower = 1e6;  // of wind: far beyond it the engine's floats overflow

// Places in the numbers that make an episode.
constexpr std::size_t kForce = kNumHeights;
constexpr std::size_t kWindIndex = kForce + 2;
constexpr std::size_t kTorqueIndex = kWindIndex + 1;
constexpr std::size_t kStartSize = kTorqueIndex + 1;

struct LanderOptions {
  bool continuous = false;
  double gravity = -10.0;
  bool enable_wind = false;
  double wind_power = 15.0;
  double turbulence_power = 1.5;
};

EnvSpec MakeSpec(const LanderOptions& options) {
  const float turn = static_cast<float>(2.0 * std::numbers::pi);
  EnvSpec spec;
  spec.id = kId;
  spec.observation_size = 8;
  spec.observation_low = {-2.5F, -2.5F, -10.0F, -10.0F, -turn, -10.0F, 0.0F, 0.0F};
  spec.observation_high = {2.5F, 2.5F, 10.0F, 10.0F, turn, 10.0F, 1.0F, 1.0F};
  if (options.continuous) {
    spec.action_low = {-1.0F, -1.0F};
    spec.action_high = {1.0F, 1.0F};
  } else {
    spec.num_actions = 4;
  }
  return spec;
}

// Power of the engines, 0 where off, and the side engine's direction.
struct Thrust {
  double main = 0.0;
  double side = 0.0;
  double direction = 0.0;
};

Thrust ThrustOf(std::span<const float> action) {
  if (action.size() == 1) {
    const int index = static_cast<int>(action[0]);
    Thrust thrust = {.main = index == 2 ? 1.0 : 0.0};
    if (index == 1 || index == 3) thrust = {.side = 1.0, .direction = index - 2.0};
    return thrust;
  }
  const double main = std::clamp<double>(action[0], -1.0, 1.0);
  const double side = std::clamp<double>(action[1], -1.0, 1.0);
  Thrust thrust;
  if (main > 0.0) thrust.main = (main + 1.0) * 0.5;
  if (std::abs(side) > 0.5) {
    thrust.side = std::abs(side);
    thrust.direction = side > 0.0 ? 1.0 : -1.0;
  }
  return thrust;
}

// A gust in [-1, 1] that never repeats.
double Gust(double index) {
  return std::tanh(std::sin(0.02 * index) + std::sin(std::numbers::pi * 0.01 * index));
}

class LunarLander : public Box2dEnv {
 public:
  explicit LunarLander(const LanderOptions& options)
      : Box2dEnv(MakeSpec(options)), options_(options) {}

  EnvQuantities Describe() const override;
  void Draw(Drawing& drawing) const override;

 private:
  double gravity() const override { return options_.gravity; }
  std::span<const double> State() const override { return state_; }

  void DrawStart(core::NumpyRng& rng, Numbers& start) const override;
  Numbers ReadStart(const RecordedState& state) const override;
  Numbers ReadDraws(const RecordedState& state) const override;
  bool FitsStart(std::span<const double> start) const override {
    const auto small = [](double value) { return std::abs(value) <= kMostPower; };
    return start.size() == kStartSize && std::ranges::all_of(start, small);
  }
  void Build(std::span<const double> start) override;
  void BuildMoon(std::span<const double> heights);
  void BuildLander(std::span<const double> force);
  b2Body* BuildLeg(double side);

  StepResult Advance(std::span<const float> action) override;
  void Blow();
  void Fire(const Thrust& thrust);
  void Observe();
  StepResult Judge(const Thrust& thrust);
  void DrawFlames(Drawing& drawing) const;

  LanderOptions options_;
  b2Body* lander_ = nullptr;
  Thrust thrust_;  // of the latest step
  double wind_index_ = 0.0;
  double torque_index_ = 0.0;
  double shaping_ = 0.0;  // of the step before
  std::array<double, 8> state_{};
};

void LunarLander::DrawStart(core::NumpyRng& rng, Numbers& start) const {
  for (std::size_t i = 0; i < kNumHeights; ++i) start.push_back(rng.Uniform(0.0, kHeight / 2.0));
  for (int i = 0; i < 2; ++i) start.push_back(rng.Uniform(-kStartForce, kStartForce));
  for (int i = 0; i < 2; ++i) {
    start.push_back(options_.enable_wind ? static_cast<double>(rng.Integer(-9999, 9999)) : 0.0);
  }
}

Box2dEnv::Numbers LunarLander::ReadStart(const RecordedState& state) const {
  Numbers start;
  const auto add = [&](std::string_view name, std::size_t size) {
    const std::span<const double> numbers = state.Get(kId, name, size);
    start.insert(start.end(), numbers.begin(), numbers.end());
  };
  add("height", kNumHeights);
  add("initial_force", 2);
  if (options_.enable_wind) {
    add("wind_idx", 1);
    add("torque_idx", 1);
  }
  start.resize(kStartSize);
  return start;
}

Box2dEnv::Numbers LunarLander::ReadDraws(const RecordedState& state) const {
  const std::span<const double> first = state.Get(kId, "reset_step_draws", 2);
  Numbers draws(first.begin(), first.end());
  if (const std::vector<double>* later = state.Find("step_draws")) {
    draws.insert(draws.end(), later->begin(), later->end());
  }
  return draws;
}

void LunarLander::Build(std::span<const double> start) {
  BuildMoon(start.first(kNumHeights));
  BuildLander(start.subspan(kForce, 2));
  wind_index_ = start[kWindIndex];
  torque_index_ = start[kTorqueIndex];
  b2Body* const right = BuildLeg(-1.0);
  b2Body* const left = BuildLeg(1.0);
  world().Watch(lander_, right, left);
  thrust_ = {};
  shaping_ = 0.0;
}

void LunarLander::BuildMoon(std::span<const double> heights) {
  std::array<double, kNumHeights> drawn{};
  std::ranges::copy(heights, drawn.begin());
  std::fill(drawn.begin() + 3, drawn.begin() + 8, kPadHeight);
  std::array<b2Vec2, kNumHeights - 1> corners;
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const double left = drawn[i == 0 ? kNumHeights - 1 : i - 1];
    corners[i] = ToVec2(2.0 * static_cast<double>(i), 0.33 * (left + drawn[i] + drawn[i + 1]));
  }
  b2Body* const moon = world().AddBody(b2_staticBody, {0.0F, 0.0F}, 0.0);
  world().AddEdge(moon, {0.0F, 0.0F}, ToVec2(kWidth, 0.0), {});
  for (std::size_t i = 0; i + 1 < corners.size(); ++i) {
    world().AddEdge(moon, corners[i], corners[i + 1], {.friction = 0.1});
  }
}

void LunarLander::BuildLander(std::span<const double> force) {
  constexpr std::array<std::array<double, 2>, 6> kOutline = {
      {{-14, 17}, {-17, 0}, {-17, -10}, {17, -10}, {17, 0}, {14, 17}}};
  std::array<b2Vec2, kOutline.size()> outline;
  std::ranges::transform(kOutline, outline.begin(), [](const auto& corner) {
    return ToVec2(corner[0] / kScale, corner[1] / kScale);
  });
  lander_ = world().AddBody(b2_dynamicBody, ToVec2(kWidth / 2.0, kHeight), 0.0);
  world().AddPolygon(lander_, outline,
                     {.density = 5.0, .friction = 0.1, .category = 0x10, .mask = 0x1});
  lander_->ApplyForceToCenter(ToVec2(force[0], force[1]), true);
}

b2Body* LunarLander::BuildLeg(double side) {
  const b2Vec2 position = ToVec2(kWidth / 2.0 - side * kLegAway / kScale, kHeight);
  b2Body* const leg = world().AddBody(b2_dynamicBody, position, side * 0.05);
  world().AddBox(leg, 2.0 / kScale, 8.0 / kScale, {.density = 1.0, .category = 0x20, .mask = 0x1});
  world().AddHinge(lander_, leg,
                   {.anchor_a = {0.0F, 0.0F},
                    .anchor_b = ToVec2(side * kLegAway / kScale, kLegDown / kScale),
                    .max_torque = 40.0,
                    .speed = 0.3 * side,
                    .low = side < 0.0 ? 0.9 - 0.5 : -0.9,
                    .high = side < 0.0 ? 0.9 : -0.9 + 0.5});
  return leg;
}

StepResult LunarLander::Advance(std::span<const float> action) {
  Blow();
  thrust_ = ThrustOf(action);
  Fire(thrust_);
  world().Step();
  Observe();
  return Judge(thrust_);
}

void LunarLander::Blow() {
  const ContactWatch& contacts = world().contacts();
  if (!options_.enable_wind || contacts.foot_touches(0) || contacts.foot_touches(1)) return;
  lander_->ApplyForceToCenter(ToVec2(Gust(wind_index_++) * options_.wind_power, 0.0), true);
  lander_->ApplyTorque(static_cast<float>(Gust(torque_index_++) * options_.turbulence_power), true);
}

// Impulses along the lander's axes, at places displaced by two draws.
void LunarLander::Fire(const Thrust& thrust) {
  const double draw0 = NextDraw() / kScale;
  const double draw1 = NextDraw() / kScale;
  const double angle = lander_->GetAngle();
  const double tip_x = std::sin(angle), tip_y = std::cos(angle);
  const double side_x = -tip_y, side_y = tip_x;
  const auto push = [&](double x, double y, double power, double at_x, double at_y) {
    lander_->ApplyLinearImpulse(ToVec2(-x * power, -y * power), ToVec2(at_x, at_y), true);
  };
  if (thrust.main > 0.0) {
    const double down = kMainEngineDown / kScale + 2.0 * draw0;
    const double x = tip_x * down + side_x * draw1;
    const double y = -tip_y * down - side_y * draw1;
    const b2Vec2 position = lander_->GetPosition();
    push(x * kMainPower, y * kMainPower, thrust.main, position.x + x, position.y + y);
  }
  if (thrust.side > 0.0) {
    const double away = 3.0 * draw1 + thrust.direction * kSideEngineAway / kScale;
    const double x = tip_x * draw0 + side_x * away;
    const double y = -tip_y * draw0 - side_y * away;
    const b2Vec2 position = lander_->GetPosition();
    // 17 along x and 14 along y are the reference's, whose thrust depends on the angle.
    push(x * kSidePower, y * kSidePower, thrust.side, position.x + x - tip_x * 17.0 / kScale,
         position.y + y + tip_y * 14.0 / kScale);
  }
}

void LunarLander::Observe() {
  constexpr double kHalfWidth = kWidth / 2.0;
  constexpr double kHalfHeight = kHeight / 2.0;
  const b2Vec2 position = lander_->GetPosition();
  const b2Vec2 velocity = lander_->GetLinearVelocity();
  const ContactWatch& contacts = world().contacts();
  state_ = {(position.x - kHalfWidth) / kHalfWidth,
            (position.y - (kPadHeight + kLegDown / kScale)) / kHalfHeight,
            velocity.x * kHalfWidth / kStepsPerSecond,
            velocity.y * kHalfHeight / kStepsPerSecond,
            lander_->GetAngle(),
            20.0 * lander_->GetAngularVelocity() / kStepsPerSecond,
            contacts.foot_touches(0) ? 1.0 : 0.0,
            contacts.foot_touches(1) ? 1.0 : 0.0};
}

StepResult LunarLander::Judge(const Thrust& thrust) {
  const auto& s = state_;
  const double shaping = -100.0 * std::sqrt(s[0] * s[0] + s[1] * s[1]) -
                         100.0 * std::sqrt(s[2] * s[2] + s[3] * s[3]) - 100.0 * std::abs(s[4]) +
                         10.0 * s[6] + 10.0 * s[7];
  StepResult result = {.reward = shaping - shaping_ - thrust.main * 0.30 - thrust.side * 0.03};
  shaping_ = shaping;
  if (world().contacts().main_touched() || std::abs(s[0]) >= 1.0) {
    result = {.reward = -100.0, .terminated = true};
  }
  if (!lander_->IsAwake()) result = {.reward = 100.0, .terminated = true};
  return result;
}

void LunarLander::Draw(Drawing& drawing) const {
  constexpr Color kWhite{255, 255, 255};
  drawing.high = {kWidth, kHeight};
  drawing.background = {0, 0, 0};
  const std::vector<const b2Body*> bodies = BodiesOf(world().engine());
  std::vector<Point> ground = GroundLine(bodies);
  ground.push_back({kWidth, 0.0});
  ground.push_back({0.0, 0.0});
  drawing.AddPolygon(std::move(ground), kWhite);
  DrawFlames(drawing);
  for (const b2Body* body : bodies) AddBody(*body, {{128, 102, 230}, {77, 77, 128}}, drawing);
  for (const double x : {0.4 * kWidth, 0.6 * kWidth}) {
    AddFlag({x, kPadHeight}, kWhite, {204, 204, 0}, drawing);
  }
}

// Out of the side of the lander that the engine is on.
void LunarLander::DrawFlames(Drawing& drawing) const {
  const auto add = [&](double x, double y, double along_x, double along_y) {
    const auto corner = [&](double to_x, double to_y) {
      return ToPoint(lander_->GetWorldPoint(ToVec2(to_x / kScale, to_y / kScale)));
    };
    const double across_x = 0.25 * along_y, across_y = -0.25 * along_x;
    drawing.AddPolygon({corner(x + across_x, y + across_y), corner(x + along_x, y + along_y),
                        corner(x - across_x, y - across_y)},
                       {255, 140, 40, 220});
  };
  if (thrust_.main > 0.0) add(0.0, -10.0, 0.0, -26.0 * thrust_.main);
  // Pushed along its direction, the gas goes the other way.
  if (thrust_.side > 0.0) {
    add(-thrust_.direction * 16.0, 12.0, -thrust_.direction * 12.0 * thrust_.side, 0.0);
  }
}

EnvQuantities LunarLander::Describe() const {
  EnvQuantities quantities;
  quantities.observation = {{"x of the lander from the pad's middle", "10 m"},
                            {"y of the lander above its place at rest on the pad", "6.67 m"},
                            {"velocity of the lander along x", "5 m/s"},
                            {"velocity of the lander along y", "7.5 m/s"},
                            {"angle of the lander", "rad"},
                            {"angular velocity of the lander", "2.5 rad/s"},
                            {"the leg on the right touches the ground: 1, else 0", ""},
                            {"the leg on the left touches the ground: 1, else 0", ""}};
  if (options_.continuous) {
    quantities.action = {{"main engine: off up to 0, from half to full power at 1", ""},
                         {"side engines: left below -0.5, right above 0.5, power |a|", ""}};
  } else {
    quantities.action = {
        {"nothing", ""}, {"left engine", ""}, {"main engine", ""}, {"right engine", ""}};
  }
  return quantities;
}

// The engine's numbers are floats; a wind that overflows them would end in nonsense.
void ReadPower(OptionReader& options, std::string_view name, double& value) {
  constexpr std::string_view kAllowed = "a number from -1e6 to 1e6";
  const OptionValue* const found = options.Find(name, value, kAllowed);
  if (found == nullptr) return;
  const double* const number = std::get_if<double>(found);
  if (number == nullptr || !(std::abs(*number) <= kMostPower))
    options.Refuse(name, *found, kAllowed);
  value = *number;
}

void ReadGravity(OptionReader& options, double& value) {
  constexpr std::string_view kAllowed = "a number between -12 and 0";
  const OptionValue* const found = options.Find("gravity", value, kAllowed);
  if (found == nullptr) return;
  const double* const number = std::get_if<double>(found);
  if (number == nullptr || !(*number > -12.0 && *number < 0.0)) {
    options.Refuse("gravity", *found, kAllowed);
  }
  value = *number;
}

}  // namespace

std::unique_ptr<Env> MakeLunarLander(OptionReader& options) {
  LanderOptions settings;
  options.Flag("continuous", settings.continuous);
  ReadGravity(options, settings.gravity);
  options.Flag("enable_wind", settings.enable_wind);
  ReadPower(options, "wind_power", settings.wind_power);
  ReadPower(options, "turbulence_power", settings.turbulence_power);
  return std::make_unique<LunarLander>(settings);
}

}  // namespace duet::envs
