// Pictures of an environment.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "envs/env.h"
#include "runners/video/image.h"

namespace duet::video {

// Makes pictures of one environment. To be used from the thread that made it.
class Renderer {
 public:
  virtual ~Renderer() = default;

  // What draws: "MuJoCo on OSMesa", "cairo".
  virtual std::string name() const = 0;
  virtual Size size() const = 0;
  // The environment as it is now, valid until the next call.
  virtual const Image& Render() = 0;
};

// What the caller wants of a picture's size; else the task's usual one, in its proportions where
// one side is given.
struct SizeRequest {
  std::optional<int> width = std::nullopt;
  std::optional<int> height = std::nullopt;
};

// The usual size, or the wanted one.
Size ChooseSize(Size usual, const SizeRequest& request);

// A renderer of `env`, which must live as long and must have been reset. Throws ConfigError where
// the task has no picture, Error where the graphics that it needs are missing.
std::unique_ptr<Renderer> MakeRenderer(const envs::Env& env, const SizeRequest& request);

}  // namespace duet::video
