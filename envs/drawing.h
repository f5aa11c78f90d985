// What an environment looks like, as plain data: a list of flat shapes in its own units. Who shows
// it chooses the pixels, so the environments need no graphics library.
#pragma once

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

namespace duet::envs {

// A point of the task's world, x to the right and y up, in the task's own unit of length.
struct Point {
  double x = 0.0;
  double y = 0.0;
};

struct Color {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  std::uint8_t alpha = 255;  // 0: invisible, 255: hides what is below
};

// One picture. Shapes are painted in the order in which they were added, later ones on top.
class Drawing {
 public:
  // A filled polygon of at least three corners, closed by itself.
  struct Polygon {
    std::vector<Point> points;
    Color fill;
  };
  // A stroke through at least two points. A width of 0 is the thinnest line that shows; else it is
  // in world units.
  struct Line {
    std::vector<Point> points;
    Color color;
    double width = 0.0;
  };
  struct Circle {
    Point center;
    double radius = 0.0;
    Color fill;
  };
  using Shape = std::variant<Polygon, Line, Circle>;

  // The part of the world that is seen. In a picture of other proportions it is centred, with more
  // of the background at two sides.
  Point low{0.0, 0.0};   // its lower left corner
  Point high{1.0, 1.0};  // its upper right corner
  Color background{255, 255, 255};
  // The size at which the picture is usually shown, pixels.
  int width = 600;
  int height = 400;

  void AddPolygon(std::vector<Point> points, Color fill) {
    shapes_.emplace_back(Polygon{std::move(points), fill});
  }
  void AddLine(std::vector<Point> points, Color color, double width = 0.0) {
    shapes_.emplace_back(Line{std::move(points), color, width});
  }
  void AddCircle(Point center, double radius, Color fill) {
    shapes_.emplace_back(Circle{center, radius, fill});
  }

  const std::vector<Shape>& shapes() const { return shapes_; }

 private:
  std::vector<Shape> shapes_;
};

// An environment that can be drawn.
class Drawable {
 public:
  virtual ~Drawable() = default;

  // Draws the present state. `drawing` is empty before; its view, background and size are set as
  // well. Requires Reset first.
  virtual void Draw(Drawing& drawing) const = 0;
};

}  // namespace duet::envs
