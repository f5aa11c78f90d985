#include "envs/box2d/bipedal_walker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>

#include "core/error.h"
#include "envs/box2d/box2d_env.h"
#include "envs/box2d/sketch.h"
#include "envs/box2d/walker_terrain.h"

namespace duet::envs {
namespace {

constexpr double kScale = 30.0;  // pixels of the reference's picture per metre
constexpr double kStepsPerSecond = 50.0;
constexpr double kMaxTorque = 80.0;
constexpr std::array<float, 2> kSpeeds = {4.0F, 6.0F};  // of hip and knee, rad/s
constexpr double kLegDown = -8.0 / kScale;
constexpr double kLegWidth = 8.0 / kScale;
constexpr double kLegHeight = 34.0 / kScale;
constexpr double kStartX = kTerrainStep * 20.0 / 2.0;
constexpr double kStartY = kTerrainHeight + 2.0 * kLegHeight;
constexpr double kFarEnd = 190.0 * kTerrainStep;
constexpr double kLidarRange = 160.0 / kScale;
constexpr std::size_t kNumRays = 10;
constexpr Material kGround = {.friction = 2.5};
constexpr Material kLeg = {.density = 1.0, .category = 0x20, .mask = 0x1};
constexpr std::size_t kObservationSize = 14 + kNumRays;

// Numbers that make an episode: the force on the hull, the terrain's heights, then its obstacles.
constexpr std::size_t kHeights = 1;
constexpr std::size_t kObstacles = kHeights + kTerrainPoints;
constexpr std::size_t kMostNumbers = kObstacles + kMostObstacles * kObstacleSize;

EnvSpec MakeSpec(std::string_view id) {
  constexpr float kPi = static_cast<float>(std::numbers::pi);
  EnvSpec spec;
  spec.id = id;
  spec.observation_size = kObservationSize;
  spec.observation_high = {kPi, 5, 5, 5, kPi, 5, kPi, 5, 5, kPi, 5, kPi, 5, 5};
  spec.observation_low.resize(14);
  std::ranges::transform(spec.observation_high, spec.observation_low.begin(), std::negate());
  spec.observation_low[8] = spec.observation_low[13] = 0.0F;
  spec.observation_high.resize(kObservationSize, 1.0F);
  spec.observation_low.resize(kObservationSize, -1.0F);
  spec.action_low.assign(4, -1.0F);
  spec.action_high.assign(4, 1.0F);
  return spec;
}

// The nearest hit of a ray with the ground.
class NearestHit : public b2RayCastCallback {
 public:
  float fraction() const { return fraction_; }

 private:
  float32 ReportFixture(b2Fixture* fixture, const b2Vec2& /*point*/, const b2Vec2& /*normal*/,
                        float32 fraction) override {
    if ((fixture->GetFilterData().categoryBits & 1) == 0) return -1.0F;  // the walker itself
    fraction_ = fraction;
    return fraction;
  }

  float fraction_ = 1.0F;
};

class BipedalWalker : public Box2dEnv {
 public:
  BipedalWalker(std::string_view id, bool hardcore) : Box2dEnv(MakeSpec(id)), hardcore_(hardcore) {
    for (std::size_t i = 0; i < kNumRays; ++i) {
      const double angle = 1.5 * static_cast<double>(i) / 10.0;
      rays_[i] = {std::sin(angle) * kLidarRange, std::cos(angle) * kLidarRange};
    }
  }

  EnvQuantities Describe() const override;
  void Draw(Drawing& drawing) const override;

 private:
  std::span<const double> State() const override { return state_; }

  void DrawStart(core::NumpyRng& rng, Numbers& start) const override;
  Numbers ReadStart(const RecordedState& state) const override;
  bool FitsStart(std::span<const double> start) const override;
  void Build(std::span<const double> start) override;
  void BuildTerrain(std::span<const double> heights, std::span<const double> obstacles);
  void BuildHull(double force);
  // Creates both halves and their joints; returns the lower half.
  b2Body* BuildLeg(std::size_t leg);

  StepResult Advance(std::span<const float> action) override;
  void Drive(std::span<const float> action);
  void Observe();
  void CastRays(const b2Vec2& from, std::span<double> fractions) const;
  StepResult Judge(std::span<const float> action);
  void DrawGround(const std::vector<Point>& line, Drawing& drawing) const;
  void DrawRays(Drawing& drawing) const;

