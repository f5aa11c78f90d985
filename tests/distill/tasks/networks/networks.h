// What the tests of networks share.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agents/members.h"
#include "core/archive.h"
#include "distill/tasks/networks/classifier.h"
#include "tests/support/temp_folder.h"

namespace duet::tasks {

inline constexpr ImageShape kSmallImages = {
    .channels = 3, .height = 12, .width = 12, .num_classes = 4};

// Classifiers whose member m starts by seeds[m] alone.
inline Classifier MakeClassifier(const NetworkConfig& config, const ImageShape& shape,
                                 const std::vector<std::uint64_t>& seeds,
                                 at::ScalarType type = at::kFloat) {
  Classifier classifier(config, shape, static_cast<std::int64_t>(seeds.size()), at::kCPU, type);
  std::vector<core::Rng> rngs = agents::MemberStreams(seeds, "network");
  classifier.Initialize(rngs);
  return classifier;
}

// Images [M, B, D, H, W] of each member by its seed alone.
inline Tensor SomeImages(const ImageShape& shape, std::int64_t batch,
                         const std::vector<std::uint64_t>& seeds) {
  std::vector<core::Rng> rngs = agents::MemberStreams(seeds, "images");
  return agents::DrawNormal(
      rngs,
      {static_cast<std::int64_t>(seeds.size()), batch, shape.channels, shape.height, shape.width},
      at::kCPU);
}

// What `save` wrote into an archive, read back from a file.
template <typename Save>
std::unique_ptr<core::ArchiveReader> Written(const Save& save) {
  const support::TempFolder folder;
  core::ArchiveWriter writer;
  save(writer);
  writer.Write(folder / "archive");
  return std::make_unique<core::ArchiveReader>(folder / "archive");
}

inline double LargestDifference(const Tensor& a, const Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace duet::tasks
