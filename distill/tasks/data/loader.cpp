#include "distill/tasks/data/loader.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "core/error.h"

namespace duet::tasks {
namespace {

// Fewer numbers are written sooner by one thread, at about a millisecond a million, than another
// one wakes up where cores are busy.
constexpr std::int64_t kFloatsPerTask = 1 << 20;
constexpr std::int64_t kNobody = -1;

std::int64_t ImagesPerTask(const ViewWriter& writer) {
  return std::max<std::int64_t>(kFloatsPerTask / writer.floats(), 1);
}

std::int64_t RoundedShare(std::int64_t count, double share) {
  return std::llround(static_cast<double>(count) * share);
}

void CheckConfig(const LoaderConfig& config, const ImageSet& labelled, const ImageSet* unlabelled) {
  const std::int64_t size = config.batch_size,
                     without = RoundedShare(size, config.unlabelled_share);
  const double share = config.unlabelled_share;
  if (size < 1 || !(share >= 0.0 && share <= 1.0)) {
    throw std::invalid_argument("a batch has at least one sample, and a share is in [0, 1]");
  }
  if ((share > 0.0 && without == 0) || (share < 1.0 && without == size)) {
    throw ConfigError(
        fmt::format("unlabelled_share = {} of batch_size = {} leaves no whole sample on one side",
                    share, size));
  }
  if (without > 0 && (unlabelled == nullptr || unlabelled->size() == 0)) {
    throw ConfigError(
        fmt::format("unlabelled_share = {}, but the data has no unlabelled samples", share));
  }
  if (without < size && labelled.size() == 0) throw ConfigError(labelled.name + ": no samples");
  if (without > 0 && unlabelled->pixels.sizes().slice(1) != labelled.pixels.sizes().slice(1)) {
    throw std::invalid_argument("unlabelled images have another shape than the labelled ones");
  }
}

// Whom each of the samples [first, first + count) of a batch is mixed with: a permutation of the
// first `portion` of them, kNobody for the rest.
void DrawPartners(std::int64_t first, std::int64_t count, double portion, core::Rng& rng,
                  std::vector<std::int64_t>& partners) {
  const auto mixed = static_cast<std::int64_t>(portion * static_cast<double>(count));
  const std::size_t begin = partners.size();
  for (std::int64_t i = 0; i < count; ++i) partners.push_back(i < mixed ? first + i : kNobody);
  for (std::int64_t i = mixed - 1; i > 0; --i) {
    std::swap(partners[begin + static_cast<std::size_t>(i)],
              partners[begin + static_cast<std::size_t>(rng.Index(i + 1))]);
  }
}

void Blend(const float* first, const float* second, double share, std::int64_t count, float* out) {
  const auto one = static_cast<float>(share), other = static_cast<float>(1.0 - share);
  for (std::int64_t i = 0; i < count; ++i) out[i] = one * first[i] + other * second[i];
}

// Pastes the box of `second`, an image [D, H, W], into `out`.
void Paste(const Mix& mix, const float* second, at::IntArrayRef image, float* out) {
  for (std::int64_t d = 0; d < image[0]; ++d) {
    for (std::int64_t y = mix.top; y < mix.bottom; ++y) {
      const std::int64_t row = (d * image[1] + y) * image[2];
      std::copy(second + row + mix.left, second + row + mix.right, out + row + mix.left);
    }
  }
}

}  // namespace

struct Loader::Draws {
  std::vector<std::int64_t> samples;  // as ImageBatch::samples
  std::vector<View> views;
  Mix mix;
  std::vector<std::int64_t> partners;  // places in the batch or kNobody; empty without mixing
};

Loader::Loader(const ImageSet& labelled, const ImageSet* unlabelled,
               const Normalization& normalization, const LoaderConfig& config,
               std::vector<std::uint64_t> member_seeds, at::Device device)
    : labelled_(labelled), config_(config), seeds_(std::move(member_seeds)), device_(device) {
  CheckConfig(config, labelled, unlabelled);
  if (unlabelled != nullptr) unlabelled_ = *unlabelled;
  unlabelled_per_batch_ = RoundedShare(config.batch_size, config.unlabelled_share);
  labelled_per_batch_ = config.batch_size - unlabelled_per_batch_;
  const bool by_labelled = labelled_per_batch_ > 0;
  const std::int64_t pool = by_labelled ? labelled_.size() : unlabelled_.size();
  const std::int64_t step = by_labelled ? labelled_per_batch_ : unlabelled_per_batch_;
  batches_per_epoch_ = config.drop_last ? pool / step : (pool + step - 1) / step;
  if (batches_per_epoch_ == 0) {
    throw ConfigError(fmt::format("{}: {} samples do not fill a batch of {}, and drop_last is set",
                                  labelled_.name, pool, config.batch_size));
  }
  for (std::int64_t b = 0; by_labelled && b < batches_per_epoch_; ++b) {
    unlabelled_per_epoch_ += UnlabelledIn(b);
  }
  if (!by_labelled) unlabelled_per_epoch_ = pool;
  writers_.emplace_back(labelled_, normalization);
  if (unlabelled_per_batch_ > 0) writers_.emplace_back(unlabelled_, normalization);
  for (const std::uint64_t seed : seeds_) {
    labelled_order_.emplace_back(seed, "batches", labelled_.size());
    unlabelled_order_.emplace_back(seed, "unlabelled batches", unlabelled_.size());
  }
}

std::int64_t Loader::LabelledIn(std::int64_t batch) const {
  if (labelled_per_batch_ == 0) return 0;
  return std::min(labelled_per_batch_, labelled_.size() - batch * labelled_per_batch_);
}

// As many for each labelled sample as in a full batch.
std::int64_t Loader::UnlabelledIn(std::int64_t batch) const {
  if (labelled_per_batch_ == 0) {
    return std::min(unlabelled_per_batch_, unlabelled_.size() - batch * unlabelled_per_batch_);
  }
  return RoundedShare(LabelledIn(batch), static_cast<double>(unlabelled_per_batch_) /
                                             static_cast<double>(labelled_per_batch_));
}

Loader::Draws Loader::DrawBatch(std::size_t member) {
  Draws draws;
  const std::int64_t labelled = LabelledIn(batch_);
  const std::int64_t unlabelled = UnlabelledIn(batch_);
  const std::int64_t first_labelled = epoch_ * labelled_.size() + batch_ * labelled_per_batch_;
  const std::int64_t first_unlabelled =
      epoch_ * unlabelled_per_epoch_ + batch_ * unlabelled_per_batch_;
  for (std::int64_t i = 0; i < labelled; ++i) {
    draws.samples.push_back(labelled_order_[member].At(first_labelled + i));
  }
  for (std::int64_t i = 0; i < unlabelled; ++i) {
    draws.samples.push_back(labelled_.size() + unlabelled_order_[member].At(first_unlabelled + i));
  }
  const auto number = static_cast<std::uint64_t>(epoch_ * batches_per_epoch_ + batch_);
  core::Rng views(core::SplitSeed(seeds_[member], "augmentation", number));
  for (std::size_t i = 0; i < draws.samples.size(); ++i) {
    draws.views.push_back(DrawView(config_.augmentation, views));
  }
  core::Rng mixing(core::SplitSeed(seeds_[member], "mixing", number));
  draws.mix = DrawMix(config_.augmentation, labelled_.height(), labelled_.width(), mixing);
  if (draws.mix.active) {
    const double portion = config_.augmentation.mixup_portion;
    DrawPartners(0, labelled, portion, mixing, draws.partners);
    DrawPartners(labelled, unlabelled, portion, mixing, draws.partners);
  }
  return draws;
}

void Loader::WriteViews(const std::vector<Draws>& draws, float* out) const {
  const auto batch = static_cast<std::int64_t>(draws.front().samples.size());
  const std::int64_t floats = writers_.front().floats();
  const auto write = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t image = begin; image < end; ++image) {
      const Draws& member = draws[static_cast<std::size_t>(image / batch)];
      const auto place = static_cast<std::size_t>(image % batch);
      const std::int64_t sample = member.samples[place], row = sample - labelled_.size();
      const ViewWriter& writer = row < 0 ? writers_.front() : writers_.back();
      writer.Write(row < 0 ? sample : row, member.views[place], out + image * floats);
    }
  };
  at::parallel_for(0, static_cast<std::int64_t>(draws.size()) * batch,
                   ImagesPerTask(writers_.front()), write);
}

