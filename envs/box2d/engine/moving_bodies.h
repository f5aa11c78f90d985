#pragma once

#include <Box2D/Dynamics/Contacts/b2Contact.h>
#include <Box2D/Dynamics/b2Body.h>
#include <Box2D/Dynamics/b2Fixture.h>

namespace duet::envs {

// The engine goes several times per step through the list of all bodies, of which the walker's
// ground has 200, for work that concerns those that can move. The list has the newest body first,
// and our worlds create what can move last (World::AddBody): so a loop may stop at the first body
// that cannot.
inline bool CanMove(const b2Body* body) {
  return body != nullptr && body->GetType() != b2_staticBody;
}

// What those loops did to static bodies: only ones in contact are ever changed.
template <typename Visitor>
void VisitStaticBodies(b2Contact* contacts, Visitor visit) {
  for (b2Contact* contact = contacts; contact != nullptr; contact = contact->GetNext()) {
    for (b2Body* body : {contact->GetFixtureA()->GetBody(), contact->GetFixtureB()->GetBody()}) {
      if (!CanMove(body)) visit(body);
    }
  }
}

}  // namespace duet::envs
