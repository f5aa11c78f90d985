#include "distill/tasks/model_training.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "agents/members.h"
#include "core/error.h"
#include "distill/tasks/compression.h"
#include "distill/tasks/guide.h"
#include "distill/tasks/loss_terms.h"
#include "distill/tasks/metrics.h"
#include "distill/tasks/optimizer.h"
#include "distill/tasks/selection.h"

namespace duet::tasks {
namespace {

using agents::Numbers;

// Sums that a guide adds: help, help on mistakes, mistakes, use of the budget.
constexpr std::size_t kGuideSums = 4;

// The part of the training split that the model learns from: its first row and how many.
std::pair<std::int64_t, std::int64_t> PartOf(const ModelConfig& model, const ImageSet& train) {
  const auto row = [&](double share) {
    return static_cast<std::int64_t>(std::llround(share * static_cast<double>(train.size())));
  };
  const std::int64_t first = row(model.train_from);
  const std::int64_t count = row(model.train_to) - first;
  if (count > 0) return {first, count};
  throw ConfigError(
      fmt::format("model \"{}\": train_from = {} to train_to = {} are no samples of {}; allowed is "
                  "a larger part",
                  model.name, model.train_from, model.train_to, train.size()));
}

ImageSet Rows(const ImageSet& set, std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) rows[static_cast<std::size_t>(i)] = first + i;
  return Subset(set, rows);
}

}  // namespace

std::vector<std::uint64_t> MemberSeeds(const std::vector<std::int64_t>& seeds,
                                       const ModelConfig& model) {
  const std::string& name = model.seed_as.empty() ? model.name : model.seed_as;
  std::vector<std::uint64_t> member_seeds;
  for (const std::int64_t seed : seeds) {
    member_seeds.push_back(core::SplitSeed(static_cast<std::uint64_t>(seed), "model/" + name));
  }
  return member_seeds;
}

std::vector<std::string> TeacherLayersOf(const ModelConfig& model) {
  LayerList layers;
  if (model.guide) layers.Add(model.guide->layer);
  for (const TermConfig& term : model.rules) {
    for (const std::string& layer : term.teacher_layers) layers.Add(layer);
  }
  return layers.names();
}

ImageShape ShapeOf(const ImageSet& set) {
  return {.channels = set.channels(),
          .height = set.height(),
          .width = set.width(),
          .num_classes = set.num_classes};
}

class ModelTraining::Impl {
 public:
  Impl(const ModelConfig& model, TrainingInputs inputs)
      : model_(model),
        inputs_(std::move(inputs)),
        part_(PartOf(model, inputs_.data.train)),
        labelled_set_(Rows(inputs_.data.train, part_.first, part_.second)),
        classifier_(model.network, ShapeOf(inputs_.data.train), members(), inputs_.device),
        terms_(model, classifier_, inputs_.teacher_layers, inputs_.member_seeds),
        targets_(model.targets, inputs_.member_seeds),
        loader_(MakeLoader()),
        own_teacher_(model.teachers.size() == 1 && model.teachers.front() == kOwnAverage) {
    Start();
    optimizers_.emplace_back(model.training, classifier_.parameters());
    for (const Tensor& leaf : terms_.parameters()) optimizers_.emplace_back(model.training, leaf);
    if (model.guide) {
      guide_.emplace(*model.guide, model.training, inputs_.teacher_layers.at(model.guide->layer),
                     classifier_.shape().num_classes, inputs_.member_seeds, inputs_.device);
      guide_passes_left_ = model.guide->warmup_passes;
    }
    if (own_teacher_ || targets_.needs_average())
      average_ = classifier_.parameters().detach().clone();
    const auto options = classifier_.parameters().options().requires_grad(false);
    // Whole loss, labels' loss, the terms' losses or what a guide does, right answers.
    const std::size_t terms = guide_ ? kGuideSums : model.rules.size();
    sums_ =
        at::zeros({3 + static_cast<std::int64_t>(terms), members()}, options.dtype(at::kDouble));
    selection_.emplace(Copy());
  }

  bool Step() {
    ImageBatch batch;
    if (!loader_.Next(batch)) {
      if (guide_passes_left_ == 0) return false;
      --guide_passes_left_;
      loader_.StartEpoch();
      loader_.Next(batch);
    }
    MoveToPool(batch);
    if (guide_passes_left_ > 0) {
      TeachGuide(batch);
      ++guide_steps_;
    } else {
      Learn(batch);
      ++steps_;
    }
    images_ += batch.labels.numel();
    return true;
  }