void Loader::WriteMixed(const std::vector<Draws>& draws, const float* views, float* out) const {
  const auto batch = static_cast<std::int64_t>(draws.front().samples.size());
  const std::int64_t floats = writers_.front().floats();
  const auto write = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t image = begin; image < end; ++image) {
      const Draws& member = draws[static_cast<std::size_t>(image / batch)];
      const std::int64_t place = image % batch;
      const std::int64_t partner = member.partners[static_cast<std::size_t>(place)];
      const float* first = views + image * floats;
      const float* second = views + (image - place + partner) * floats;
      if (partner == kNobody || member.mix.box) std::copy_n(first, floats, out + image * floats);
      if (partner == kNobody) continue;
      if (member.mix.box) {
        Paste(member.mix, second, labelled_.pixels.sizes().slice(1), out + image * floats);
      } else {
        Blend(first, second, member.mix.share, floats, out + image * floats);
      }
    }
  };
  at::parallel_for(0, static_cast<std::int64_t>(draws.size()) * batch,
                   ImagesPerTask(writers_.front()), write);
}

ImageBatch Loader::Describe(const std::vector<Draws>& draws) const {
  const auto members = static_cast<std::int64_t>(draws.size());
  const auto batch = static_cast<std::int64_t>(draws.front().samples.size());
  const at::TensorOptions host = at::TensorOptions().pinned_memory(device_.is_cuda());
  ImageBatch out;
  for (Tensor* numbers : {&out.labels, &out.samples, &out.views}) {
    *numbers = at::empty({members, batch}, host.dtype(at::kLong));
  }
  auto* labels = out.labels.mutable_data_ptr<std::int64_t>();
  auto* samples = out.samples.mutable_data_ptr<std::int64_t>();
  auto* views = out.views.mutable_data_ptr<std::int64_t>();
  const auto* known = labelled_.labels.const_data_ptr<std::int64_t>();
  for (const Draws& member : draws) {
    for (std::size_t i = 0; i < member.samples.size(); ++i) {
      const bool mixed = member.mix.active && member.partners[i] != kNobody;
      *samples++ = member.samples[i];
      *labels++ = member.samples[i] < labelled_.size() ? known[member.samples[i]] : kUnlabelled;
      *views++ = mixed ? kMixedView : EncodeView(member.views[i]);
    }
  }
  return out;
}

