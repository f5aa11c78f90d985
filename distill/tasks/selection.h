// Early stopping after the fact: the epoch at which each seed was best on validation.
#pragma once

#include <cstdint>
#include <vector>

#include "core/archive.h"
#include "distill/tasks/model_files.h"

namespace duet::tasks {

class Selection {
 public:
  // Nothing is chosen yet; `state` is of the network's sizes.
  explicit Selection(ModelState state);

  // Takes over the members whose validation accuracy, [M], is above all that they had: the earliest
  // of equals stays.
  void Offer(const Tensor& accuracy, std::int64_t epoch, const ModelState& state);

  const ModelState& state() const { return state_; }
  std::vector<std::int64_t> epochs() const;  // per member

  // Load throws IoError.
  void Save(core::ArchiveWriter& archive) const;
  void Load(const core::ArchiveReader& archive);

 private:
  ModelState state_;
  Tensor best_;    // [M] validation accuracy
  Tensor epochs_;  // [M]
};

}  // namespace duet::tasks
