#include "runners/video/renderer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "core/error.h"
#include "envs/drawing.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"
#include "envs/time_limit.h"
#include "runners/video/gl_context.h"
#include "runners/video/recording.h"
#include "runners/video/scene_model.h"
#include "tests/envs/fake_env.h"
#include "tests/support/message_of.h"

namespace duet::video {
namespace {

using support::MessageOf;

// A red column that moves to the right by one unit with each step.
class DrawnEnv : public envs::FakeEnv, public envs::Drawable {
 public:
  DrawnEnv() : FakeEnv(Plan{}) {}

  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override {
    FakeEnv::Reset(seed, observation);
    x_ = 0.0;
  }
  envs::StepResult Step(envs::ActionView action, std::span<double> observation) override {
    x_ += 1.0;
    return FakeEnv::Step(action, observation);
  }
  void Draw(envs::Drawing& drawing) const override {
    drawing.high = {4.0, 2.0};
    drawing.width = 80;
    drawing.height = 40;
    drawing.AddPolygon({{x_, 0.0}, {x_ + 1.0, 0.0}, {x_ + 1.0, 2.0}, {x_, 2.0}}, {255, 0, 0});
  }

 private:
  double x_ = 0.0;
};

TEST(ChooseSizeTest, KeepsTheProportionsOfTheUsualSize) {
  EXPECT_EQ(ChooseSize({600, 400}, {}), (Size{600, 400}));
  EXPECT_EQ(ChooseSize({600, 400}, {.width = 300}), (Size{300, 200}));
  EXPECT_EQ(ChooseSize({600, 400}, {.height = 800}), (Size{1200, 800}));
  EXPECT_EQ(ChooseSize({600, 400}, {.width = 50, .height = 70}), (Size{50, 70}));
}

TEST(RendererTest, ADrawableInsideAWrapperIsDrawnAsItIsNow) {
  envs::TimeLimit env(std::make_unique<DrawnEnv>(), 100);
  std::vector<double> observation(3);
  env.Reset(0, observation);
  const auto renderer = MakeRenderer(env, {});
  EXPECT_EQ(renderer->name(), "cairo");
  EXPECT_EQ(renderer->size(), (Size{80, 40}));
  EXPECT_EQ(renderer->Render().pixel(10, 20)[1], 0);
  EXPECT_EQ(renderer->Render().pixel(30, 20)[1], 255);
  const float action = 0.0F;
  env.Step(std::span(&action, 1), observation);
  EXPECT_EQ(renderer->Render().pixel(10, 20)[1], 255);
  EXPECT_EQ(renderer->Render().pixel(30, 20)[1], 0);
}

TEST(RendererTest, ATaskWithoutAPictureIsRefused) {
  const envs::FakeEnv env({});
  EXPECT_EQ(MessageOf<ConfigError>([&] { MakeRenderer(env, {}); }),
            "Fake-v0: has no picture; allowed is a task that can be drawn");
}

TEST(GlContextTest, AnUnknownLibraryIsRefused) {
  setenv("MUJOCO_GL", "vulkan", 1);
  EXPECT_EQ(MessageOf<ConfigError>([] { MakeGlContext(); }),
            "MUJOCO_GL=vulkan: is no way to draw without a screen; allowed are egl and osmesa");
  unsetenv("MUJOCO_GL");
}

// The MuJoCo tasks, where there is OpenGL.
class MujocoRendererTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    try {
      MakeGlContext();
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
    env_ = envs::MakeEnv(GetParam());
    observation_.resize(static_cast<std::size_t>(env_->spec().observation_size));
    env_->Reset(3, observation_);
  }

  const envs::MujocoEnv& simulated() const {
    return dynamic_cast<const envs::MujocoEnv&>(env_->unwrapped());
  }