void Loader::DescribeMixing(const std::vector<Draws>& draws, ImageBatch& out) const {
  const at::TensorOptions host = at::TensorOptions().pinned_memory(device_.is_cuda());
  out.mixed_labels = at::empty(out.labels.sizes(), host.dtype(at::kLong));
  out.mix_share = at::empty({out.labels.size(0)}, host.dtype(at::kFloat));
  const auto* labels = out.labels.const_data_ptr<std::int64_t>();
  auto* mixed = out.mixed_labels.mutable_data_ptr<std::int64_t>();
  auto* share = out.mix_share.mutable_data_ptr<float>();
  for (const Draws& member : draws) {
    const auto batch = static_cast<std::int64_t>(member.partners.size());
    for (std::int64_t i = 0; i < batch; ++i) {
      const std::int64_t partner = member.partners[static_cast<std::size_t>(i)];
      mixed[i] = labels[partner == kNobody ? i : partner];
    }
    *share++ = static_cast<float>(member.mix.share);
    labels += batch;
    mixed += batch;
  }
}

bool Loader::Next(ImageBatch& out) {
  if (batch_ == batches_per_epoch_) return false;
  std::vector<Draws> draws;
  for (std::size_t m = 0; m < seeds_.size(); ++m) draws.push_back(DrawBatch(m));
  out = Describe(draws);
  out.num_labelled = LabelledIn(batch_);
  const at::TensorOptions floats =
      at::TensorOptions().dtype(at::kFloat).pinned_memory(device_.is_cuda());
  const std::vector<std::int64_t> shape = {members(), out.labels.size(1), labelled_.channels(),
                                           labelled_.height(), labelled_.width()};
  out.images = at::empty(shape, floats);
  WriteViews(draws, out.images.mutable_data_ptr<float>());
  if (draws.front().mix.active) {
    DescribeMixing(draws, out);
    const Tensor views = std::exchange(out.images, at::empty(shape, floats));
    WriteMixed(draws, views.const_data_ptr<float>(), out.images.mutable_data_ptr<float>());
  }
  for (Tensor* tensor :
       {&out.images, &out.labels, &out.samples, &out.views, &out.mixed_labels, &out.mix_share}) {
    if (tensor->defined()) *tensor = tensor->to(device_, /*non_blocking=*/true);
  }
  ++batch_;
  return true;
}

void Loader::StartEpoch() {
  ++epoch_;
  batch_ = 0;
}

void Loader::Save(core::ArchiveWriter& archive, const std::string& name) const {
  archive.AddNumber(name + ".epoch", epoch_);
  archive.AddNumber(name + ".batch", batch_);
}

void Loader::Load(const core::ArchiveReader& archive, const std::string& name) {
  const std::int64_t epoch = archive.GetNumber(name + ".epoch");
  const std::int64_t batch = archive.GetNumber(name + ".batch");
  if (epoch < 0 || batch < 0 || batch > batches_per_epoch_) {
    throw IoError(fmt::format("{}: {} is at batch {} of epoch {}; an epoch has {} batches",
                              archive.path().string(), name, batch, epoch, batches_per_epoch_));
  }
  epoch_ = epoch;
  batch_ = batch;
}

Tensor ViewBatch(const ImageSet& set, std::span<const std::int64_t> rows,
                 std::span<const std::int64_t> views, const Normalization& normalization) {
  if (rows.size() != views.size()) throw std::invalid_argument("one view for each row");
  for (const std::int64_t row : rows) {
    if (row < 0 || row >= set.size()) {
      throw std::out_of_range(fmt::format("{}: no row {} of {}", set.name, row, set.size()));
    }
  }
  const ViewWriter writer(set, normalization);
  const auto count = static_cast<std::int64_t>(rows.size());
  Tensor images = at::empty({count, set.channels(), set.height(), set.width()}, at::kFloat);
  auto* out = images.mutable_data_ptr<float>();
  at::parallel_for(0, count, ImagesPerTask(writer), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto place = static_cast<std::size_t>(i);
      writer.Write(rows[place], DecodeView(views[place]), out + i * writer.floats());
    }
  });
  return images;
}

Tensor PlainBatch(const ImageSet& set, std::int64_t first, std::int64_t count,
                  const Normalization& normalization) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), first);
  return ViewBatch(set, rows, std::vector<std::int64_t>(rows.size(), 0), normalization);
}

}  // namespace duet::tasks
