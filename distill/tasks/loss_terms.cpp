#include "distill/tasks/loss_terms.h"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace duet::tasks {
namespace {

distill::Answer Pick(const distill::Answer& answer, const std::vector<std::size_t>& places) {
  distill::Answer picked = distill::ClassifierAnswer(answer.logits);
  for (const std::size_t place : places) picked.features.push_back(answer.features[place]);
  return picked;
}

// Samples [first, end) of a batch.
distill::Answer Samples(const distill::Answer& answer, std::int64_t first, std::int64_t end) {
  distill::Answer part = distill::ClassifierAnswer(answer.logits.slice(1, first, end));
  for (const Tensor& features : answer.features) {
    part.features.push_back(features.slice(1, first, end));
  }
  return part;
}

distill::Context Samples(const distill::Context& context, std::int64_t first, std::int64_t end) {
  return {.labels = context.labels.slice(1, first, end),
          .samples = context.samples.slice(1, first, end),
          .progress = context.progress};
}

}  // namespace

std::size_t LayerList::Add(const std::string& name) {
  const auto found = std::ranges::find(names_, name);
  if (found != names_.end()) return static_cast<std::size_t>(found - names_.begin());
  names_.push_back(name);
  return names_.size() - 1;
}

LossTerms::LossTerms(const ModelConfig& model, const Classifier& student,
                     const std::map<std::string, std::vector<std::int64_t>>& teacher_layers,
                     const std::vector<std::uint64_t>& member_seeds) {
  for (std::size_t i = 0; i < model.rules.size(); ++i) {
    const TermConfig& config = model.rules[i];
    Term& term = terms_.emplace_back();
    term.config = config;
    distill::RuleInputs inputs{.device = student.device()};
    for (const std::string& layer : config.student_layers) {
      inputs.student.push_back(student.layer_shape(layer));
      term.student.push_back(student_layers_.Add(layer));
    }
    for (const std::string& layer : config.teacher_layers) {
      inputs.source.push_back(teacher_layers.at(layer));
      term.teacher.push_back(teacher_layers_.Add(layer));
    }
    for (const std::uint64_t seed : member_seeds) {
      inputs.member_seeds.push_back(core::SplitSeed(seed, "rule", i));
    }
    term.rule = distill::MakeRule(config.rule, inputs);
    if (config.unlabelled_temperature > 0.0) {
      distill::RuleConfig other = config.rule;
      other.temperature = config.unlabelled_temperature;
      term.unlabelled_rule = distill::MakeRule(other, inputs);
    }
  }
}

std::vector<std::string> LossTerms::names() const {
  std::vector<std::string> names;
  for (const Term& term : terms_) {
    const std::string name(distill::RuleName(term.config.rule.kind));
    std::string free = name;
    for (int number = 2; std::ranges::find(names, free) != names.end(); ++number) {
      free = fmt::format("{}_{}", name, number);
    }
    names.push_back(free);
  }
  return names;
}

std::vector<Tensor> LossTerms::Losses(const distill::Answer& student, const distill::Answer& source,
                                      const distill::Context& context, std::int64_t labelled) {
  std::vector<Tensor> losses;
  const std::int64_t batch = student.logits.size(1);
  for (Term& term : terms_) {
    const distill::Answer own = Pick(student, term.student);
    const distill::Answer theirs = Pick(source, term.teacher);
    if (!term.unlabelled_rule || labelled == batch) {
      losses.push_back(term.rule->Loss(own, theirs, context));
      continue;
    }
    const auto part = [&](distill::Rule& rule, std::int64_t first, std::int64_t end) {
      return rule.Loss(Samples(own, first, end), Samples(theirs, first, end),
                       Samples(context, first, end));
    };
    const Tensor other = part(*term.unlabelled_rule, labelled, batch);
    losses.push_back(labelled == 0 ? other : at::cat({part(*term.rule, 0, labelled), other}, 1));
  }
  return losses;
}

std::vector<double> LossTerms::Weights(const TrainingPlace& place) const {
  std::vector<double> weights;
  for (const Term& term : terms_) {
    double weight = term.config.weight;
    if (term.config.warmup_epochs > 0.0) {
      weight *= std::min(1.0, place.epoch / term.config.warmup_epochs);
    }
    if (term.config.weight_until > 0.0) {
      weight *= std::max(0.0, 1.0 - place.progress / term.config.weight_until);
    }
    weights.push_back(weight);
  }
  return weights;
}

std::vector<Tensor> LossTerms::parameters() const {
  std::vector<Tensor> leaves;
  for (const Term& term : terms_) {
    for (const Tensor& leaf : term.rule->parameters()) leaves.push_back(leaf);
    if (!term.unlabelled_rule) continue;
    for (const Tensor& leaf : term.unlabelled_rule->parameters()) leaves.push_back(leaf);
  }
  return leaves;
}

void LossTerms::Save(core::ArchiveWriter& archive) const {
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    terms_[i].rule->Save(archive, fmt::format("rule{}", i));
    if (terms_[i].unlabelled_rule) {
      terms_[i].unlabelled_rule->Save(archive, fmt::format("unlabelled_rule{}", i));
    }
  }
}

void LossTerms::Load(const core::ArchiveReader& archive) {
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    terms_[i].rule->Load(archive, fmt::format("rule{}", i));
    if (terms_[i].unlabelled_rule) {
      terms_[i].unlabelled_rule->Load(archive, fmt::format("unlabelled_rule{}", i));
    }
  }
}

}  // namespace duet::tasks
