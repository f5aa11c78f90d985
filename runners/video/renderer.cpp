#include "runners/video/renderer.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "envs/drawing.h"
#include "envs/mujoco/mujoco_env.h"
#include "runners/video/canvas.h"
#include "runners/video/mujoco_renderer.h"

namespace duet::video {

Size ChooseSize(Size usual, const SizeRequest& request) {
  const double proportion = static_cast<double>(usual.width) / usual.height;
  Size size = usual;
  if (request.width) {
    size = {*request.width, static_cast<int>(std::lround(*request.width / proportion))};
  }
  if (request.height) {
    size.height = *request.height;
    if (!request.width) size.width = static_cast<int>(std::lround(*request.height * proportion));
  }
  return size;
}

std::unique_ptr<Renderer> MakeRenderer(const envs::Env& env, const SizeRequest& request) {
  const envs::Env& task = env.unwrapped();
  if (const auto* drawable = dynamic_cast<const envs::Drawable*>(&task)) {
    return MakeDrawingRenderer(*drawable, request);
  }
  if (const auto* simulated = dynamic_cast<const envs::MujocoEnv*>(&task)) {
    return MakeMujocoRenderer(*simulated, request);
  }
  throw ConfigError(
      fmt::format("{}: has no picture; allowed is a task that can be drawn", env.spec().id));
}

}  // namespace duet::video
