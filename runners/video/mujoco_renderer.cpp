#include "runners/video/mujoco_renderer.h"

#include <fmt/format.h>
#include <mujoco/mujoco.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "runners/video/gl_context.h"
#include "runners/video/scene_model.h"

namespace duet::video {
namespace {

constexpr Size kUsualSize{480, 480};

// Smooth edges cost a processor more than all the rest.
int Samples(const GlContext& gl) { return gl.on_card() ? 4 : 0; }

// What MuJoCo draws: geoms and lights.
class Scene {
 public:
  explicit Scene(const mjModel& model) {
    constexpr int kMaxGeoms = 2000;
    mjv_defaultScene(&scene_);
    mjv_makeScene(&model, &scene_, kMaxGeoms);
  }
  ~Scene() { mjv_freeScene(&scene_); }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  mjvScene* get() { return &scene_; }

 private:
  mjvScene scene_;
};

// MuJoCo's part of the OpenGL context.
class RenderContext {
 public:
  explicit RenderContext(const mjModel& model) {
    mjr_defaultContext(&context_);
    mjr_makeContext(&model, &context_, mjFONTSCALE_100);
    mjr_setBuffer(mjFB_OFFSCREEN, &context_);
  }
  ~RenderContext() { mjr_freeContext(&context_); }
  RenderContext(const RenderContext&) = delete;
  RenderContext& operator=(const RenderContext&) = delete;
  mjrContext* get() { return &context_; }

 private:
  mjrContext context_;
};

class MujocoRenderer : public Renderer {
 public:
  MujocoRenderer(const envs::MujocoEnv& env, Size size)
      : env_(env),
        gl_(MakeGlContext()),
        model_(SceneModel(env, size, Samples(*gl_))),
        data_(envs::MakeData(*model_)),
        scene_(*model_),
        context_(*model_),
        camera_(env, *model_),
        image_(size),
        upside_down_(size) {
    mjv_defaultOption(&options_);
    const mjrRect most = mjr_maxViewport(context_.get());
    if (context_.get()->currentBuffer != mjFB_OFFSCREEN || most.width < size.width ||
        most.height < size.height) {
      throw Error(fmt::format("{} cannot draw pictures of {}x{} pixels; allowed is {}x{} at most",
                              name(), size.width, size.height, most.width, most.height));
    }
  }

  std::string name() const override { return "MuJoCo on " + gl_->name(); }
  Size size() const override { return image_.size(); }

  const Image& Render() override {
    PlaceBodies();
    mjvCamera& camera = camera_.Follow(*data_);
    if (IsDressed(env_)) PlaceFloor(camera);
    mjv_updateScene(model_.get(), data_.get(), &options_, nullptr, &camera, mjCAT_ALL,
                    scene_.get());
    const mjrRect view{0, 0, size().width, size().height};
    mjr_render(view, scene_.get(), context_.get());
    mjr_readPixels(upside_down_.bytes().data(), nullptr, view, context_.get());
    for (int y = 0; y < size().height; ++y) {
      std::ranges::copy(upside_down_.row(size().height - 1 - y), image_.row(y).begin());
    }
    return image_;
  }

 private:
  // Puts the bodies where they are in the environment.
  void PlaceBodies() {
    const mjData& from = env_.data();
    std::copy_n(from.qpos, model_->nq, data_->qpos);
    std::copy_n(from.mocap_pos, 3 * model_->nmocap, data_->mocap_pos);
    std::copy_n(from.mocap_quat, 4 * model_->nmocap, data_->mocap_quat);
    mj_kinematics(model_.get(), data_.get());
    mj_comPos(model_.get(), data_.get());
    mj_camlight(model_.get(), data_.get());
    mj_tendon(model_.get(), data_.get());
  }

  // The floor goes along with the camera in steps of its pattern, so it never ends.
  void PlaceFloor(const mjvCamera& camera) {
    for (int i = 0; i < model_->ngeom; ++i) {
      if (model_->geom_type[i] != mjGEOM_PLANE) continue;
      data_->geom_xpos[3 * i] = std::round(camera.lookat[0]);
      data_->geom_xpos[3 * i + 1] = std::round(camera.lookat[1]);
    }
  }

  const envs::MujocoEnv& env_;
  std::unique_ptr<GlContext> gl_;
  ModelHandle model_;
  envs::DataHandle data_;
  Scene scene_;
  RenderContext context_;
  Camera camera_;
  mjvOption options_;
  Image image_;
  Image upside_down_;
};

}  // namespace

std::unique_ptr<Renderer> MakeMujocoRenderer(const envs::MujocoEnv& env,
                                             const SizeRequest& request) {
  return std::make_unique<MujocoRenderer>(env, ChooseSize(kUsualSize, request));
}

}  // namespace duet::video
