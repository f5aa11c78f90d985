// Batches of images, normalised and augmented, for all members at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/archive.h"
#include "distill/tasks/data/augmentation.h"
#include "distill/tasks/data/endless_order.h"
#include "distill/tasks/data/image_set.h"
#include "distill/tasks/data/normalization.h"
#include "distill/tasks/data/view_writer.h"

namespace duet::tasks {

// The label of a sample that has none.
inline constexpr std::int64_t kUnlabelled = -1;
// The view of an image that was mixed with another one: it will not come again.
inline constexpr std::int64_t kMixedView = -1;

// Batches of all members, on the loader's device. The labelled samples of a batch come first.
struct ImageBatch {
  Tensor images;  // [M, B, D, H, W] float32, normalised
  Tensor labels;  // [M, B] int64, kUnlabelled for unlabelled samples
  Tensor
      samples;  // [M, B] int64: row of the labelled set, or its size plus the row of the unlabelled
  Tensor views;  // [M, B] int64: EncodeView of what was drawn, 0: the plain image, kMixedView
  std::int64_t num_labelled = 0;  // of each member's samples, the first ones
  // MixUp and CutMix, undefined without: the label of the other image [M, B] int64, the sample's
  // own where it was not mixed, and the share of the first image [M] float32, one draw for a batch.
  // A labelled sample is mixed with a labelled one, an unlabelled one with an unlabelled one.
  Tensor mixed_labels;
  Tensor mix_share;
};

struct LoaderConfig {
  std::int64_t batch_size = 128;
  double unlabelled_share = 0.0;  // of every batch, in [0, 1]; rounded to whole samples
  AugmentationConfig augmentation = {};
  bool drop_last = false;  // leave out a last batch that is not full
};

// Epochs of shuffled batches. An epoch is once over the labelled samples (over the unlabelled ones
// where no sample of a batch is labelled); unlabelled samples come in rounds of their own. A batch
// depends on the member's seed, the epoch and the batch's number alone: not on the other members,
// not on threads, and not on the batches before.
class Loader {
 public:
  // `unlabelled` may be null; its images must have the labelled ones' shape. Seeds are those of the
  // members; streams are split off them. Throws ConfigError where the share asks for unlabelled
  // samples and there are none, or where no batch would be full and drop_last is set.
  Loader(const ImageSet& labelled, const ImageSet* unlabelled, const Normalization& normalization,
         const LoaderConfig& config, std::vector<std::uint64_t> member_seeds, at::Device device);

  std::int64_t batches_per_epoch() const { return batches_per_epoch_; }
  std::int64_t members() const { return static_cast<std::int64_t>(seeds_.size()); }
  std::int64_t epoch() const { return epoch_; }  // counted from 0
  std::int64_t batch() const {
    return batch_;
  }  // what Next gives next, in [0, batches_per_epoch()]

  // Fills `out` with new tensors and returns true, or false at the end of the epoch. Copies to a
  // GPU are queued, not waited for.
  bool Next(ImageBatch& out);
  // Goes on to the first batch of the next epoch, also from amid an epoch.
  void StartEpoch();

  // The place in the sequence of batches. Load throws IoError where there is none in the archive.
  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  struct Draws;  // what one member's batch is made of

  std::int64_t LabelledIn(std::int64_t batch) const;
  std::int64_t UnlabelledIn(std::int64_t batch) const;
  Draws DrawBatch(std::size_t member);
  void WriteViews(const std::vector<Draws>& draws, float* out) const;
  void WriteMixed(const std::vector<Draws>& draws, const float* views, float* out) const;
  ImageBatch Describe(const std::vector<Draws>& draws) const;
  void DescribeMixing(const std::vector<Draws>& draws, ImageBatch& out) const;

  ImageSet labelled_;
  ImageSet unlabelled_;
  LoaderConfig config_;
  std::vector<std::uint64_t> seeds_;
  at::Device device_;
  std::vector<ViewWriter> writers_;  // of the labelled and, if any, the unlabelled images
  std::int64_t unlabelled_per_batch_ = 0;
  std::int64_t labelled_per_batch_ = 0;
  std::int64_t batches_per_epoch_ = 0;
  std::int64_t unlabelled_per_epoch_ = 0;
  std::vector<EndlessOrder> labelled_order_;    // one for each member
  std::vector<EndlessOrder> unlabelled_order_;  // one for each member
  std::int64_t epoch_ = 0;
  std::int64_t batch_ = 0;
};

// Views of samples as the loader makes them, [B, D, H, W] float32 on the host: for what a teacher
// answers to them. One view code for each row.
Tensor ViewBatch(const ImageSet& set, std::span<const std::int64_t> rows,
                 std::span<const std::int64_t> views, const Normalization& normalization);

// The plain images of rows [first, first + count), for evaluation.
Tensor PlainBatch(const ImageSet& set, std::int64_t first, std::int64_t count,
                  const Normalization& normalization);

}  // namespace duet::tasks
