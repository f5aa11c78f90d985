#include "distill/tasks/teacher.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <numeric>
#include <utility>

#include "core/archive.h"
#include "core/file.h"
#include "distill/ensemble.h"

namespace duet::tasks {
namespace {

constexpr std::int64_t kAnswerBatch = 256;
// Tables of answers above this are not made: the networks are asked again instead.
constexpr std::int64_t kMostTableBytes = std::int64_t{1} << 31;

// [M, N, C] of batches [B, D, H, W] that `batch` makes of rows [first, first + count).
template <typename MakeBatch>
Tensor LogitsOf(Classifier& classifier, std::int64_t samples, const MakeBatch& batch) {
  const c10::NoGradGuard no_grad;
  const std::int64_t members = classifier.members();
  Tensor logits = at::empty({members, samples, classifier.shape().num_classes},
                            classifier.parameters().options().requires_grad(false));
  for (std::int64_t first = 0; first < samples; first += kAnswerBatch) {
    const std::int64_t count = std::min(kAnswerBatch, samples - first);
    const Tensor images = batch(first, count).to(classifier.device());
    const Tensor answers =
        classifier.Forward(images.unsqueeze(0).expand({members, -1, -1, -1, -1}), Mode::kEvaluate)
            .logits;
    logits.slice(1, first, first + count).copy_(answers);
  }
  return logits;
}

Classifier Load(const TeacherModel& model, const TeacherOptions& options) {
  return LoadModel(model.folder.classifier(), model.epoch, model.seeds, options.shape,
                   options.device);
}

Tensor MeanLogits(const std::vector<Tensor>& logits) {
  if (logits.size() == 1) return logits.front();
  std::vector<distill::Answer> answers;
  for (const Tensor& each : logits) answers.push_back(distill::ClassifierAnswer(each));
  return distill::MeanProbability(answers).logits;
}

// Asks the networks about every batch.
class AskedTeacher : public Teacher {
 public:
  AskedTeacher(std::vector<Classifier> models, std::vector<std::string> layers)
      : models_(std::move(models)), layers_(std::move(layers)) {}

  distill::Answer Answer(const ImageBatch& batch) override {
    const c10::NoGradGuard no_grad;
    std::vector<distill::Answer> answers;
    for (Classifier& model : models_) {
      Classification each = model.Forward(batch.images, Mode::kEvaluate, layers_);
      answers.push_back(distill::ClassifierAnswer(each.logits, std::move(each.features)));
    }
    return answers.size() == 1 ? answers.front() : distill::MeanProbability(answers);
  }

 private:
  std::vector<Classifier> models_;
  std::vector<std::string> layers_;
};

// Has answered every view of every sample before.
class TableTeacher : public Teacher {
 public:
  // `tables` are [M, R, C], one for each of `views`.
  TableTeacher(const std::vector<Tensor>& tables, std::vector<std::int64_t> views)
      : samples_(tables.front().size(1)),
        views_(std::move(views)),
        table_(at::cat(tables, 1)),
        first_rows_(at::arange(table_.size(0), table_.options().dtype(at::kLong)).unsqueeze(1) *
                    table_.size(1)) {}

  distill::Answer Answer(const ImageBatch& batch) override {
    const c10::NoGradGuard no_grad;
    Tensor rows = batch.samples + first_rows_;
    for (std::size_t i = 1; i < views_.size(); ++i) {
      rows = rows + batch.views.eq(views_[i]) * (static_cast<std::int64_t>(i) * samples_);
    }
    const Tensor logits = table_.flatten(0, 1).index_select(0, rows.flatten());
    return distill::ClassifierAnswer(logits.view({rows.size(0), rows.size(1), -1}));
  }