  EpochValues FinishEpoch() {
    EpochValues values = TakeSums();
    const double epoch = static_cast<double>(epoch_);
    values["learning_rate"] = std::vector<double>(MemberCount(), RateAt(epoch));
    ++epoch_;
    if (epoch_ % model_.training.evaluate_every == 0 || done()) Evaluate(values);
    if (done()) return values;
    loader_.StartEpoch();
    if (guide_ && epoch_ % model_.guide->student_passes == 0) {
      guide_passes_left_ = model_.guide->guide_passes;
    }
    return values;
  }

  std::vector<std::string> value_names() const {
    std::vector<std::string> names = {"train_loss", "label_loss"};
    for (const std::string& name : terms_.names()) names.push_back(name + "_loss");
    if (guide_) {
      names.insert(names.end(), {"help", "help_on_mistakes", "help_on_hits", "budget_use"});
    }
    names.insert(names.end(), {"batch_accuracy", "learning_rate"});
    for (const auto& [name, set] : Evaluated()) {
      names.push_back(fmt::format("{}_accuracy", name));
      names.push_back(fmt::format("{}_nll", name));
    }
    return names;
  }

  bool done() const { return epoch_ >= model_.training.epochs; }
  std::int64_t epoch() const { return epoch_; }
  std::int64_t num_steps() const { return steps_ + guide_steps_; }
  std::int64_t num_images() const { return images_; }
  double fraction() const {
    if (model_.training.epochs == 0) return 1.0;
    return static_cast<double>(steps_ + guide_steps_) /
           static_cast<double>(loader_.batches_per_epoch() *
                               (model_.training.epochs + GuidePasses()));
  }

  const Classifier& classifier() const { return classifier_; }
  std::vector<double> sizes() const { return compression_->Sizes(InUse()); }
  ModelState last() const { return Copy(); }
  ModelState selected() const { return chose() ? selection_->state() : Copy(); }
  std::vector<std::int64_t> selected_epochs() const {
    return chose() ? selection_->epochs() : std::vector<std::int64_t>(MemberCount(), epoch_);
  }

  void Save(core::ArchiveWriter& archive) const {
    classifier_.Save(archive, "student");
    for (std::size_t i = 0; i < optimizers_.size(); ++i) {
      optimizers_[i].Save(archive, fmt::format("optimizer{}", i));
    }
    if (guide_) guide_->Save(archive);
    terms_.Save(archive);
    targets_.Save(archive, "targets");
    loader_.Save(archive, "loader");
    selection_->Save(archive);
    agents::SaveTensor(archive, "sums", sums_);
    if (average_.defined()) agents::SaveTensor(archive, "average", average_);
    archive.AddNumber("epoch", epoch_);
    archive.AddNumber("steps", steps_);
    archive.AddNumber("guide_steps", guide_steps_);
    archive.AddNumber("guide_passes_left", guide_passes_left_);
    archive.AddNumber("images", images_);
    archive.AddNumber("samples", samples_);
    archive.AddNumber("labelled_samples", labelled_samples_);
  }

  void Load(const core::ArchiveReader& archive) {
    const c10::NoGradGuard no_grad;
    classifier_.Load(archive, "student");
    for (std::size_t i = 0; i < optimizers_.size(); ++i) {
      optimizers_[i].Load(archive, fmt::format("optimizer{}", i));
    }
    if (guide_) guide_->Load(archive);
    terms_.Load(archive);
    targets_.Load(archive, "targets");
    loader_.Load(archive, "loader");
    selection_->Load(archive);
    agents::LoadTensor(archive, "sums", sums_);
    if (average_.defined()) agents::LoadTensor(archive, "average", average_);
    epoch_ = archive.GetNumber("epoch");
    steps_ = archive.GetNumber("steps");
    guide_steps_ = archive.GetNumber("guide_steps");
    guide_passes_left_ = archive.GetNumber("guide_passes_left");
    images_ = archive.GetNumber("images");
    samples_ = archive.GetNumber("samples");
    labelled_samples_ = archive.GetNumber("labelled_samples");
  }

 private:
  std::int64_t members() const { return static_cast<std::int64_t>(inputs_.member_seeds.size()); }
  std::size_t MemberCount() const { return inputs_.member_seeds.size(); }
  bool chose() const { return chooses() && epoch_ > 0; }
  bool chooses() const { return inputs_.data.validation.size() > 0; }

  Loader MakeLoader() const {
    const ImageSet& unlabelled = inputs_.data.unlabelled;
    return Loader(labelled_set_, unlabelled.size() > 0 ? &unlabelled : nullptr,
                  inputs_.data.normalization,
                  {.batch_size = model_.training.batch_size,
                   .unlabelled_share = model_.unlabelled_share,
                   .augmentation = model_.augmentation},
                  inputs_.member_seeds, inputs_.device);
  }

