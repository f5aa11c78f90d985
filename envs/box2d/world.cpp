#include "envs/box2d/world.h"

#include <new>
#include <stdexcept>

#include "envs/box2d/engine/moving_bodies.h"

namespace duet::envs {
namespace {

// The engine fills two tables of its own when the first world and the first contact are made. Here
// that happens once, before any world of ours, so that threads only ever read them.
void FillEngineTables() {
  Arena arena;
  const ArenaScope scope(arena);
  auto* const world = new (arena.Allocate(sizeof(b2World))) b2World(b2Vec2(0.0F, 0.0F));
  b2PolygonShape box;
  box.SetAsBox(1.0F, 1.0F);
  for (int i = 0; i < 2; ++i) {
    b2BodyDef body;
    body.type = b2_dynamicBody;
    world->CreateBody(&body)->CreateFixture(&box, 1.0F);
  }
  world->Step(0.02F, 1, 1);
}

}  // namespace

void ContactWatch::Watch(const b2Body* main, const b2Body* first_foot, const b2Body* second_foot) {
  main_ = main;
  feet_ = {first_foot, second_foot};
  main_touched_ = false;
  foot_touches_ = {};
}

void ContactWatch::SetFeet(const b2Contact& contact, bool touches) {
  for (std::size_t i = 0; i < feet_.size(); ++i) {
    if (contact.GetFixtureA()->GetBody() == feet_[i] ||
        contact.GetFixtureB()->GetBody() == feet_[i]) {
      foot_touches_[i] = touches;
    }
  }
}

void ContactWatch::BeginContact(b2Contact* contact) {
  if (contact->GetFixtureA()->GetBody() == main_ || contact->GetFixtureB()->GetBody() == main_) {
    main_touched_ = true;
  }
  SetFeet(*contact, true);
}

void ContactWatch::EndContact(b2Contact* contact) { SetFeet(*contact, false); }

World::World() { [[maybe_unused]] static const bool filled = (FillEngineTables(), true); }

void World::Restart(double gravity) {
  arena_.Rewind();
  world_ = new (arena_.Allocate(sizeof(b2World))) b2World(ToVec2(0.0, gravity));
  world_->SetContactListener(&contacts_);
}

b2Body* World::AddBody(b2BodyType type, const b2Vec2& position, double angle) {
  if (type == b2_staticBody && CanMove(world_->GetBodyList())) {
    throw std::logic_error("a static body after one that moves");
  }
  b2BodyDef definition;
  definition.type = type;
  definition.position = position;
  definition.angle = static_cast<float>(angle);
  return world_->CreateBody(&definition);
}

void World::AddFixture(b2Body* body, const b2Shape& shape, const Material& material) {
  b2FixtureDef definition;
  definition.shape = &shape;
  definition.density = static_cast<float>(material.density);
  definition.friction = static_cast<float>(material.friction);
  definition.filter.categoryBits = material.category;
  definition.filter.maskBits = material.mask;
  body->CreateFixture(&definition);
}

void World::AddEdge(b2Body* body, const b2Vec2& from, const b2Vec2& to, const Material& material) {
  b2EdgeShape shape;
  shape.Set(from, to);
  AddFixture(body, shape, material);
}

void World::AddPolygon(b2Body* body, std::span<const b2Vec2> corners, const Material& material) {
  b2PolygonShape shape;
  shape.Set(corners.data(), static_cast<int32>(corners.size()));
  AddFixture(body, shape, material);
}

void World::AddBox(b2Body* body, double half_width, double half_height, const Material& material) {
  b2PolygonShape shape;
  shape.SetAsBox(static_cast<float>(half_width), static_cast<float>(half_height));
  AddFixture(body, shape, material);
}

b2RevoluteJoint* World::AddHinge(b2Body* a, b2Body* b, const Hinge& hinge) {
  b2RevoluteJointDef definition;
  definition.bodyA = a;
  definition.bodyB = b;
  definition.localAnchorA = hinge.anchor_a;
  definition.localAnchorB = hinge.anchor_b;
  definition.referenceAngle = b->GetAngle() - a->GetAngle();
  definition.enableMotor = true;
  definition.maxMotorTorque = static_cast<float>(hinge.max_torque);
  definition.motorSpeed = static_cast<float>(hinge.speed);
  definition.enableLimit = true;
  definition.lowerAngle = static_cast<float>(hinge.low);
  definition.upperAngle = static_cast<float>(hinge.high);
  return static_cast<b2RevoluteJoint*>(world_->CreateJoint(&definition));
}

}  // namespace duet::envs
