#include "distill/distiller.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>

#include "core/error.h"

namespace duet::distill {
namespace {

constexpr const char* kMetricNames[] = {
    "distill_loss",      "weight_mean",      "weight_std",     "weight_zero_share",
    "disadvantage_mean", "disadvantage_std", "action_distance"};
constexpr core::Option<ValueChoice> kValueChoices[] = {{"own_action", ValueChoice::kOwnAction},
                                                       {"peer_action", ValueChoice::kPeerAction}};

// Reads the device once where all is well.
void CheckFinite(const Tensor& losses, const Tensor& gradients) {
  if (std::isfinite((losses.sum() + gradients.sum()).item<float>())) return;
  const Tensor host = losses.cpu();
  for (std::int64_t m = 0; m < host.size(0); ++m) {
    const float value = host[m].item<float>();
    if (std::isfinite(value)) continue;
    throw NonFiniteError(fmt::format("the distillation loss of member {} is {}", m,
                                     std::isnan(value) ? std::abs(value) : value));
  }
  throw NonFiniteError("the distillation loss has a gradient that is not finite");
}

// How far apart the actions are, [M]: of numbers the root of the mean squared difference over the
// action's entries, of indices whether they differ, averaged over the batch.
Tensor ActionDistance(const Tensor& student, const PolicyOutput& source) {
  if (source.distribution() == agents::Distribution::kCategorical) {
    return (student != source.mean).to(at::kFloat).mean(c10::IntArrayRef{1, 2});
  }
  return (student - source.mean).square().mean(2).sqrt().mean(1);
}

Tensor StdOverBatch(const Tensor& x) {
  return (x - x.mean(1, /*keepdim=*/true)).square().mean(1).sqrt();
}

// Policies show no features.
RuleInputs InputsOf(const agents::Agent& students) {
  return {.member_seeds = students.spec().member_seeds, .device = students.spec().device};
}

}  // namespace

void VisitFields(core::FieldVisitor& v, ScheduleConfig& c) {
  v.Field("every", c.every, {1, 1'000'000'000},
          "gradient steps from one distillation step to the next");
  v.Field("coefficient", c.coefficient, {0.0, 1000.0},
          "factor on the optimizer's step at the start (Adam does not feel a loss's scale)");
  v.Field("final_coefficient", c.final_coefficient, {0.0, 1000.0},
          "the same at the end, linear in between");
}

void VisitFields(core::FieldVisitor& v, DistillConfig& c) {
  VisitFields(v, c.rule);
  v.Choice("value", c.value, kValueChoices, "at whose action both sides are valued");
  v.Field("recent", c.recent, {0, 1'000'000'000},
          "states come from so many latest transitions; 0: all");
  v.Field("batch_size", c.batch_size, {1, 1'000'000}, "samples per student and step");
  v.Field("learning_rate", c.learning_rate, {0.0, 10.0},
          "Adam step of the distillation's own optimizer");
  v.Field("max_gradient_norm", c.max_gradient_norm, {0.0, 1e9},
          "largest gradient norm per student; 0: no clipping");
  v.Section("weight", c.weight, "how much each sample counts");
  v.Section("schedule", c.schedule, "when and how strongly");
}

void CheckFit(const DistillConfig& config, const agents::Agent& source,
              const agents::Agent& student) {
  const auto states = [](const agents::Agent& agent) {
    return at::zeros({agent.spec().members(), 1, agent.spec().observation_size},
                     at::TensorOptions().dtype(at::kFloat).device(agent.spec().device));
  };
  const PolicyOutput answer = source.policy().Answer(states(source));
  const PolicyOutput guess = student.policy().Answer(states(student));
  MakeRule(config.rule, InputsOf(student))->Loss(guess, answer);
  if (config.value != ValueChoice::kPeerAction) return;
  for (const agents::Agent* agent : {&source, &student}) {
    const PolicyOutput own = agent->policy().Answer(states(*agent));
    agent->ActionValue(states(*agent), own.mean);
  }
}

Distiller::Distiller(const DistillConfig& config, std::unique_ptr<LessonSource> source,
                     agents::Agent& students)
    : config_(config),
      source_(std::move(source)),
      students_(students),
      rule_(MakeRule(config.rule, InputsOf(students))),
      weight_(MakeWeight(config.weight)),
      optimizer_({.learning_rate = config.learning_rate}, students.policy().parameters()),
      metric_sums_(at::zeros({std::size(kMetricNames), students.spec().members()},
                             students.policy().parameters().options())) {}

std::optional<Lesson> Distiller::Prepare(double progress) {
  const ScheduleConfig& schedule = config_.schedule;
  progress_ = progress;
  coefficient_ =
      schedule.coefficient + progress * (schedule.final_coefficient - schedule.coefficient);
  ++num_rounds_;
  if (num_rounds_ % schedule.every != 0 || !source_->Ready()) return std::nullopt;
  return source_->Draw(config_.batch_size, config_.value);
}

Tensor Distiller::Disadvantage(const Lesson& lesson) const {
  switch (config_.value) {
    case ValueChoice::kOwnAction:
      return lesson.value - students_.Value(lesson.observations);
    case ValueChoice::kPeerAction:
      return lesson.value - students_.ActionValue(lesson.observations, lesson.answer.mean);
  }
  return {};
}

void Distiller::Step(const Lesson& lesson) {
  Tensor disadvantage, weights, distances;
  {
    const at::NoGradGuard no_grad;
    disadvantage = Disadvantage(lesson);
    weights = weight_->Weigh(disadvantage);
    agents::CheckShape(weights, {disadvantage.size(0), disadvantage.size(1)}, "weights");
  }
  // The only place where losses are weighted and averaged: over the batch, never over members.
  const auto loss = [&](const PolicyOutput& student) {
    const Tensor per_sample = rule_->Loss(student, lesson.answer, {.progress = progress_});
    agents::CheckShape(per_sample, {weights.size(0), weights.size(1)}, "losses per sample");
    distances = ActionDistance(student.mean.detach(), lesson.answer);
    return (weights * per_sample).mean(1);
  };
  agents::Policy& policy = students_.policy();
  const Tensor losses = policy.Differentiate(lesson.observations, loss);
  CheckFinite(losses, policy.gradients());
  const at::NoGradGuard no_grad;
  if (config_.max_gradient_norm > 0.0) policy.ClipGradients(config_.max_gradient_norm);
  optimizer_.Step(policy.parameters(), policy.gradients(), coefficient_);
  ++num_steps_;
  AddMetrics(losses, weights, disadvantage, distances);
}

void Distiller::AddMetrics(const Tensor& losses, const Tensor& weights, const Tensor& disadvantage,
                           const Tensor& distances) {
  metric_sums_.add_(at::stack({losses, weights.mean(1), StdOverBatch(weights),
                               (weights == 0).to(at::kFloat).mean(1), disadvantage.mean(1),
                               StdOverBatch(disadvantage), distances}));
  ++num_metric_steps_;
}

agents::Metrics Distiller::TakeMetrics() {
  agents::Metrics metrics;
  if (num_metric_steps_ == 0) return metrics;
  const Tensor means = metric_sums_.div(static_cast<double>(num_metric_steps_)).cpu();
  const float* value = means.const_data_ptr<float>();
  for (const char* name : kMetricNames) {
    metrics[name] = std::vector<double>(value, value + means.size(1));
    value += means.size(1);
  }
  metric_sums_.zero_();
  num_metric_steps_ = 0;
  return metrics;
}

void Distiller::Save(core::ArchiveWriter& archive) const {
  source_->Save(archive);
  optimizer_.Save(archive, "distill_optimizer");
  archive.AddNumber("distill_rounds", num_rounds_);
  archive.AddNumber("distill_steps", num_steps_);
  agents::SaveTensor(archive, "distill_metric_sums", metric_sums_);
  archive.AddNumber("distill_metric_steps", num_metric_steps_);
  rule_->Save(archive, "distill_rule");
}

void Distiller::Load(const core::ArchiveReader& archive) {
  source_->Load(archive);
  optimizer_.Load(archive, "distill_optimizer");
  num_rounds_ = archive.GetNumber("distill_rounds");
  num_steps_ = archive.GetNumber("distill_steps");
  agents::LoadTensor(archive, "distill_metric_sums", metric_sums_);
  num_metric_steps_ = archive.GetNumber("distill_metric_steps");
  rule_->Load(archive, "distill_rule");
}

}  // namespace duet::distill
