#pragma once

#include <Box2D/Dynamics/Contacts/b2ContactSolver.h>
#include <Box2D/Dynamics/Joints/b2RevoluteJoint.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace duet::envs {

// Counts the iterations of the engine's velocity solver: `while (iterations.More()) one iteration`.
//
// The tasks ask for 180 of them. Long before, rounding often brings the solver back to a state
// where it has been, to the last bit: mostly the one just before, else a cycle of a few. From there
// on it can only go round, so whole rounds are left out and the result is still that of all
// iterations, bit for bit. The state is what an iteration reads and changes: velocities, the
// impulses of contacts, and of joints those of limit and motor. The impulses that hold joints
// together are only added to; the additions that were left out are made up for, one by one, since
// each of them rounds.
class VelocityIterations {
 public:
  VelocityIterations(int32 count, const b2Velocity* velocities, int32 num_bodies,
                     b2Joint* const* joints, int32 num_joints, const b2ContactSolver& contacts)
      : left_(count),
        velocities_(velocities),
        num_bodies_(num_bodies),
        joints_(joints),
        num_joints_(num_joints),
        contacts_(contacts) {
    if (CanWatch()) phase_ = Phase::kWatching;
  }

  // Whether there is another iteration to do; called before each.
  bool More() {
    if (phase_ == Phase::kWatching)
      Watch();
    else if (phase_ == Phase::kRecording)
      Record();
    if (left_ > 0) {
      --left_;
      return true;
    }
    if (phase_ == Phase::kFinishing) MakeUp();
    return false;
  }

 private:
  enum class Phase { kPlain, kWatching, kRecording, kFinishing };
  static constexpr std::size_t kMostNumbers = 256;
  static constexpr int32 kMostJoints = 4;
  static constexpr int32 kRound = 8;  // iterations after which another state is remembered
  using Impulses = std::array<float, 2 * kMostJoints>;  // x, y of each joint

  // The way to what the engine's class keeps for its heirs.
  struct Joint : b2RevoluteJoint {
    static b2Vec3& Impulse(b2Joint* joint) {
      return static_cast<b2RevoluteJoint*>(joint)->*(&Joint::m_impulse);
    }
    static float MotorImpulse(b2Joint* joint) {
      return static_cast<b2RevoluteJoint*>(joint)->*(&Joint::m_motorImpulse);
    }
  };

  bool CanWatch() const {
    if (num_joints_ > kMostJoints) return false;
    for (int32 i = 0; i < num_joints_; ++i) {
      if (joints_[i]->GetType() != e_revoluteJoint) return false;
    }
    const auto most =
        static_cast<std::size_t>(2 * num_joints_ + 4 * contacts_.m_count + 3 * num_bodies_);
    return most <= kMostNumbers;
  }

  void Watch() {
    if (age_ > 0 && IsRemembered()) {
      phase_ = Phase::kPlain;
      if (left_ > 2 * age_) StartRecording();
      return;
    }
    if (age_ == 0 || age_ == kRound) {
      Visit([&](std::size_t i, float value) {
        remembered_[i] = value;
        return true;
      });
      age_ = 0;
    }
    ++age_;
  }

  bool IsRemembered() const {
    return Visit([&](std::size_t i, float value) {
      return std::memcmp(&remembered_[i], &value, sizeof(value)) == 0;
    });
  }

  // Of the iterations left, one round is done to record what it adds, then those beyond whole
  // rounds.
  void StartRecording() {
    phase_ = Phase::kRecording;
    num_additions_ = left_;
    left_ = age_ + left_ % age_;
    ExchangeImpulses([&](std::size_t i, float& impulse) { impulses_[i] = impulse; });
    ClearImpulses();
  }

  void Record() {
    Impulses& round = additions_[static_cast<std::size_t>(num_recorded_++)];
    ExchangeImpulses([&](std::size_t i, float& impulse) { round[i] = impulse; });
    if (num_recorded_ == age_) phase_ = Phase::kFinishing;
    ClearImpulses();
  }

  void MakeUp() {
    for (int32 done = 0, i = 0; done < num_additions_; ++done, i = i + 1 == age_ ? 0 : i + 1) {
      const Impulses& round = additions_[static_cast<std::size_t>(i)];
      for (std::size_t k = 0; k < impulses_.size(); ++k) impulses_[k] += round[k];
    }
    ExchangeImpulses([&](std::size_t i, float& impulse) { impulse = impulses_[i]; });
  }

  // -0 is what changes no number that is added to it, not even -0.
  void ClearImpulses() {
    ExchangeImpulses([](std::size_t, float& impulse) { impulse = -0.0F; });
  }

  template <typename Visitor>
  void ExchangeImpulses(Visitor visit) {
    for (int32 k = 0; k < num_joints_; ++k) {
      b2Vec3& impulse = Joint::Impulse(joints_[k]);
      visit(2 * static_cast<std::size_t>(k), impulse.x);
      visit(2 * static_cast<std::size_t>(k) + 1, impulse.y);
    }
  }

  // Calls `visit(i, number i of the state)` until it returns false; whether it never did.
  template <typename Visitor>
  bool Visit(Visitor visit) const {
    std::size_t i = 0;
    for (int32 k = 0; k < num_bodies_; ++k) {
      const b2Velocity& velocity = velocities_[k];
      if (!visit(i++, velocity.w) || !visit(i++, velocity.v.x) || !visit(i++, velocity.v.y)) {
        return false;
      }
    }
    for (int32 k = 0; k < num_joints_; ++k) {
      if (!visit(i++, Joint::Impulse(joints_[k]).z) ||
          !visit(i++, Joint::MotorImpulse(joints_[k]))) {
        return false;
      }
    }
    for (int32 k = 0; k < contacts_.m_count; ++k) {
      const b2ContactVelocityConstraint& contact = contacts_.m_velocityConstraints[k];
      for (int32 p = 0; p < contact.pointCount; ++p) {
        if (!visit(i++, contact.points[p].normalImpulse) ||
            !visit(i++, contact.points[p].tangentImpulse)) {
          return false;
        }
      }
    }
    return true;
  }

  int32 left_;
  const b2Velocity* velocities_;
  int32 num_bodies_;
  b2Joint* const* joints_;
  int32 num_joints_;
  const b2ContactSolver& contacts_;
  Phase phase_ = Phase::kPlain;
  int32 age_ =
      0;  // iterations since the state was remembered; the length of a round once it is known
  int32 num_recorded_ = 0;   // iterations of the round
  int32 num_additions_ = 0;  // to `impulses_`, at the end
  Impulses impulses_{};
  std::array<Impulses, kRound> additions_{};
  std::array<float, kMostNumbers> remembered_;
};

}  // namespace duet::envs
