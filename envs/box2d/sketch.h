// Box2D's bodies as flat shapes.
#pragma once

#include <Box2D/Box2D.h>

#include <vector>

#include "envs/drawing.h"

namespace duet::envs {

// The colours of a body.
struct Coat {
  Color fill;
  Color edge;
};

inline Point ToPoint(const b2Vec2& point) { return {point.x, point.y}; }

// All bodies, oldest first.
std::vector<const b2Body*> BodiesOf(const b2World& world);

// The polygons of a body where it is now.
void AddBody(const b2Body& body, const Coat& coat, Drawing& drawing);

// The corners of the line that the edges of these bodies form, from left to right; edges along
// y = 0 are no part of it.
std::vector<Point> GroundLine(const std::vector<const b2Body*>& bodies);

// A flag to the right of a pole from `foot` upwards, in the sizes of the reference's pictures.
void AddFlag(const Point& foot, Color pole, Color cloth, Drawing& drawing);

}  // namespace duet::envs
