// A Box2D world with what both tasks ask of it.
#pragma once

#include <Box2D/Box2D.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "envs/box2d/engine/arena.h"

namespace duet::envs {

// What a fixture is made of; Box2D's defaults where not said.
struct Material {
  double density = 0.0;
  double friction = 0.2;
  std::uint16_t category = 0x0001;
  std::uint16_t mask = 0xFFFF;
};

// A revolute joint with motor and limits, numbers in Box2D's units: m, rad, rad/s, N m.
struct Hinge {
  b2Vec2 anchor_a;  // in the frame of body A
  b2Vec2 anchor_b;
  double max_torque = 0.0;
  double speed = 0.0;
  double low = 0.0;  // limits of the angle
  double high = 0.0;
};

// Numbers go into the engine as floats, however they were computed.
inline b2Vec2 ToVec2(double x, double y) { return {static_cast<float>(x), static_cast<float>(y)}; }

// What touches: a main body, which must touch nothing, and two feet.
class ContactWatch : public b2ContactListener {
 public:
  void Watch(const b2Body* main, const b2Body* first_foot, const b2Body* second_foot);

  // The main body has touched something.
  bool main_touched() const { return main_touched_; }
  // As the reference counts: any contact of the foot that ends takes the flag back.
  bool foot_touches(std::size_t foot) const { return foot_touches_[foot]; }

 private:
  void BeginContact(b2Contact* contact) override;
  void EndContact(b2Contact* contact) override;
  void SetFeet(const b2Contact& contact, bool touches);

  const b2Body* main_ = nullptr;
  std::array<const b2Body*, 2> feet_{};
  bool main_touched_ = false;
  std::array<bool, 2> foot_touches_{};
};

// One world at a time. Whoever calls the engine holds a Scope, since its memory comes from here.
class World {
 public:
  World();

  ArenaScope Scope() { return ArenaScope(arena_); }

  // The rest requires a Scope.
  // Forgets the world before, and all its bodies.
  void Restart(double gravity);
  // Static bodies come before those that move: std::logic_error otherwise (engine/moving_bodies.h).
  b2Body* AddBody(b2BodyType type, const b2Vec2& position, double angle);
  void AddEdge(b2Body* body, const b2Vec2& from, const b2Vec2& to, const Material& material);
  void AddPolygon(b2Body* body, std::span<const b2Vec2> corners, const Material& material);
  void AddBox(b2Body* body, double half_width, double half_height, const Material& material);
  // The joint's angle is zero as the bodies are now.
  b2RevoluteJoint* AddHinge(b2Body* a, b2Body* b, const Hinge& hinge);
  void Step() { world_->Step(1.0F / 50.0F, 6 * 30, 2 * 30); }

  // Three bodies whose contacts from now on are told by `contacts`.
  void Watch(const b2Body* main, const b2Body* first_foot, const b2Body* second_foot) {
    contacts_.Watch(main, first_foot, second_foot);
  }
  const ContactWatch& contacts() const { return contacts_; }
  const b2World& engine() const { return *world_; }

 private:
  void AddFixture(b2Body* body, const b2Shape& shape, const Material& material);

  Arena arena_;
  ContactWatch contacts_;
  b2World* world_ = nullptr;  // in the arena, never destroyed
};

}  // namespace duet::envs
