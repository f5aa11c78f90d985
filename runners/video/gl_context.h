// OpenGL without a window or a screen.
#pragma once

#include <memory>
#include <string>

namespace duet::video {

// An OpenGL context, current in the thread that made it for as long as it lives.
class GlContext {
 public:
  virtual ~GlContext() = default;

  // The library that it comes from: "EGL" or "OSMesa".
  virtual std::string name() const = 0;
  // Whether a graphics card draws, and not the processor.
  virtual bool on_card() const = 0;
};

// A context by EGL, which uses a graphics card where there is one, or by OSMesa, which computes on
// the processor; the libraries are found at run time. MUJOCO_GL=egl or MUJOCO_GL=osmesa in the
// environment, as for MuJoCo's own programs, allows only that one. Throws Error with what to
// install where there is none, ConfigError where the variable says something else.
std::unique_ptr<GlContext> MakeGlContext();

}  // namespace duet::video
