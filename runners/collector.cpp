#include "runners/collector.h"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <cstring>
#include <future>

#include "core/error.h"

namespace duet::runners {

Collector::Collector(agents::Agent& agent, LearnerEnvs& envs, CollectorOptions options)
    : agent_(agent),
      envs_(envs),
      overlaps_(options.overlap && !agent.on_policy()),
      observations_(envs.observations().begin(), envs.observations().end()),
      actions_(static_cast<std::size_t>(envs.size() * envs.action_size())),
      next_actions_(overlaps_ ? actions_.size() : 0) {
  if (!overlaps_ || !options.own_thread) return;
  thread_.emplace(1);
  boost::asio::post(*thread_, [device = agent.spec().device] { agents::UseOwnStream(device); });
}

void Collector::Act(agents::ActMode mode, std::span<float> actions) {
  agent_.Act(envs_.observations(), mode, actions);
}

void Collector::Observe() {
  agent_.Observe({.observations = observations_,
                  .actions = actions_,
                  .rewards = envs_.rewards(),
                  .final_observations = envs_.final_observations(),
                  .terminated = envs_.terminated(),
                  .truncated = envs_.truncated()});
  observations_.assign(envs_.observations().begin(), envs_.observations().end());
}

void Collector::Collect(agents::ActMode mode) {
  Act(mode, actions_);
  envs_.Step(actions_);
  Observe();
}

void Collector::CollectBeside(agents::ActMode mode, agents::ActMode next_mode,
                              const std::function<void()>& learn) {
  agent_.HoldPolicy();
  if (!have_next_actions_) Act(mode, next_actions_);
  have_next_actions_ = true;
  actions_.swap(next_actions_);
  const auto collect = [&] {
    envs_.Step(actions_);
    Act(next_mode, next_actions_);
  };
  if (!thread_) {
    collect();
    learn();
    return Observe();
  }
  std::future<void> collected = boost::asio::post(*thread_, boost::asio::use_future(collect));
  try {
    learn();
  } catch (...) {
    collected.wait();  // it uses what would be gone
    throw;
  }
  collected.get();
  Observe();
}

void Collector::Save(core::ArchiveWriter& archive) const {
  archive.AddBytes("environments", envs_.SaveState());
  archive.AddNumber("overlaps", overlaps_ ? 1 : 0);
  if (!have_next_actions_) return;
  archive.AddArray("next_actions", core::ElementType::kFloat32,
                   {static_cast<std::int64_t>(next_actions_.size())},
                   std::as_bytes(std::span(next_actions_)));
}

void Collector::Load(const core::ArchiveReader& archive) {
  if ((archive.GetNumber("overlaps") != 0) != overlaps_) {
    throw IoError(fmt::format("{}: is of a run with training.overlap = {}; allowed is the same",
                              archive.path().string(), !overlaps_));
  }
  envs_.LoadState(archive.GetBytes("environments"));
  observations_.assign(envs_.observations().begin(), envs_.observations().end());
  have_next_actions_ = archive.Has("next_actions");
  if (!have_next_actions_) return;
  const auto bytes = archive.GetArray("next_actions").bytes;
  if (bytes.size() != next_actions_.size() * sizeof(float)) {
    throw IoError(fmt::format("{}: \"next_actions\" has {} bytes; this run needs {}",
                              archive.path().string(), bytes.size(),
                              next_actions_.size() * sizeof(float)));
  }
  std::memcpy(next_actions_.data(), bytes.data(), bytes.size());
}

}  // namespace duet::runners