  // The parameters as they are used, without gradient.
  Tensor InUse() const {
    const c10::NoGradGuard no_grad;
    return compression_->InUse(classifier_.parameters().detach());
  }

  ModelState Copy() const { return {InUse().clone(), classifier_.buffers().clone()}; }

  // Random parameters, moved towards those of another model: theta = share * theirs + (1 - share) *
  // random, parameters and statistics alike, and then statistics of the mixture itself
  // (arXiv:2106.05945, section 5.2, as in its code).
  void Start() {
    std::vector<core::Rng> rngs = agents::MemberStreams(inputs_.member_seeds, "parameters");
    classifier_.Initialize(rngs);
    if (inputs_.start.parameters.defined()) MoveTowardsStart();
    compression_.emplace(
        model_.compression, classifier_.layout(),
        inputs_.mask_source.defined() ? inputs_.mask_source : classifier_.parameters().detach());
    compression_->Prune(classifier_.parameters());
  }

  void MoveTowardsStart() {
    const c10::NoGradGuard no_grad;
    classifier_.parameters().lerp_(inputs_.start.parameters, model_.start.share);
    classifier_.buffers().lerp_(inputs_.start.buffers, model_.start.share);
    if (classifier_.buffers().size(1) > 0 && model_.start.share < 1.0) RefreshStatistics();
  }

  void RefreshStatistics() {
    std::int64_t first = 0;
    classifier_.RefreshStatistics([&]() -> Tensor {
      if (first >= labelled_set_.size()) return {};
      const std::int64_t count = std::min(model_.training.batch_size, labelled_set_.size() - first);
      const Tensor images =
          PlainBatch(labelled_set_, first, count, inputs_.data.normalization).to(inputs_.device);
      first += count;
      return images.unsqueeze(0).expand({members(), -1, -1, -1, -1});
    });
  }

  // Counts the samples in the whole pool, as teachers do.
  void MoveToPool(ImageBatch& batch) const {
    const std::int64_t whole = inputs_.data.train.size();
    if (part_.second == whole) return;
    batch.samples = at::where(batch.samples < part_.second, batch.samples + part_.first,
                              batch.samples - part_.second + whole);
  }

  double RateAt(double epoch) const {
    const LearningRateConfig& config = model_.training.rate;
    double rate = LearningRateAt(config, epoch, model_.training.epochs);
    if (inputs_.start.parameters.defined() && model_.start.scale_learning_rate) {
      rate = std::max(rate * (1.0 - model_.start.share), config.final_learning_rate);
    }
    return rate;
  }

  // What the moving average of the parameters answers, in training mode as in the code of
  // arXiv:2006.05065; the running statistics stay the student's.
  Classification AverageAnswer(const Tensor& images) {
    const c10::NoGradGuard no_grad;
    const Tensor kept = classifier_.buffers().clone();
    Classification answer =
        classifier_.ForwardWith(average_, images, Mode::kTrain, TeacherLayersOf(model_));
    classifier_.buffers().copy_(kept);
    return answer;
  }

  void Learn(const ImageBatch& batch) {
    const std::int64_t size = batch.labels.size(1);
    const std::int64_t labelled = batch.num_labelled;
    const double epoch =
        static_cast<double>(steps_) / static_cast<double>(loader_.batches_per_epoch());
    const TrainingPlace place{.epoch = epoch,
                              .progress = epoch / static_cast<double>(model_.training.epochs)};

    std::optional<Classification> average;
    if (average_.defined()) average = AverageAnswer(batch.images);
    Classification answer =
        classifier_.ForwardWith(compression_->InUse(classifier_.parameters()), batch.images,
                                Mode::kTrain, terms_.student_layers());
    if (guide_) return LearnWithHelp(batch, answer.logits, epoch);
    const distill::Answer student =
        distill::ClassifierAnswer(answer.logits, std::move(answer.features));
    Tensor loss = at::zeros({members()}, answer.logits.options().requires_grad(false));
    Tensor label_sum = loss;
    if (labelled > 0 && model_.label_weight > 0.0) {
      label_sum = LabelLosses(batch, answer.logits, average).sum(1);
      loss = loss + label_sum * (model_.label_weight / static_cast<double>(labelled));
    }
    std::vector<Tensor> sums = {label_sum.detach()};
    if (!terms_.empty()) {
      const distill::Answer source =
          own_teacher_ ? distill::ClassifierAnswer(average->logits, average->features)
                       : inputs_.teacher->Answer(batch);
      const distill::Context context{
          .labels = batch.labels, .samples = batch.samples, .progress = place.progress};
      const std::vector<Tensor> losses = terms_.Losses(student, source, context, labelled);
      const std::vector<double> weights = terms_.Weights(place);
      for (std::size_t i = 0; i < losses.size(); ++i) {
        loss = loss + losses[i].mean(1) * weights[i];
        sums.push_back(losses[i].detach().sum(1));
      }
    }
    StepAgainst(loss, epoch);
    sums.insert(sums.begin(), loss.detach() * static_cast<double>(size));
    AddSums(std::move(sums), batch, answer.logits, labelled);
  }