  bool hardcore_;
  std::array<std::array<double, 2>, kNumRays> rays_{};  // forward and down, m
  b2Body* hull_ = nullptr;
  std::array<b2RevoluteJoint*, 4> joints_{};
  double shaping_ = 0.0;  // of the step before
  std::array<double, kObservationSize> state_{};
};

// The clouds of the reference's picture, of which nothing but the draws is left.
void SkipClouds(core::NumpyRng& rng) {
  for (int i = 0; i < 10 * 11; ++i) rng.Uniform(0.0, 1.0);
}

void BipedalWalker::DrawStart(core::NumpyRng& rng, Numbers& start) const {
  start.reserve(kMostNumbers);
  start.resize(kHeights);
  DrawWalkerTerrain(rng, hardcore_, start);
  SkipClouds(rng);
  start[0] = rng.Uniform(-5.0, 5.0);
}

Box2dEnv::Numbers BipedalWalker::ReadStart(const RecordedState& state) const {
  const std::span<const double> heights = state.Get(spec().id, "terrain_y", kTerrainPoints);
  Numbers start = {state.Get(spec().id, "initial_force_x", 1).front()};
  start.insert(start.end(), heights.begin(), heights.end());
  if (const std::vector<double>* obstacles = state.Find("polygons")) {
    start.insert(start.end(), obstacles->begin(), obstacles->end());
  }
  return start;
}

// The engine goes astray on obstacles that are not convex, and nearly so on tiny ones.
bool IsObstacle(std::span<const double> corners) {
  constexpr double kSmallest = 1e-3;  // m^2, twice the area of the triangle at a corner
  const auto turn = [&](std::size_t i) {
    const auto x = [&](std::size_t k) { return corners[2 * k % kObstacleSize]; };
    const auto y = [&](std::size_t k) { return corners[(2 * k + 1) % kObstacleSize]; };
    return (x(i + 1) - x(i)) * (y(i + 2) - y(i + 1)) - (y(i + 1) - y(i)) * (x(i + 2) - x(i + 1));
  };
  bool left = true, right = true;
  for (std::size_t i = 0; i < kObstacleSize / 2; ++i) {
    left = left && turn(i) > kSmallest;
    right = right && turn(i) < -kSmallest;
  }
  return left || right;
}

bool BipedalWalker::FitsStart(std::span<const double> start) const {
  constexpr double kFarthest = 1000.0;
  if (start.size() < kObstacles || (start.size() - kObstacles) % kObstacleSize != 0) return false;
  for (std::size_t i = kObstacles; i < start.size(); i += kObstacleSize) {
    if (!IsObstacle(start.subspan(i, kObstacleSize))) return false;
  }
  return std::ranges::all_of(start, [](double value) { return std::abs(value) <= kFarthest; });
}

void BipedalWalker::Build(std::span<const double> start) {
  BuildTerrain(start.subspan(kHeights, kTerrainPoints), start.subspan(kObstacles));
  BuildHull(start[0]);
  b2Body* const first = BuildLeg(0);
  b2Body* const second = BuildLeg(1);
  world().Watch(hull_, first, second);
  shaping_ = 0.0;
}

void BipedalWalker::BuildTerrain(std::span<const double> heights,
                                 std::span<const double> obstacles) {
  const auto add_body = [&] { return world().AddBody(b2_staticBody, {0.0F, 0.0F}, 0.0); };
  for (; !obstacles.empty(); obstacles = obstacles.subspan(kObstacleSize)) {
    std::array<b2Vec2, kObstacleSize / 2> corners;
    for (std::size_t i = 0; i < corners.size(); ++i) {
      corners[i] = ToVec2(obstacles[2 * i], obstacles[2 * i + 1]);
    }
    world().AddPolygon(add_body(), corners, kGround);
  }
  const auto corner = [&](std::size_t i) {
    return ToVec2(static_cast<double>(i) * kTerrainStep, heights[i]);
  };
  for (std::size_t i = 0; i + 1 < heights.size(); ++i) {
    world().AddEdge(add_body(), corner(i), corner(i + 1), kGround);
  }
}

void BipedalWalker::BuildHull(double force) {
  constexpr std::array<std::array<double, 2>, 5> kOutline = {
      {{-30, 9}, {6, 9}, {34, 1}, {34, -8}, {-30, -8}}};
  std::array<b2Vec2, kOutline.size()> outline;
  std::ranges::transform(kOutline, outline.begin(), [](const auto& corner) {
    return ToVec2(corner[0] / kScale, corner[1] / kScale);
  });
  hull_ = world().AddBody(b2_dynamicBody, ToVec2(kStartX, kStartY), 0.0);
  world().AddPolygon(hull_, outline,
                     {.density = 5.0, .friction = 0.1, .category = 0x20, .mask = 0x1});
  hull_->ApplyForceToCenter(ToVec2(force, 0.0), true);
}

b2Body* BipedalWalker::BuildLeg(std::size_t leg) {
  const double side = leg == 0 ? -1.0 : 1.0;
  const auto add_half = [&](double y, double half_width) {
    b2Body* const half = world().AddBody(b2_dynamicBody, ToVec2(kStartX, y), side * 0.05);
    world().AddBox(half, half_width, kLegHeight / 2.0, kLeg);
    return half;
  };
  b2Body* const upper = add_half(kStartY - kLegHeight / 2.0 - kLegDown, kLegWidth / 2.0);
  joints_[2 * leg] = world().AddHinge(hull_, upper,
                                      {.anchor_a = ToVec2(0.0, kLegDown),
                                       .anchor_b = ToVec2(0.0, kLegHeight / 2.0),
                                       .max_torque = kMaxTorque,
                                       .speed = side,
                                       .low = -0.8,
                                       .high = 1.1});
  b2Body* const lower =
      add_half(kStartY - kLegHeight * 3.0 / 2.0 - kLegDown, 0.8 * kLegWidth / 2.0);
  joints_[2 * leg + 1] = world().AddHinge(upper, lower,
                                          {.anchor_a = ToVec2(0.0, -kLegHeight / 2.0),
                                           .anchor_b = ToVec2(0.0, kLegHeight / 2.0),
                                           .max_torque = kMaxTorque,
                                           .speed = 1.0,
                                           .low = -1.6,
                                           .high = -0.1});
  return lower;
}

StepResult BipedalWalker::Advance(std::span<const float> action) {
  Drive(action);
  world().Step();
  Observe();
  return Judge(action);
}

void BipedalWalker::Drive(std::span<const float> action) {
  for (std::size_t i = 0; i < joints_.size(); ++i) {
    const float sign = action[i] > 0.0F ? 1.0F : action[i] < 0.0F ? -1.0F : 0.0F;
    joints_[i]->SetMotorSpeed(kSpeeds[i % 2] * sign);
    joints_[i]->SetMaxMotorTorque(static_cast<float>(kMaxTorque) *
                                  std::min(std::abs(action[i]), 1.0F));
  }
}

void BipedalWalker::CastRays(const b2Vec2& from, std::span<double> fractions) const {
  for (std::size_t i = 0; i < kNumRays; ++i) {
    NearestHit hit;
    world().engine().RayCast(&hit, from, ToVec2(from.x + rays_[i][0], from.y - rays_[i][1]));
    fractions[i] = hit.fraction();
  }
}

void BipedalWalker::Observe() {
  constexpr double kWidth = 600.0 / kScale, kHeight = 400.0 / kScale;
  const b2Vec2 velocity = hull_->GetLinearVelocity();
  state_[0] = hull_->GetAngle();
  state_[1] = 2.0 * hull_->GetAngularVelocity() / kStepsPerSecond;
  state_[2] = 0.3 * velocity.x * kWidth / kStepsPerSecond;
  state_[3] = 0.3 * velocity.y * kHeight / kStepsPerSecond;
  for (std::size_t leg = 0; leg < 2; ++leg) {
    const b2RevoluteJoint& hip = *joints_[2 * leg];
    const b2RevoluteJoint& knee = *joints_[2 * leg + 1];
    const std::span<double> s = std::span(state_).subspan(4 + 5 * leg, 5);
    s[0] = hip.GetJointAngle();
    s[1] = hip.GetJointSpeed() / static_cast<double>(kSpeeds[0]);
    s[2] = knee.GetJointAngle() + 1.0;
    s[3] = knee.GetJointSpeed() / static_cast<double>(kSpeeds[1]);
    s[4] = world().contacts().foot_touches(leg) ? 1.0 : 0.0;
  }
  CastRays(hull_->GetPosition(), std::span(state_).subspan(14));
}

StepResult BipedalWalker::Judge(std::span<const float> action) {
  const double x = hull_->GetPosition().x;
  const double shaping = 130.0 * x / kScale - 5.0 * std::abs(state_[0]);
  // In floats as the reference, where NumPy rounds to the action's type.
  auto reward = static_cast<float>(shaping - shaping_);
  shaping_ = shaping;
  for (const float a : action) {
    reward -= static_cast<float>(0.00035 * kMaxTorque) * std::min(std::abs(a), 1.0F);
  }
  if (world().contacts().main_touched() || x < 0.0) return {.reward = -100.0, .terminated = true};
  return {.reward = reward, .terminated = x > kFarEnd};
}

void BipedalWalker::Draw(Drawing& drawing) const {
  constexpr double kWidth = 600.0 / kScale, kHeight = 400.0 / kScale;
  constexpr Coat kObstacle = {{255, 255, 255}, {153, 153, 153}};
  constexpr std::array<Coat, 2> kLegs = {
      {{{178, 101, 152}, {127, 76, 101}}, {{128, 51, 102}, {77, 26, 51}}}};
  drawing.low = {hull_->GetPosition().x - kWidth / 5.0, 0.0};
  drawing.high = {drawing.low.x + kWidth, kHeight};
  drawing.background = {215, 215, 255};
  const std::vector<const b2Body*> bodies = BodiesOf(world().engine());
  DrawGround(GroundLine(bodies), drawing);
  DrawRays(drawing);
  std::size_t half = 0;
  for (const b2Body* body : bodies) {
    if (body->GetType() == b2_staticBody) {
      AddBody(*body, kObstacle, drawing);
    } else if (body != hull_) {
      AddBody(*body, kLegs[half++ / 2], drawing);
    }
  }
  AddBody(*hull_, {{127, 51, 229}, {76, 76, 127}}, drawing);
  AddFlag({3.0 * kTerrainStep, kTerrainHeight}, {0, 0, 0}, {230, 51, 0}, drawing);
}

// Earth with grass on it, light and dark by turns, so that motion can be seen.
void BipedalWalker::DrawGround(const std::vector<Point>& line, Drawing& drawing) const {
  std::vector<Point> earth = line;
  earth.push_back({line.back().x, 0.0});
  earth.push_back({line.front().x, 0.0});
  drawing.AddPolygon(std::move(earth), {102, 153, 76});
  for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
    const std::uint8_t green = i % 4 == 0 ? 255 : 204;
    drawing.AddLine({line[i], line[i + 1]}, {76, green, 76}, 2.0 / kScale);
  }
}

void BipedalWalker::DrawRays(Drawing& drawing) const {
  const Point from = ToPoint(hull_->GetPosition());
  for (std::size_t i = 0; i < kNumRays; ++i) {
    const double fraction = state_[14 + i];
    drawing.AddLine({from, {from.x + fraction * rays_[i][0], from.y - fraction * rays_[i][1]}},
                    {255, 0, 0, 60});
  }
}

EnvQuantities BipedalWalker::Describe() const {
  EnvQuantities quantities;
  quantities.observation = {{"angle of the hull", "rad"},
                            {"angular velocity of the hull", "25 rad/s"},
                            {"velocity of the hull along x", "8.33 m/s"},
                            {"velocity of the hull along y", "12.5 m/s"}};
  for (const std::string leg : {"first", "second"}) {
    quantities.observation.push_back({"angle of the " + leg + " hip", "rad"});
    quantities.observation.push_back({"angular velocity of the " + leg + " hip", "4 rad/s"});
    quantities.observation.push_back({"angle of the " + leg + " knee + 1", "rad"});
    quantities.observation.push_back({"angular velocity of the " + leg + " knee", "6 rad/s"});
    quantities.observation.push_back({"the " + leg + " leg touches the ground: 1, else 0", ""});
    quantities.action.push_back({"torque of the " + leg + " hip, and its direction", "80 N m"});
    quantities.action.push_back({"torque of the " + leg + " knee, and its direction", "80 N m"});
  }
  for (std::size_t i = 0; i < kNumRays; ++i) {
    const double angle = 0.15 * static_cast<double>(i);
    quantities.observation.push_back(
        {fmt::format("distance to the ground {:.2f} rad forward of straight down", angle),
         "5.33 m"});
  }
  return quantities;
}

}  // namespace

std::unique_ptr<Env> MakeBipedalWalker(OptionReader& options) {
  bool hardcore = options.id() == "BipedalWalkerHardcore-v3";
  options.Flag("hardcore", hardcore);
  return std::make_unique<BipedalWalker>(options.id(), hardcore);
}

}  // namespace duet::envs
