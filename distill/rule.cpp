#include "distill/rule.h"

#include <cstddef>

#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

// T of the rule's source; 1 where there is none.
double PublishedTemperature(RuleKind kind) {
  switch (kind) {
    case RuleKind::kKd:                   // arXiv:1910.10699 and all that share its protocol
    case RuleKind::kSoftCrossEntropy:     // arXiv:2106.05945, images
    case RuleKind::kReverseCrossEntropy:  // the same
    case RuleKind::kAnnealed:             // the same
    case RuleKind::kDkd:                  // arXiv:2203.08679
    case RuleKind::kDist:                 // arXiv:2205.10536, CIFAR; 1 on ImageNet
      return 4.0;
    case RuleKind::kLskd:  // arXiv:2403.01427
      return 2.0;
    default:
      return 1.0;
  }
}

}  // namespace

void Rule::Save(core::ArchiveWriter&, const std::string&) const {}
void Rule::Load(const core::ArchiveReader&, const std::string&) {}

std::string_view RuleName(RuleKind kind) { return kRules[static_cast<std::size_t>(kind)].name; }

RuleConfig RuleDefaults(RuleKind kind) {
  return {.kind = kind, .temperature = PublishedTemperature(kind)};
}

void VisitFields(core::FieldVisitor& v, RuleConfig& c) {
  constexpr core::Range<double> kWeight = {0.0, 1e6};
  v.Choice("rule", c.kind, kRules, "difference of the answers per sample");
  if (v.reading()) c.temperature = PublishedTemperature(c.kind);
  v.Field("temperature", c.temperature, {0.0, 1e9, true},
          "softens the distributions of classes or discrete actions");
  const auto standardize = [&] {
    v.Field("standardize", c.standardize, "whether logits are standardised first");
  };
  switch (c.kind) {
    case RuleKind::kKd:
      return standardize();
    case RuleKind::kSoftCrossEntropy:
      v.Field("soften_student", c.soften_student,
              "whether the student is softened too; if not, the loss has no factor T^2");
      return standardize();
    case RuleKind::kDkd:
      v.Field("target_weight", c.target_weight, kWeight, "alpha, of the target class");
      v.Field("non_target_weight", c.non_target_weight, kWeight, "beta, of the other classes");
      return standardize();
    case RuleKind::kDist:
      v.Field("row_weight", c.row_weight, kWeight, "beta, of correlations over classes");
      v.Field("column_weight", c.column_weight, kWeight, "gamma, of correlations over samples");
      return;
    case RuleKind::kAnnealed:
      v.Field("hard_share", c.hard_share, {0.0, 1.0}, "share of hard labels at the start");
      v.Field("anneal_until", c.anneal_until, {0.0, 1.0, true},
              "share of training after which labels are soft");
      return;
    case RuleKind::kRkd:
      v.Field("distance_weight", c.distance_weight, kWeight, "of distances between samples");
      v.Field("angle_weight", c.angle_weight, kWeight, "of angles between samples");
      return;
    case RuleKind::kVid:
      v.Field("initial_variance", c.initial_variance, {1e-4, 1e6}, "of every channel");
      return;
    case RuleKind::kCrd:
      v.Field("embedding", c.embedding, {1, 65'536}, "numbers of an embedding");
      v.Field("negatives", c.negatives, {1, 1'000'000}, "samples to tell each sample from");
      v.Field("contrast_temperature", c.contrast_temperature, {0.0, 1e3, true},
              "divides the products of embeddings");
      v.Field("memory_momentum", c.memory_momentum, {0.0, 1.0},
              "what a remembered embedding keeps of itself");
      return;
    default:
      return;
  }
}

std::unique_ptr<Rule> MakeRule(const RuleConfig& config, const RuleInputs& inputs) {
  switch (config.kind) {
    case RuleKind::kActionMse:
      return MakeActionMse(config);
    case RuleKind::kForwardKl:
    case RuleKind::kReverseKl:
    case RuleKind::kSymmetricKl:
    case RuleKind::kKd:
    case RuleKind::kLskd:
      return MakeDivergence(config);
    case RuleKind::kSoftCrossEntropy:
      return MakeSoftCrossEntropy(config);
    case RuleKind::kReverseCrossEntropy:
      return MakeReverseCrossEntropy(config);
    case RuleKind::kBrier:
      return MakeBrier(config);
    case RuleKind::kHardTeacher:
      return MakeHardTeacher(config);
    case RuleKind::kSampledTeacher:
      return MakeSampledTeacher(config, inputs);
    case RuleKind::kAnnealed:
      return MakeAnnealed(config);
    case RuleKind::kLogitMse:
      return MakeLogitMse(config);
    case RuleKind::kDkd:
      return MakeDkd(config);
    case RuleKind::kDist:
      return MakeDist(config);
    case RuleKind::kFitNets:
      return MakeFitNets(config, inputs);
    case RuleKind::kAttentionTransfer:
      return MakeAttentionTransfer(config);
    case RuleKind::kSp:
      return MakeSp(config);
    case RuleKind::kRkd:
      return MakeRkd(config);
    case RuleKind::kPkt:
      return MakePkt(config);
    case RuleKind::kNst:
      return MakeNst(config);
    case RuleKind::kVid:
      return MakeVid(config, inputs);
    case RuleKind::kCrd:
      return MakeCrd(config, inputs);
  }
  return nullptr;
}

}  // namespace duet::distill
