// What the pictures of the Box2D tasks show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "envs/drawing.h"
#include "envs/registry.h"
#include "runners/video/canvas.h"

namespace duet::video {
namespace {

// An environment after its reset and some steps of one action.
class Played {
 public:
  Played(std::string_view id, const envs::EnvOptions& options, const envs::ActionView& action,
         int steps)
      : env_(envs::MakeEnv(id, options)),
        observation_(static_cast<std::size_t>(env_->spec().observation_size)) {
    env_->Reset(1, observation_);
    for (int i = 0; i < steps; ++i) Step(action);
  }

  void Step(const envs::ActionView& action) { env_->Step(action, observation_); }

  double observation(std::size_t i) const { return observation_[i]; }
  Image Picture() const {
    envs::Drawing drawing;
    dynamic_cast<const envs::Drawable&>(env_->unwrapped()).Draw(drawing);
    return Paint(drawing, {drawing.width, drawing.height});
  }

 private:
  std::unique_ptr<envs::Env> env_;
  std::vector<double> observation_;
};

// Middle of all pixels of this colour, and their number.
struct Spot {
  double x = 0.0;
  double y = 0.0;
  int count = 0;
};

Spot Find(const Image& image, std::vector<int> color) {
  Spot spot;
  for (int y = 0; y < image.size().height; ++y) {
    for (int x = 0; x < image.size().width; ++x) {
      const auto pixel = image.pixel(x, y);
      if (!std::equal(pixel.begin(), pixel.end(), color.begin())) continue;
      ++spot.count;
      spot.x += x + 0.5;
      spot.y += y + 0.5;
    }
  }
  spot.x /= spot.count;
  spot.y /= spot.count;
  return spot;
}

const std::vector<int> kLander{128, 102, 230};
const std::vector<int> kHull{127, 51, 229};
const std::vector<int> kFlame{220, 121, 34};  // orange on black, a little of which shines through

TEST(LunarLanderPicture, ShowsTheLanderWhereTheObservationSays) {
  const Played played("LunarLander-v3", {}, std::int64_t{0}, 40);
  const Image image = played.Picture();
  EXPECT_EQ(image.size(), (Size{600, 400}));
  const Spot lander = Find(image, kLander);
  EXPECT_GT(lander.count, 500);
  EXPECT_NEAR(lander.x, 300.0 + 300.0 * played.observation(0), 5.0);
  EXPECT_NEAR(lander.y, 400.0 - (118.0 + 200.0 * played.observation(1)), 8.0);
}

TEST(LunarLanderPicture, TheGroundIsWhiteBelowABlackSky) {
  const Image image = Played("LunarLander-v3", {}, std::int64_t{0}, 5).Picture();
  EXPECT_THAT(image.pixel(300, 310), testing::Each(255));
  EXPECT_THAT(image.pixel(300, 290), testing::Each(0));
  EXPECT_THAT(image.pixel(0, 399), testing::Each(255));
  EXPECT_THAT(image.pixel(599, 399), testing::Each(255));
  EXPECT_GT(Find(image, {204, 204, 0}).count, 150) << "the flags";
}

TEST(LunarLanderPicture, EnginesBurnOnTheSideAwayFromWhichTheyPush) {
  const Played still("LunarLander-v3", {}, std::int64_t{0}, 41);
  EXPECT_EQ(Find(still.Picture(), kFlame).count, 0);
  const auto fired = [](std::int64_t action) {
    Played played("LunarLander-v3", {}, std::int64_t{0}, 40);
    played.Step(action);
    return played;
  };
  const Played up = fired(2);
  const Spot below = Find(up.Picture(), kFlame);
  EXPECT_GT(below.count, 20);
  EXPECT_GT(below.y, Find(up.Picture(), kLander).y + 10.0);
  EXPECT_GT(up.observation(3), still.observation(3));
  for (const std::int64_t action : {1, 3}) {
    const Played aside = fired(action);
    const Spot flame = Find(aside.Picture(), kFlame);
    EXPECT_GT(flame.count, 5);
    EXPECT_EQ(flame.x > Find(aside.Picture(), kLander).x,
              aside.observation(2) < still.observation(2))
        << action;
  }
}

TEST(BipedalWalkerPicture, FollowsTheHullOverTheGround) {
  const std::vector<float> still(4, 0.0F);
  const Played played("BipedalWalker-v3", {}, std::span<const float>(still), 10);
  const Image image = played.Picture();
  EXPECT_EQ(image.size(), (Size{600, 400}));
  const Spot hull = Find(image, kHull);
  EXPECT_GT(hull.count, 500);
  EXPECT_NEAR(hull.x, 120.0, 15.0);
  EXPECT_THAT(image.pixel(300, 395), testing::ElementsAre(102, 153, 76));
  EXPECT_THAT(image.pixel(300, 5), testing::ElementsAre(215, 215, 255));
  EXPECT_EQ(Find(image, {255, 255, 255}).count, 0);
}

TEST(BipedalWalkerPicture, ShowsObstacles) {
  const std::vector<float> still(4, 0.0F);
  const Played played("BipedalWalkerHardcore-v3", {}, std::span<const float>(still), 1);
  EXPECT_GT(Find(played.Picture(), {255, 255, 255}).count, 300);
}

}  // namespace
}  // namespace duet::video
