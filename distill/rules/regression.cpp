// The source's features as what the student's are regressed on.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/error.h"
#include "distill/rules/features.h"
#include "distill/rules/projector.h"
#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

// A rule that projects the student's features.
class Regression : public Rule {
 public:
  Regression(RuleKind kind, Projector projector) : kind_(kind), projector_(std::move(projector)) {}

  std::vector<Tensor> parameters() override { return {projector_.parameters()}; }
  void Save(core::ArchiveWriter& archive, const std::string& name) const override {
    projector_.Save(archive, name + ".parameters");
  }
  void Load(const core::ArchiveReader& archive, const std::string& name) override {
    projector_.Load(archive, name + ".parameters");
  }

 protected:
  RuleKind kind_;
  Projector projector_;
};

// Mean squared difference to the source's features after one linear layer over the channels: the
// hint of arXiv:1412.6550, with the 1x1 regressor that is usual since arXiv:1910.10699.
class FitNets : public Regression {
 public:
  explicit FitNets(Projector projector) : Regression(RuleKind::kFitNets, std::move(projector)) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    return SumOverPairs(FeaturePairs(kind_, student, source),
                        [&](const FeaturePair& pair, std::size_t i) {
                          const Tensor guess = projector_.Apply(i, pair.student);
                          return (guess - pair.source).square().flatten(2).mean(2);
                        });
  }
};

// Variational information distillation (arXiv:1904.05835): the negative log-likelihood of
// the source's features under a Gaussian around three 1x1 layers of the student's, with a trained
// variance per channel, softplus(rho) + 1e-5; less the constant log(2 pi) / 2, mean over entries.
class Vid : public Regression {
 public:
  Vid(Projector projector, std::vector<std::int64_t> channels)
      : Regression(RuleKind::kVid, std::move(projector)), channels_(std::move(channels)) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const std::vector<Tensor> rho = projector_.free().split_with_sizes(channels_, 1);
    return SumOverPairs(
        FeaturePairs(kind_, student, source), [&](const FeaturePair& pair, std::size_t i) {
          Tensor variance = at::softplus(rho[i]).add(kLeastVariance).unsqueeze(1);  // [M, 1, D]
          if (pair.source.dim() == 5) variance = variance.unsqueeze(3).unsqueeze(4);
          const Tensor distance = (projector_.Apply(i, pair.student) - pair.source).square();
          return (0.5 * (distance / variance + variance.log())).flatten(2).mean(2);
        });
  }

  static constexpr double kLeastVariance = 1e-5;

 private:
  std::vector<std::int64_t> channels_;  // of the source, per layer
};

void CheckMembers(RuleKind kind, const RuleInputs& inputs) {
  if (!inputs.member_seeds.empty()) return;
  throw std::invalid_argument(
      std::string(RuleName(kind)).append(" has parameters and is given no members' seeds"));
}

}  // namespace

std::unique_ptr<Rule> MakeFitNets(const RuleConfig& config, const RuleInputs& inputs) {
  CheckFeatures(config.kind, inputs.student, inputs.source);
  CheckMembers(config.kind, inputs);
  std::vector<Projector::Chain> chains;
  for (std::size_t i = 0; i < inputs.student.size(); ++i) {
    chains.push_back({.widths = {inputs.student[i][0], inputs.source[i][0]}});
  }
  return std::make_unique<FitNets>(Projector(std::move(chains), 0, inputs));
}

std::unique_ptr<Rule> MakeVid(const RuleConfig& config, const RuleInputs& inputs) {
  CheckFeatures(config.kind, inputs.student, inputs.source);
  CheckMembers(config.kind, inputs);
  std::vector<Projector::Chain> chains;
  std::vector<std::int64_t> channels;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < inputs.student.size(); ++i) {
    const std::int64_t d = inputs.source[i][0];
    chains.push_back({.widths = {inputs.student[i][0], d, d, d}, .bias = false});
    channels.push_back(d);
    sum += d;
  }
  Projector projector(std::move(chains), sum, inputs);
  projector.FillFree(std::log(std::expm1(config.initial_variance - Vid::kLeastVariance)));
  return std::make_unique<Vid>(std::move(projector), std::move(channels));
}

}  // namespace duet::distill
