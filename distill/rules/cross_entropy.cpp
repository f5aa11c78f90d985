// Cross-entropies between what the source and the student think of the classes. Their minimum is
// not 0 but the source's entropy (or, of the reverse one, no agreement at all).
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "agents/members.h"
#include "core/error.h"
#include "distill/rules/classes.h"
#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

// -T^2 sum_c p_c log s_c: the loss of arXiv:2106.05945, whose gradient is that of kd.
class SoftCrossEntropy : public Rule {
 public:
  explicit SoftCrossEntropy(const RuleConfig& config) : config_(config) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    auto [own, wanted] = LogitsOf(config_.kind, student, source);
    if (config_.standardize) {
      own = Standardized(own);
      wanted = Standardized(wanted);
    }
    const double t = config_.temperature, own_t = config_.soften_student ? t : 1.0;
    return CrossEntropy((wanted / t).softmax(2), (own / own_t).log_softmax(2)) * (own_t * own_t);
  }

 private:
  RuleConfig config_;
};

// -T^2 sum_c s_c log p_c.
class ReverseCrossEntropy : public Rule {
 public:
  explicit ReverseCrossEntropy(const RuleConfig& config) : config_(config) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const auto [own, wanted] = LogitsOf(config_.kind, student, source);
    const double t = config_.temperature;
    return CrossEntropy((own / t).softmax(2), (wanted / t).log_softmax(2)) * (t * t);
  }

 private:
  RuleConfig config_;
};

// The source's likeliest class as the label.
class HardTeacher : public Rule {
 public:
  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const auto [own, wanted] = LogitsOf(RuleKind::kHardTeacher, student, source);
    return LabelCrossEntropy(own, wanted.argmax(2));
  }
};

// A class drawn from the source's softened distribution as the label: in expectation the soft
// cross-entropy of an unsoftened student, so soft labels are what averages over such draws.
class SampledTeacher : public Rule {
 public:
  SampledTeacher(const RuleConfig& config, const RuleInputs& inputs)
      : temperature_(config.temperature),
        rngs_(agents::MemberStreams(inputs.member_seeds, "sampled_teacher")) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const auto [own, wanted] = LogitsOf(RuleKind::kSampledTeacher, student, source);
    return LabelCrossEntropy(own, Draw((wanted / temperature_).softmax(2)));
  }

  void Save(core::ArchiveWriter& archive, const std::string& name) const override {
    agents::SaveStreams(archive, name + ".rng", rngs_);
  }
  void Load(const core::ArchiveReader& archive, const std::string& name) override {
    agents::LoadStreams(archive, name + ".rng", rngs_);
  }

 private:
  // How many cumulated probabilities a uniform number exceeds, [M, B].
  Tensor Draw(const Tensor& probabilities) {
    const std::int64_t members = probabilities.size(0), batch = probabilities.size(1);
    Tensor uniform = at::empty({members, batch, 1}, at::kDouble);
    double* value = uniform.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < members * batch; ++i) {
      value[i] = rngs_.at(static_cast<std::size_t>(i / batch)).Uniform(0.0, 1.0);
    }
    const Tensor below = probabilities.cumsum(2) < uniform.to(probabilities.options());
    // Rounding may leave the last sum below 1.
    return below.sum(2).clamp_max(probabilities.size(2) - 1);
  }

  double temperature_;
  std::vector<core::Rng> rngs_;
};

// The convex hull of hard and soft labels of the source: beta * hard + (1 - beta) * soft, with beta
// falling linearly to 0, as in the code of arXiv:2106.05945.
class Annealed : public Rule {
 public:
  explicit Annealed(const RuleConfig& config) : config_(config), soft_(config) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context& context) override {
    const double left = std::max(0.0, 1.0 - context.progress / config_.anneal_until);
    const double share = config_.hard_share * left;
    return share * hard_.Loss(student, source, context) +
           (1.0 - share) * soft_.Loss(student, source, context);
  }

 private:
  RuleConfig config_;
  HardTeacher hard_;
  SoftCrossEntropy soft_;
};

}  // namespace

std::unique_ptr<Rule> MakeSoftCrossEntropy(const RuleConfig& config) {
  return std::make_unique<SoftCrossEntropy>(config);
}

std::unique_ptr<Rule> MakeReverseCrossEntropy(const RuleConfig& config) {
  return std::make_unique<ReverseCrossEntropy>(config);
}

std::unique_ptr<Rule> MakeHardTeacher(const RuleConfig&) { return std::make_unique<HardTeacher>(); }

std::unique_ptr<Rule> MakeSampledTeacher(const RuleConfig& config, const RuleInputs& inputs) {
  if (inputs.member_seeds.empty()) {
    throw ConfigError("rule = \"sampled_teacher\" draws labels and is given no members' seeds");
  }
  return std::make_unique<SampledTeacher>(config, inputs);
}

std::unique_ptr<Rule> MakeAnnealed(const RuleConfig& config) {
  return std::make_unique<Annealed>(config);
}

}  // namespace duet::distill