 private:
  std::int64_t samples_;             // R, of the pool
  std::vector<std::int64_t> views_;  // codes, the plain image first
  Tensor table_;                     // [M, R * views, C]
  Tensor first_rows_;                // [M, 1] where each member's rows begin in the flat table
};

// The views that augmentation can make, where they are few; empty where they are many.
std::vector<std::int64_t> RepeatedViews(const AugmentationConfig& augmentation) {
  if (augmentation.crop_padding > 0 || augmentation.mixup_alpha > 0.0 ||
      augmentation.cutmix_alpha > 0.0) {
    return {};
  }
  if (!augmentation.flip) return {0};
  return {0, EncodeView({.flipped = true})};
}

// One model's answers to one view of the pool, from its folder where they are there.
Tensor StoredAnswers(const TeacherModel& model, std::int64_t view, const DataSplits& data,
                     const TeacherOptions& options) {
  const std::filesystem::path path =
      model.folder.outputs(fmt::format("{}_view_{}", EpochName(model.epoch), view));
  const std::vector<std::int64_t> all = ReadModelFacts(model.folder.classifier()).seeds;
  const auto members_of = [&](const Tensor& logits) {
    std::vector<Tensor> rows;
    for (const std::int64_t seed : model.seeds) {
      rows.push_back(logits[std::ranges::find(all, seed) - all.begin()]);
    }
    return at::stack(rows).to(options.device);
  };
  if (std::filesystem::exists(path)) {
    const core::ArchiveReader archive(path);
    if (archive.GetText("data") == options.data_fingerprint) {
      return members_of(agents::ReadTensor(archive, "logits"));
    }
  }
  Classifier classifier =
      LoadModel(model.folder.classifier(), model.epoch, all, options.shape, options.device);
  std::vector<Tensor> parts = {ViewLogits(classifier, data.train, view, data.normalization)};
  if (data.unlabelled.size() > 0) {
    parts.push_back(ViewLogits(classifier, data.unlabelled, view, data.normalization));
  }
  const Tensor logits = at::cat(parts, 1).cpu().contiguous();
  core::ArchiveWriter archive;
  archive.AddText("data", options.data_fingerprint);
  agents::SaveTensor(archive, "logits", logits);
  core::CreateFolder(path.parent_path());
  archive.Write(path);
  return members_of(logits);
}

}  // namespace

Tensor PlainLogits(Classifier& classifier, const ImageSet& set,
                   const Normalization& normalization) {
  return LogitsOf(classifier, set.size(), [&](std::int64_t first, std::int64_t count) {
    return PlainBatch(set, first, count, normalization);
  });
}

Tensor ViewLogits(Classifier& classifier, const ImageSet& set, std::int64_t view,
                  const Normalization& normalization) {
  return LogitsOf(classifier, set.size(), [&](std::int64_t first, std::int64_t count) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
    std::iota(rows.begin(), rows.end(), first);
    const std::vector<std::int64_t> views(rows.size(), view);
    return ViewBatch(set, rows, views, normalization);
  });
}

std::unique_ptr<Teacher> MakeTeacher(std::span<const TeacherModel> models, const DataSplits& data,
                                     const TeacherOptions& options) {
  const std::vector<std::int64_t> views = RepeatedViews(options.augmentation);
  const auto members = static_cast<std::int64_t>(models.front().seeds.size());
  const std::int64_t bytes = members * (data.train.size() + data.unlabelled.size()) *
                             options.shape.num_classes *
                             static_cast<std::int64_t>(views.size() * sizeof(float));
  if (options.layers.empty() && !views.empty() && bytes <= kMostTableBytes) {
    std::vector<Tensor> tables;
    for (const std::int64_t view : views) {
      std::vector<Tensor> logits;
      for (const TeacherModel& model : models) {
        logits.push_back(StoredAnswers(model, view, data, options));
      }
      tables.push_back(MeanLogits(logits));
    }
    return std::make_unique<TableTeacher>(tables, views);
  }
  std::vector<Classifier> classifiers;
  for (const TeacherModel& model : models) classifiers.push_back(Load(model, options));
  return std::make_unique<AskedTeacher>(std::move(classifiers), options.layers);
}

Tensor TeacherLogits(std::span<const TeacherModel> models, const ImageSet& set,
                     const Normalization& normalization, const TeacherOptions& options) {
  std::vector<Tensor> logits;
  for (const TeacherModel& model : models) {
    Classifier classifier = Load(model, options);
    logits.push_back(PlainLogits(classifier, set, normalization).cpu());
  }
  return MeanLogits(logits);
}

}  // namespace duet::tasks
