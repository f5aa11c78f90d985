// Flat drawings as pixels, painted by cairo.
#pragma once

#include <memory>
#include <string>

#include "envs/drawing.h"
#include "envs/env.h"
#include "runners/video/image.h"
#include "runners/video/renderer.h"

namespace duet::video {

// A drawing with the visible part of its world as large as fits, centred.
Image Paint(const envs::Drawing& drawing, Size size);

// `env` draws and must live as long as the renderer.
std::unique_ptr<Renderer> MakeDrawingRenderer(const envs::Drawable& env,
                                              const SizeRequest& request);

}  // namespace duet::video