  // One step of the student and of what is trained with it against the loss [M].
  void StepAgainst(const Tensor& loss, double epoch) {
    loss.sum().backward();
    for (Optimizer& optimizer : optimizers_) optimizer.Step(RateAt(std::floor(epoch)));
    compression_->Prune(classifier_.parameters());
    if (average_.defined()) {
      UpdateAverage(average_, classifier_.parameters().detach(), steps_,
                    model_.targets.average_decay);
    }
  }

  void AddSums(std::vector<Tensor> sums, const ImageBatch& batch, const Tensor& logits,
               std::int64_t labelled) {
    sums.push_back(logits.detach().argmax(2).eq(batch.labels).sum(1));
    for (Tensor& sum : sums) sum = sum.to(at::kDouble);
    sums_.add_(at::stack(sums));
    samples_ += batch.labels.size(1);
    labelled_samples_ += labelled;
  }

  // The student's step of scaffolded distillation.
  void LearnWithHelp(const ImageBatch& batch, const Tensor& logits, double epoch) {
    const distill::Answer teacher = inputs_.teacher->Answer(batch);
    const Guide::StudentLoss scaffolded = guide_->LossFor(logits, teacher, batch.labels);
    StepAgainst(scaffolded.loss.mean(1), epoch);
    const Tensor wrong = logits.detach().argmax(2).ne(batch.labels);
    const auto size = static_cast<double>(batch.labels.size(1));
    const Tensor use = guide_->Use(logits.detach(), teacher, batch.labels, scaffolded.help);
    AddSums({scaffolded.loss.detach().sum(1), LabelLoss(logits.detach(), batch.labels).sum(1),
             scaffolded.help.sum(1), (scaffolded.help * wrong).sum(1), wrong.sum(1), use * size},
            batch, logits, batch.labels.size(1));
  }

  // The guide's step, with the student as it is.
  void TeachGuide(const ImageBatch& batch) {
    Tensor logits;
    {
      const c10::NoGradGuard no_grad;
      logits = classifier_.ForwardWith(InUse(), batch.images, Mode::kEvaluate).logits;
    }
    guide_->Step(logits, inputs_.teacher->Answer(batch), batch.labels,
                 epoch_ / model_.guide->student_passes,
                 RateAt(std::floor(static_cast<double>(epoch_))));
  }

  // Passes of the guide in the whole training.
  std::int64_t GuidePasses() const {
    if (!guide_) return 0;
    const GuideConfig& guide = *model_.guide;
    const std::int64_t turns = (model_.training.epochs - 1) / guide.student_passes;
    return guide.warmup_passes + turns * guide.guide_passes;
  }

  // [M, B]
  Tensor LabelLosses(const ImageBatch& batch, const Tensor& logits,
                     const std::optional<Classification>& average) {
    const Tensor average_logits = average ? average->logits : Tensor();
    const Tensor loss = targets_.Loss(logits, batch.labels, average_logits);
    if (!batch.mixed_labels.defined()) return loss;
    const Tensor share = batch.mix_share.unsqueeze(1);
    return share * loss + (1.0 - share) * targets_.Loss(logits, batch.mixed_labels, average_logits);
  }

  // Means over the epoch. This is the only place that waits for the device.
  EpochValues TakeSums() {
    const auto count = static_cast<double>(std::max<std::int64_t>(1, samples_));
    const auto labelled = static_cast<double>(std::max<std::int64_t>(1, labelled_samples_));
    EpochValues values;
    values["train_loss"] = Numbers(sums_[0] / count);
    values["label_loss"] = Numbers(sums_[1] / labelled);
    if (guide_) {
      values["help"] = Numbers(sums_[2] / count);
      values["help_on_mistakes"] = Numbers(sums_[3] / sums_[4].clamp_min(1.0));
      values["help_on_hits"] = Numbers((sums_[2] - sums_[3]) / (count - sums_[4]).clamp_min(1.0));
      values["budget_use"] = Numbers(sums_[5] / count);
    }
    const std::vector<std::string> names = terms_.names();
    for (std::size_t i = 0; i < names.size(); ++i) {
      values[names[i] + "_loss"] = Numbers(sums_[2 + static_cast<std::int64_t>(i)] / count);
    }
    values["batch_accuracy"] = Numbers(sums_[-1] * (100.0 / labelled));
    CheckFinite(values["train_loss"]);
    sums_.zero_();
    samples_ = labelled_samples_ = 0;
    return values;
  }

