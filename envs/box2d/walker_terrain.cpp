#include "envs/box2d/walker_terrain.h"

#include <array>
#include <cstdint>

namespace duet::envs {
namespace {

constexpr double kStep = kTerrainStep;
constexpr std::int64_t kStartPad = 20;  // points of level ground
constexpr std::int64_t kGrass = 10;     // the longest stretch of grass between obstacles, points
constexpr std::int64_t kStairWidth = 4;

enum class Ground : std::int64_t { kGrass, kStump, kStairs, kPit };

double Sign(double value) { return value > 0.0 ? 1.0 : value < 0.0 ? -1.0 : 0.0; }

// Goes along the points, on one kind of ground for a counted number of them. The first point of an
// obstacle draws its size.
class TerrainWriter {
 public:
  TerrainWriter(core::NumpyRng& rng, bool hardcore, std::vector<double>& terrain)
      : rng_(rng), hardcore_(hardcore), terrain_(terrain) {}

  void Write() {
    const std::size_t begin = terrain_.size();
    terrain_.resize(begin + kTerrainPoints);
    for (std::size_t i = 0; i < kTerrainPoints; ++i) {
      x_ = static_cast<double>(i) * kStep;
      if (first_) {
        StartGround();
      } else {
        ContinueGround(i);
      }
      first_ = false;
      terrain_[begin + i] = y_;
      if (--left_ == 0) ChooseGround();
    }
  }

 private:
  void ChooseGround() {
    left_ = rng_.Integer(kGrass / 2, kGrass);
    const bool obstacle = ground_ == Ground::kGrass && hardcore_;
    ground_ = obstacle ? static_cast<Ground>(rng_.Integer(1, 4)) : Ground::kGrass;
    first_ = true;
  }

  void StartGround() {
    switch (ground_) {
      case Ground::kGrass:
        break;
      case Ground::kStump:
        StartStump();
        break;
      case Ground::kStairs:
        StartStairs();
        break;
      case Ground::kPit:
        StartPit();
        break;
    }
  }

  void ContinueGround(std::size_t i) {
    switch (ground_) {
      case Ground::kGrass:
        slope_ = 0.8 * slope_ + 0.01 * Sign(kTerrainHeight - y_);
        if (i > kStartPad) slope_ += rng_.Uniform(-1.0, 1.0) / 30.0;
        y_ += slope_;
        break;
      case Ground::kStump:
        break;
      case Ground::kStairs: {
        const auto done = static_cast<double>(num_stairs_ * kStairWidth - left_) - direction_;
        y_ = base_ + done / static_cast<double>(kStairWidth) * direction_ * kStep;
        break;
      }
      case Ground::kPit:
        y_ = left_ > 1 ? base_ - 4.0 * kStep : base_;
        break;
    }
  }

  void Add(const std::array<double, kObstacleSize>& obstacle) {
    terrain_.insert(terrain_.end(), obstacle.begin(), obstacle.end());
  }

  void StartStump() {
    left_ = rng_.Integer(1, 3);
    const double size = static_cast<double>(left_) * kStep;
    Add({x_, y_, x_ + size, y_, x_ + size, y_ + size, x_, y_ + size});
  }

  void StartStairs() {
    direction_ = rng_.Uniform(0.0, 1.0) > 0.5 ? 1.0 : -1.0;
    num_stairs_ = rng_.Integer(3, 5);
    base_ = y_;
    for (std::int64_t i = 0; i < num_stairs_; ++i) {
      const double left = x_ + static_cast<double>(i * kStairWidth) * kStep;
      const double right = x_ + static_cast<double>((i + 1) * kStairWidth) * kStep;
      const double top = y_ + static_cast<double>(i) * direction_ * kStep;
      const double bottom = y_ + (-1.0 + static_cast<double>(i) * direction_) * kStep;
      Add({left, top, right, top, right, bottom, left, bottom});
    }
    left_ = num_stairs_ * kStairWidth;
  }

  // The two walls of the pit.
  void StartPit() {
    left_ = rng_.Integer(3, 5);
    const double away = kStep * static_cast<double>(left_);
    const double right = x_ + kStep, bottom = y_ - 4.0 * kStep;
    Add({x_, y_, right, y_, right, bottom, x_, bottom});
    Add({x_ + away, y_, right + away, y_, right + away, bottom, x_ + away, bottom});
    left_ += 2;
    base_ = y_;
  }

  core::NumpyRng& rng_;
  bool hardcore_;
  std::vector<double>& terrain_;
  Ground ground_ = Ground::kGrass;
  bool first_ = false;
  std::int64_t left_ = kStartPad;  // points on this ground
  double x_ = 0.0, y_ = kTerrainHeight;
  double slope_ = 0.0;
  double base_ = 0.0;  // height before the obstacle
  double direction_ = 1.0;
  std::int64_t num_stairs_ = 0;
};

}  // namespace

void DrawWalkerTerrain(core::NumpyRng& rng, bool hardcore, std::vector<double>& terrain) {
  TerrainWriter(rng, hardcore, terrain).Write();
}

}  // namespace duet::envs
