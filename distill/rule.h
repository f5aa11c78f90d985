// How far is the student's answer from the lesson's?
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/archive.h"
#include "core/fields.h"
#include "distill/lesson.h"

namespace duet::distill {

class Rule {
 public:
  virtual ~Rule() = default;

  // Loss per sample, [M, B]; its mean over B is the value that the rule's source gives. Members do
  // not mix. Terms of pairs of samples are shared out among the samples. A divergence is >= 0 and 0
  // where both answers agree. The gradient flows to `student` and to parameters(), never to
  // `source`. Rules with a memory store the batch in it. Throws ConfigError where the rule cannot
  // compare these answers or misses something in `context`.
  virtual Tensor Loss(const Answer& student, const Answer& source, const Context& context = {}) = 0;

  // Leaves that the student's optimizer trains beside the student: projectors and the like, each
  // [M, P], of row m for member m. The tensors share storage with the rule's own.
  virtual std::vector<Tensor> parameters() { return {}; }

  // Whatever Loss and the optimizer change here, as entries that start with `name`.
  virtual void Save(core::ArchiveWriter& archive, const std::string& name) const;
  virtual void Load(const core::ArchiveReader& archive, const std::string& name);
};

enum class RuleKind {
  kActionMse,
  kForwardKl,
  kReverseKl,
  kSymmetricKl,
  kKd,
  kSoftCrossEntropy,
  kReverseCrossEntropy,
  kBrier,
  kHardTeacher,
  kSampledTeacher,
  kAnnealed,
  kLogitMse,
  kDkd,
  kDist,
  kLskd,
  kFitNets,
  kAttentionTransfer,
  kSp,
  kRkd,
  kPkt,
  kNst,
  kVid,
  kCrd,
};

// Words of settings files, in the order of the enum. docs/distill/rules.md has the formulas.
inline constexpr core::Option<RuleKind> kRules[] = {
    {"action_mse", RuleKind::kActionMse},
    {"forward_kl", RuleKind::kForwardKl},
    {"reverse_kl", RuleKind::kReverseKl},
    {"symmetric_kl", RuleKind::kSymmetricKl},
    {"kd", RuleKind::kKd},
    {"soft_cross_entropy", RuleKind::kSoftCrossEntropy},
    {"reverse_cross_entropy", RuleKind::kReverseCrossEntropy},
    {"brier", RuleKind::kBrier},
    {"hard_teacher", RuleKind::kHardTeacher},
    {"sampled_teacher", RuleKind::kSampledTeacher},
    {"annealed", RuleKind::kAnnealed},
    {"logit_mse", RuleKind::kLogitMse},
    {"dkd", RuleKind::kDkd},
    {"dist", RuleKind::kDist},
    {"lskd", RuleKind::kLskd},
    {"fitnets", RuleKind::kFitNets},
    {"attention_transfer", RuleKind::kAttentionTransfer},
    {"sp", RuleKind::kSp},
    {"rkd", RuleKind::kRkd},
    {"pkt", RuleKind::kPkt},
    {"nst", RuleKind::kNst},
    {"vid", RuleKind::kVid},
    {"crd", RuleKind::kCrd},
};

// The word of a kind.
std::string_view RuleName(RuleKind kind);

// Every rule reads its own settings alone. RuleDefaults has the published ones.
struct RuleConfig {
  RuleKind kind = RuleKind::kActionMse;
  // Softens categorical distributions, on both sides: softmax(logits / temperature). The loss is
  // then multiplied by its square, so that gradients keep their size (arXiv:1503.02531, section 2);
  // brier and sampled_teacher are not.
  double temperature = 1.0;
  // soft_cross_entropy: whether the student is softened too. If not, the loss has no factor; the
  // self-distillation of arXiv:2006.05065 is so, its label being the teacher's alone.
  bool soften_student = true;
  // dkd, kd, soft_cross_entropy: logits are standardised first (arXiv:2403.01427).
  bool standardize = false;
  double target_weight = 1.0;          // dkd: of the target class against all others, alpha
  double non_target_weight = 8.0;      // dkd: of the others among themselves, beta
  double row_weight = 1.0;             // dist: of correlations over classes, beta
  double column_weight = 1.0;          // dist: of correlations over samples, gamma
  double hard_share = 1.0;             // annealed: share of hard labels at the start
  double anneal_until = 1.0;           // annealed: share of training after which none are hard
  double distance_weight = 25.0;       // rkd: of distances between samples
  double angle_weight = 50.0;          // rkd: of angles
  double initial_variance = 5.0;       // vid: of every channel
  std::int64_t embedding = 128;        // crd: numbers of an embedding
  std::int64_t negatives = 16384;      // crd: samples to tell each sample from
  double contrast_temperature = 0.07;  // crd
  double memory_momentum = 0.5;        // crd: what a remembered embedding keeps of itself
};
// The settings "rule", "temperature" and those of the chosen rule, in the present section.
void VisitFields(core::FieldVisitor& v, RuleConfig& c);

// The settings that the rule's source publishes.
RuleConfig RuleDefaults(RuleKind kind);

// Size of each feature without members and batch, {D, H, W} or {D}.
using FeatureShapes = std::vector<std::vector<std::int64_t>>;

// What a rule will be shown, for those that keep something per feature, member or sample.
struct RuleInputs {
  FeatureShapes student = {}, source = {};
  std::vector<std::uint64_t> member_seeds = {};  // [M], of initial parameters and draws
  std::int64_t num_samples = 0;                  // N of the pool that Context::samples are rows of
  Tensor sample_labels = {};  // [N] int64, -1: unlabelled; undefined where nothing has labels
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;  // of parameters and memories; that of the features
};

// Throws ConfigError where the rule misses something in `inputs`.
std::unique_ptr<Rule> MakeRule(const RuleConfig& config, const RuleInputs& inputs = {});

}  // namespace duet::distill