  void CheckFinite(const std::vector<double>& losses) const {
    for (std::size_t m = 0; m < losses.size(); ++m) {
      if (std::isfinite(losses[m])) continue;
      throw NonFiniteError(fmt::format(
          "model \"{}\": the training loss of member {} is {} in epoch {}; finite values are "
          "needed: try a smaller learning_rate or weight",
          model_.name, m, losses[m], epoch_ + 1));
    }
  }

  std::vector<std::pair<std::string, const ImageSet*>> Evaluated() const {
    std::vector<std::pair<std::string, const ImageSet*>> sets;
    if (chooses()) sets.emplace_back("validation", &inputs_.data.validation);
    sets.emplace_back("test", &inputs_.data.test);
    return sets;
  }

  void Evaluate(EpochValues& values) {
    const c10::NoGradGuard no_grad;
    Tensor& parameters = classifier_.parameters();
    const Tensor kept = model_.compression.bits > 0 ? parameters.detach().clone() : Tensor();
    if (kept.defined()) parameters.copy_(InUse());
    for (const auto& [name, set] : Evaluated()) {
      const Tensor logits = PlainLogits(classifier_, *set, inputs_.data.normalization);
      const Tensor labels = set->labels.to(logits.device());
      const Tensor accuracy = Accuracy(logits, labels);
      values[fmt::format("{}_accuracy", name)] = Numbers(accuracy * 100.0);
      values[fmt::format("{}_nll", name)] = Numbers(NegativeLogLikelihood(logits, labels));
      if (set == &inputs_.data.validation) {
        selection_->Offer(accuracy, epoch_, {parameters.detach(), classifier_.buffers()});
      }
    }
    if (kept.defined()) parameters.copy_(kept);
  }

  const ModelConfig& model_;
  TrainingInputs inputs_;
  const std::pair<std::int64_t, std::int64_t> part_;  // of the training split: first row, rows
  const ImageSet labelled_set_;
  Classifier classifier_;
  LossTerms terms_;
  Targets targets_;
  Loader loader_;
  const bool own_teacher_;  // the average teaches
  std::vector<Optimizer> optimizers_;
  std::optional<Guide> guide_;
  std::optional<Compression> compression_;
  std::optional<Selection> selection_;
  Tensor average_;  // [M, P], undefined where nobody asks for it
  Tensor sums_;     // [terms + 3, M] over the epoch's samples so far
  std::int64_t epoch_ = 0;
  std::int64_t steps_ = 0;  // of the student
  std::int64_t guide_steps_ = 0;
  std::int64_t guide_passes_left_ = 0;  // before the student's next one, the present one counted
  std::int64_t images_ = 0;
  std::int64_t samples_ = 0, labelled_samples_ = 0;  // of the epoch so far, per member
};

ModelTraining::ModelTraining(const ModelConfig& model, TrainingInputs inputs)
    : impl_(std::make_unique<Impl>(model, std::move(inputs))) {}

ModelTraining::~ModelTraining() = default;

bool ModelTraining::Step() { return impl_->Step(); }
EpochValues ModelTraining::FinishEpoch() { return impl_->FinishEpoch(); }
std::vector<std::string> ModelTraining::value_names() const { return impl_->value_names(); }
bool ModelTraining::done() const { return impl_->done(); }
std::int64_t ModelTraining::epoch() const { return impl_->epoch(); }
std::int64_t ModelTraining::num_steps() const { return impl_->num_steps(); }
std::int64_t ModelTraining::num_images() const { return impl_->num_images(); }
double ModelTraining::fraction() const { return impl_->fraction(); }
const Classifier& ModelTraining::classifier() const { return impl_->classifier(); }
std::vector<double> ModelTraining::sizes() const { return impl_->sizes(); }
ModelState ModelTraining::last() const { return impl_->last(); }
ModelState ModelTraining::selected() const { return impl_->selected(); }
std::vector<std::int64_t> ModelTraining::selected_epochs() const {
  return impl_->selected_epochs();
}
void ModelTraining::Save(core::ArchiveWriter& archive) const { impl_->Save(archive); }
void ModelTraining::Load(const core::ArchiveReader& archive) { impl_->Load(archive); }

}  // namespace duet::tasks
