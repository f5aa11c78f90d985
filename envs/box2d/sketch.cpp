#include "envs/box2d/sketch.h"

#include <algorithm>
#include <utility>

namespace duet::envs {
namespace {

constexpr double kPixel = 1.0 / 30.0;  // of the reference's pictures, m

void AddPolygon(const b2Body& body, const b2PolygonShape& shape, const Coat& coat,
                Drawing& drawing) {
  std::vector<Point> corners;
  for (int32 i = 0; i < shape.m_count; ++i) {
    corners.push_back(ToPoint(body.GetWorldPoint(shape.m_vertices[i])));
  }
  std::vector<Point> outline = corners;
  outline.push_back(corners.front());
  drawing.AddPolygon(std::move(corners), coat.fill);
  drawing.AddLine(std::move(outline), coat.edge);
}

}  // namespace

std::vector<const b2Body*> BodiesOf(const b2World& world) {
  std::vector<const b2Body*> bodies;
  for (const b2Body* body = world.GetBodyList(); body != nullptr; body = body->GetNext()) {
    bodies.push_back(body);
  }
  std::ranges::reverse(bodies);  // the engine's list has the newest first
  return bodies;
}

void AddBody(const b2Body& body, const Coat& coat, Drawing& drawing) {
  for (const b2Fixture* fixture = body.GetFixtureList(); fixture != nullptr;
       fixture = fixture->GetNext()) {
    if (fixture->GetType() != b2Shape::e_polygon) continue;
    AddPolygon(body, static_cast<const b2PolygonShape&>(*fixture->GetShape()), coat, drawing);
  }
}

std::vector<Point> GroundLine(const std::vector<const b2Body*>& bodies) {
  std::vector<Point> line;
  for (const b2Body* body : bodies) {
    for (const b2Fixture* fixture = body->GetFixtureList(); fixture != nullptr;
         fixture = fixture->GetNext()) {
      if (fixture->GetType() != b2Shape::e_edge) continue;
      const auto& edge = static_cast<const b2EdgeShape&>(*fixture->GetShape());
      if (edge.m_vertex1.y == 0.0F && edge.m_vertex2.y == 0.0F) continue;
      line.push_back(ToPoint(edge.m_vertex1));
      line.push_back(ToPoint(edge.m_vertex2));
    }
  }
  std::ranges::stable_sort(line, {}, &Point::x);
  return line;
}

void AddFlag(const Point& foot, Color pole, Color cloth, Drawing& drawing) {
  const double top = foot.y + 50.0 * kPixel;
  drawing.AddLine({foot, {foot.x, top}}, pole);
  drawing.AddPolygon(
      {{foot.x, top}, {foot.x, top - 10.0 * kPixel}, {foot.x + 25.0 * kPixel, top - 5.0 * kPixel}},
      cloth);
}

}  // namespace duet::envs
