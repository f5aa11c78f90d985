#include "runners/video/canvas.h"

#include <cairo.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numbers>
#include <variant>

#include "core/error.h"

namespace duet::video {
namespace {

struct SurfaceDeleter {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct ContextDeleter {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};
using Surface = std::unique_ptr<cairo_surface_t, SurfaceDeleter>;
using Context = std::unique_ptr<cairo_t, ContextDeleter>;

void SetColor(cairo_t* cairo, const envs::Color& color) {
  cairo_set_source_rgba(cairo, color.red / 255.0, color.green / 255.0, color.blue / 255.0,
                        color.alpha / 255.0);
}

// From the drawing's world to pixels: y downwards, one scale for both axes.
void Look(cairo_t* cairo, const envs::Drawing& drawing, Size size) {
  const double width = drawing.high.x - drawing.low.x;
  const double height = drawing.high.y - drawing.low.y;
  const double scale = std::min(size.width / width, size.height / height);
  cairo_translate(cairo, size.width / 2.0, size.height / 2.0);
  cairo_scale(cairo, scale, -scale);
  cairo_translate(cairo, -(drawing.low.x + width / 2.0), -(drawing.low.y + height / 2.0));
}

void Trace(cairo_t* cairo, const std::vector<envs::Point>& points) {
  for (const envs::Point& point : points) cairo_line_to(cairo, point.x, point.y);
}

void PaintShape(cairo_t* cairo, const envs::Drawing::Polygon& polygon) {
  Trace(cairo, polygon.points);
  cairo_close_path(cairo);
  SetColor(cairo, polygon.fill);
  cairo_fill(cairo);
}

void PaintShape(cairo_t* cairo, const envs::Drawing::Line& line) {
  Trace(cairo, line.points);
  double pixel = 1.0;
  double unused = 0.0;
  cairo_device_to_user_distance(cairo, &pixel, &unused);
  cairo_set_line_width(cairo, std::max(line.width, pixel));
  SetColor(cairo, line.color);
  cairo_stroke(cairo);
}

void PaintShape(cairo_t* cairo, const envs::Drawing::Circle& circle) {
  cairo_arc(cairo, circle.center.x, circle.center.y, circle.radius, 0.0, 2.0 * std::numbers::pi);
  SetColor(cairo, circle.fill);
  cairo_fill(cairo);
}

// Cairo keeps a pixel as the number 0x00RRGGBB.
Image ToImage(cairo_surface_t* surface, Size size) {
  cairo_surface_flush(surface);
  const unsigned char* data = cairo_image_surface_get_data(surface);
  const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface));
  Image image(size);
  for (int y = 0; y < size.height; ++y) {
    const unsigned char* from = data + static_cast<std::size_t>(y) * stride;
    std::uint8_t* to = image.row(y).data();
    for (int x = 0; x < size.width; ++x, from += 4, to += 3) {
      std::uint32_t pixel = 0;
      std::memcpy(&pixel, from, sizeof(pixel));
      to[0] = static_cast<std::uint8_t>(pixel >> 16);
      to[1] = static_cast<std::uint8_t>(pixel >> 8);
      to[2] = static_cast<std::uint8_t>(pixel);
    }
  }
  return image;
}

class DrawingRenderer : public Renderer {
 public:
  DrawingRenderer(const envs::Drawable& env, const SizeRequest& request)
      : env_(env), image_(ChooseSize(UsualSize(env), request)) {}

  std::string name() const override { return "cairo"; }
  Size size() const override { return image_.size(); }
  const Image& Render() override {
    envs::Drawing drawing;
    env_.Draw(drawing);
    image_ = Paint(drawing, image_.size());
    return image_;
  }

 private:
  static Size UsualSize(const envs::Drawable& env) {
    envs::Drawing drawing;
    env.Draw(drawing);
    return {drawing.width, drawing.height};
  }

  const envs::Drawable& env_;
  Image image_;
};

}  // namespace

Image Paint(const envs::Drawing& drawing, Size size) {
  const Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, size.width, size.height));
  const Context cairo(cairo_create(surface.get()));
  SetColor(cairo.get(), drawing.background);
  cairo_paint(cairo.get());
  Look(cairo.get(), drawing, size);
  for (const envs::Drawing::Shape& shape : drawing.shapes()) {
    std::visit([&](const auto& one) { PaintShape(cairo.get(), one); }, shape);
  }
  if (const cairo_status_t status = cairo_status(cairo.get()); status != CAIRO_STATUS_SUCCESS) {
    throw Error(fmt::format("a drawing of {}x{} pixels: cairo: {}", size.width, size.height,
                            cairo_status_to_string(status)));
  }
  return ToImage(surface.get(), size);
}

std::unique_ptr<Renderer> MakeDrawingRenderer(const envs::Drawable& env,
                                              const SizeRequest& request) {
  return std::make_unique<DrawingRenderer>(env, request);
}

}  // namespace duet::video