  std::unique_ptr<envs::Env> env_;
  std::vector<double> observation_;
};

// Number of pixels by which two pictures differ visibly.
int Difference(const Image& one, const Image& other) {
  int count = 0;
  for (int y = 0; y < one.size().height; ++y) {
    for (int x = 0; x < one.size().width; ++x) {
      const auto a = one.pixel(x, y);
      const auto b = other.pixel(x, y);
      count += std::abs(a[0] - b[0]) + std::abs(a[1] - b[1]) + std::abs(a[2] - b[2]) > 60;
    }
  }
  return count;
}

// The tasks that MuJoCo simulates, or all others.
std::vector<std::string> Ids(bool of_mujoco) {
  const std::vector<std::string> mujoco = envs::EnvIds(envs::Engine::kMujoco);
  if (of_mujoco) return mujoco;
  std::vector<std::string> others;
  std::ranges::set_difference(envs::EnvIds(), mujoco, std::back_inserter(others));
  return others;
}

std::string TestName(const testing::TestParamInfo<std::string>& test) {
  std::string name = test.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

TEST_P(MujocoRendererTest, ShowsTheBodyInTheMiddleInFullLight) {
  const auto renderer = MakeRenderer(*env_, {.width = 120, .height = 120});
  const Image& image = renderer->Render();
  double brightness = 0.0;
  int warm = 0;  // of the body's colour
  for (int y = 0; y < 120; ++y) {
    for (int x = 0; x < 120; ++x) {
      const auto pixel = image.pixel(x, y);
      brightness += (pixel[0] + pixel[1] + pixel[2]) / (3.0 * 120 * 120);
      warm += x >= 20 && x < 100 && y >= 20 && y < 100 && pixel[0] > pixel[2] + 30;
    }
  }
  EXPECT_GT(brightness, 60.0);
  EXPECT_LT(brightness, 220.0);
  EXPECT_GT(warm, 60);
}

TEST_P(MujocoRendererTest, ShowsMotionAndLeavesThePhysicsAlone) {
  const auto renderer = MakeRenderer(*env_, {.width = 64, .height = 64});
  const Image first = renderer->Render();
  const auto twin = envs::MakeEnv(GetParam());
  std::vector<double> twin_observation(observation_.size());
  twin->Reset(3, twin_observation);
  RandomActor actor(env_->spec());
  actor.Begin(1);
  int difference = 0;
  for (int i = 0; i < 15; ++i) {
    const envs::ActionView action = actor.Act({});
    const envs::StepResult result = env_->Step(action, observation_);
    twin->Step(action, twin_observation);
    ASSERT_EQ(observation_, twin_observation);
    difference = std::max(difference, Difference(first, renderer->Render()));
    if (result.terminated) break;
  }
  EXPECT_GT(difference, 3);
}

TEST_P(MujocoRendererTest, TheSceneHasTheBodiesOfTheModel) {
  const ModelHandle scene = SceneModel(simulated(), {64, 64}, 0);
  const mjModel& model = simulated().model();
  EXPECT_EQ(scene->nq, model.nq);
  EXPECT_EQ(scene->ngeom, model.ngeom);
  EXPECT_TRUE(std::equal(model.body_pos, model.body_pos + 3 * model.nbody, scene->body_pos));
  EXPECT_TRUE(std::equal(model.jnt_axis, model.jnt_axis + 3 * model.njnt, scene->jnt_axis));
}

INSTANTIATE_TEST_SUITE_P(Tasks, MujocoRendererTest, testing::ValuesIn(Ids(true)), TestName);

class DrawingRendererTest : public testing::TestWithParam<std::string> {};

TEST_P(DrawingRendererTest, ShowsSomethingThatMoves) {
  const auto env = envs::MakeEnv(GetParam());
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size));
  env->Reset(2, observation);
  const auto renderer = MakeRenderer(*env, {});
  EXPECT_EQ(renderer->name(), "cairo");
  EXPECT_GE(renderer->size().width, 400);
  EXPECT_GE(renderer->size().height, 400);
  const Image first = renderer->Render();
  Image blank(first.size());
  for (int y = 0; y < blank.size().height; ++y) {
    for (int x = 0; x < blank.size().width; ++x) {
      std::ranges::copy(first.pixel(0, 0), blank.row(y).begin() + 3 * x);
    }
  }
  EXPECT_GT(Difference(blank, first), 500);
  RandomActor actor(env->spec());
  actor.Begin(1);
  bool ended = false;
  for (int i = 0; i < 20 && !ended; ++i) {
    const envs::StepResult result = env->Step(actor.Act(observation), observation);
    ended = result.terminated || result.truncated;
  }
  EXPECT_GT(Difference(first, renderer->Render()), 10);
}

INSTANTIATE_TEST_SUITE_P(Tasks, DrawingRendererTest, testing::ValuesIn(Ids(false)), TestName);

}  // namespace
}  // namespace duet::video
