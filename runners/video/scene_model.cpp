#include "runners/video/scene_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/error.h"

namespace duet::video {
namespace {

struct SpecDeleter {
  void operator()(mjSpec* spec) const { mj_deleteSpec(spec); }
};
using Spec = std::unique_ptr<mjSpec, SpecDeleter>;

// Red, green and blue in [0, 1].
using Shade = std::array<double, 3>;

constexpr Shade kSkyAbove{0.32, 0.50, 0.74};
constexpr Shade kSkyBelow{0.87, 0.92, 0.97};
constexpr Shade kFloorDark{0.26, 0.33, 0.40};
constexpr Shade kFloorLight{0.32, 0.40, 0.48};
constexpr Shade kFloorEdge{0.42, 0.50, 0.58};
// To the horizon; a plane without end takes twice as long to draw.
constexpr double kFloorHalfSide = 300.0;  // m
constexpr Shade kBody{0.86, 0.58, 0.30};

constexpr Shade kFarSide{0.58, 0.36, 0.62};
constexpr Shade kMetal{0.45, 0.48, 0.55};
constexpr Shade kGoal{0.85, 0.25, 0.22};

// What is not the colour of the body, by a piece of "name of the body/name of the geom".
struct Paint {
  std::string_view model;
  std::string_view piece;
  Shade shade;
};
constexpr auto kPaints = std::to_array<Paint>({
    {"ant", "ankle", {0.70, 0.42, 0.20}},
    {"half_cheetah", "bthigh", kFarSide},
    {"half_cheetah", "bshin", kFarSide},
    {"half_cheetah", "bfoot", kFarSide},
    {"humanoid", "left", kFarSide},
    {"humanoid_standup", "left", kFarSide},
    {"inverted_double_pendulum", "/cpole", {0.12, 0.62, 0.66}},
    {"inverted_double_pendulum", "rail", kMetal},
    {"inverted_pendulum", "/cpole", {0.12, 0.62, 0.66}},
    {"inverted_pendulum", "rail", kMetal},
    {"pusher", "/e1p", {0.08, 0.08, 0.10}},
    {"pusher", "/e2p", {0.08, 0.08, 0.10}},
    {"pusher", "/e1", {0.95, 0.95, 0.95}},
    {"pusher", "/e2", {0.95, 0.95, 0.95}},
    {"pusher", "goal", kGoal},
    {"pusher", "object", {0.93, 0.93, 0.90}},
    {"reacher", "/side", kMetal},
    {"reacher", "/root", kMetal},
    {"reacher", "/target", kGoal},
    {"reacher", "/fingertip", {0.12, 0.62, 0.66}},
    {"walker2d", "left", kFarSide},
});

// How a task is looked at.
struct View {
  std::string_view model;
  double azimuth;
  double elevation;
  double distance;  // m
  double height;    // of the point looked at, m
};
constexpr auto kViews = std::to_array<View>({
    {"ant", 120.0, -25.0, 4.5, 0.40},
    {"half_cheetah", 90.0, -12.0, 2.9, 0.45},
    {"hopper", 90.0, -10.0, 2.8, 0.70},
    {"humanoid", 120.0, -12.0, 3.6, 0.90},
    {"humanoid_standup", 120.0, -15.0, 3.6, 0.60},
    {"inverted_double_pendulum", 90.0, -8.0, 3.6, 0.45},
    {"inverted_pendulum", 90.0, -8.0, 2.6, 0.20},
    {"pusher", 120.0, -35.0, 2.8, -0.20},
    {"reacher", 90.0, -65.0, 0.95, 0.0},
    {"swimmer", 90.0, -50.0, 5.0, 0.0},
    {"walker2d", 90.0, -10.0, 3.0, 0.75},
});

const View& ViewOf(const envs::MujocoEnv& env) {
  const auto found = std::ranges::find(kViews, env.task().model, &View::model);
  if (found == kViews.end()) {
    throw std::logic_error(fmt::format("{}.xml: has no view", env.task().model));
  }
  return *found;
}

void SetShade(float* to, const Shade& shade) {
  std::ranges::transform(shade, to, [](double part) { return static_cast<float>(part); });
}

void AddSky(mjSpec* spec) {
  mjsTexture* const sky = mjs_addTexture(spec, nullptr);
  mjs_setName(sky->element, "sky");
  sky->type = mjTEXTURE_SKYBOX;
  sky->builtin = mjBUILTIN_GRADIENT;
  std::ranges::copy(kSkyAbove, sky->rgb1);
  std::ranges::copy(kSkyBelow, sky->rgb2);
  sky->width = 256;
  sky->height = 256;
}

// Squares of half a metre, so that motion over the floor can be seen.
void AddFloorMaterial(mjSpec* spec) {
  mjsTexture* const squares = mjs_addTexture(spec, nullptr);
  mjs_setName(squares->element, "squares");
  squares->type = mjTEXTURE_2D;
  squares->builtin = mjBUILTIN_CHECKER;
  squares->mark = mjMARK_EDGE;
  std::ranges::copy(kFloorDark, squares->rgb1);
  std::ranges::copy(kFloorLight, squares->rgb2);
  std::ranges::copy(kFloorEdge, squares->markrgb);
  squares->width = 512;
  squares->height = 512;
  mjsMaterial* const floor = mjs_addMaterial(spec, nullptr);
  mjs_setName(floor->element, "floor");
  mjs_setInStringVec(floor->textures, mjTEXROLE_RGB, "squares");
  floor->texuniform = 1;
  std::fill_n(floor->texrepeat, 2, 1.0F);
  floor->specular = 0.1F;
}

void AddBodyMaterial(mjSpec* spec) {
  mjsMaterial* const body = mjs_addMaterial(spec, nullptr);
  mjs_setName(body->element, "body");
  body->specular = 0.3F;
  body->shininess = 0.6F;
}

// A sun that goes along with the body, as shadows are only computed around a light.
void AddLight(mjSpec* spec) {
  spec->visual.headlight.active = 1;
  std::fill_n(spec->visual.headlight.ambient, 3, 0.35F);
  std::fill_n(spec->visual.headlight.diffuse, 3, 0.25F);
  std::fill_n(spec->visual.headlight.specular, 3, 0.05F);
  mjsElement* first = mjs_firstElement(spec, mjOBJ_BODY);  // the world
  if (mjsElement* const body = mjs_nextElement(spec, first)) first = body;
  mjsLight* const sun = mjs_addLight(mjs_asBody(first), nullptr);
  sun->mode = mjCAMLIGHT_TRACKCOM;
  sun->type = mjLIGHT_DIRECTIONAL;
  sun->castshadow = 1;
  std::ranges::copy(std::array{-0.8, -1.2, 4.0}, sun->pos);
  std::ranges::copy(std::array{0.2, 0.3, -1.0}, sun->dir);
  std::fill_n(sun->ambient, 3, 0.0F);
  std::fill_n(sun->diffuse, 3, 0.6F);
  std::fill_n(sun->specular, 3, 0.3F);
}

Shade ShadeOf(std::string_view model, std::string_view part) {
  for (const Paint& paint : kPaints) {
    if (paint.model == model && part.find(paint.piece) != part.npos) return paint.shade;
  }
  return kBody;
}

std::string PartName(mjsElement* geom) {
  const mjsBody* const body = mjs_getParent(geom);
  return fmt::format("{}/{}", mjs_getString(mjs_getName(body->element)),
                     mjs_getString(mjs_getName(geom)));
}

void PaintGeoms(mjSpec* spec, std::string_view model) {
  for (mjsElement* element = mjs_firstElement(spec, mjOBJ_GEOM); element != nullptr;
       element = mjs_nextElement(spec, element)) {
    mjsGeom* const geom = mjs_asGeom(element);
    if (geom->type == mjGEOM_PLANE) {
      mjs_setString(geom->material, "floor");
      std::fill_n(geom->size, 2, kFloorHalfSide);
    } else {
      mjs_setString(geom->material, "body");
      SetShade(geom->rgba, ShadeOf(model, PartName(element)));
    }
  }
}

ModelHandle Dressed(std::string_view name) {
  const std::string text(envs::MjcfText(name));
  std::array<char, 1024> problem{};
  const Spec spec(
      mj_parseXMLString(text.c_str(), nullptr, problem.data(), static_cast<int>(problem.size())));
  if (spec == nullptr) throw std::logic_error(fmt::format("{}.xml: {}", name, problem.data()));
  AddSky(spec.get());
  AddFloorMaterial(spec.get());
  AddBodyMaterial(spec.get());
  AddLight(spec.get());
  PaintGeoms(spec.get(), name);
  ModelHandle model(mj_compile(spec.get(), nullptr));
  if (model == nullptr) {
    throw std::logic_error(fmt::format("{}.xml: {}", name, mjs_getError(spec.get())));
  }
  return model;
}

// Whether body 1 can go as far as it likes along a world axis.
bool Unlimited(const mjModel& model, int axis) {
  for (int i = 0; i < model.njnt; ++i) {
    if (model.jnt_bodyid[i] != 1) continue;
    if (model.jnt_type[i] == mjJNT_FREE) return true;
    if (model.jnt_type[i] == mjJNT_SLIDE && !model.jnt_limited[i] &&
        std::abs(model.jnt_axis[3 * i + axis]) > 0.5) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool IsDressed(const envs::MujocoEnv& env) { return !env.task().model.empty(); }

ModelHandle SceneModel(const envs::MujocoEnv& env, Size size, int samples) {
  ModelHandle model;
  if (IsDressed(env)) {
    model = Dressed(env.task().model);
    model->vis.map.znear = 0.02F;
    model->stat.extent = 1.2 * ViewOf(env).distance;  // shadows are cast this far around the body
  } else {
    model.reset(mj_copyModel(nullptr, &env.model()));
  }
  model->vis.global.offwidth = size.width;
  model->vis.global.offheight = size.height;
  model->vis.quality.offsamples = samples;
  model->vis.quality.shadowsize = 1024;
  return model;
}

Camera::Camera(const envs::MujocoEnv& env, const mjModel& model)
    : follow_x_(Unlimited(model, 0)), follow_y_(Unlimited(model, 1)) {
  mjv_defaultFreeCamera(&model, &camera_);
  if (IsDressed(env)) {
    const View& view = ViewOf(env);
    camera_.azimuth = view.azimuth;
    camera_.elevation = view.elevation;
    camera_.distance = view.distance;
    std::ranges::copy(std::array{0.0, 0.0, view.height}, camera_.lookat);
  } else if (model.ncam > 0) {
    camera_.type = mjCAMERA_FIXED;
    camera_.fixedcamid = 0;
  }
}

mjvCamera& Camera::Follow(const mjData& data) {
  const mjtNum* const center = data.subtree_com + 3;  // of body 1 and what hangs on it
  if (follow_x_) camera_.lookat[0] = center[0];
  if (follow_y_) camera_.lookat[1] = center[1];
  return camera_;
}

}  // namespace duet::video
