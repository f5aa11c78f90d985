#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "agents/members.h"
#include "core/error.h"
#include "distill/rules/features.h"
#include "distill/rules/negatives.h"
#include "distill/rules/projector.h"
#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

// Rows of one side's embeddings of the whole pool, length 1, [M, N, E]. A batch's rows are moved
// when the next batch comes: this one's gradient still needs the old ones.
class Memory {
 public:
  Memory(std::int64_t num_samples, std::int64_t size, double momentum, const RuleInputs& inputs,
         std::string_view stream)
      : momentum_(momentum) {
    auto rngs = agents::MemberStreams(inputs.member_seeds, stream);
    const auto members = static_cast<std::int64_t>(rngs.size());
    rows_ = UnitLength(agents::DrawNormal(rngs, {members, num_samples, size}, inputs.device), 2)
                .to(inputs.dtype);
  }

  const Tensor& rows() const { return rows_; }

  void Keep(const Tensor& samples, const Tensor& vectors) {
    samples_ = samples;
    vectors_ = vectors.detach();
  }

  void MoveKept() {
    if (!samples_.defined()) return;
    const at::NoGradGuard no_grad;
    const Tensor index = samples_.unsqueeze(2).expand_as(vectors_);
    const Tensor moved = momentum_ * rows_.gather(1, index) + (1.0 - momentum_) * vectors_;
    rows_.scatter_(1, index, UnitLength(moved, 2));
    samples_.reset();
  }

  void Save(core::ArchiveWriter& archive, const std::string& name) const {
    agents::SaveTensor(archive, name, rows_);
    if (!samples_.defined()) return;
    agents::SaveTensor(archive, name + ".kept_samples", samples_);
    agents::SaveTensor(archive, name + ".kept", vectors_);
  }

  void Load(const core::ArchiveReader& archive, const std::string& name) {
    agents::LoadTensor(archive, name, rows_);
    samples_.reset();
    if (!archive.Has(name + ".kept")) return;
    samples_ = agents::ReadTensor(archive, name + ".kept_samples").to(rows_.device());
    vectors_ = agents::ReadTensor(archive, name + ".kept").to(rows_.device());
  }

 private:
  double momentum_;
  Tensor rows_;               // [M, N, E]
  Tensor samples_, vectors_;  // of the last batch: [M, B], [M, B, E]
};

// One vector per sample: maps are averaged over height and width.
Tensor Vectors(const Tensor& features) {
  return features.dim() == 5 ? features.mean(c10::IntArrayRef{3, 4}) : features;
}

// Contrastive representation distillation (arXiv:1910.10699): both sides
// are embedded by a linear layer; each side's embedding has to find the sample's row in the other
// side's memory among negatives, by noise-contrastive estimation. Unlike the released code the
// memory's rows have length 1 from the start.
class Crd : public Rule {
 public:
  Crd(const RuleConfig& config, const RuleInputs& inputs, Projector projector)
      : config_(config),
        projector_(std::move(projector)),
        student_(inputs.num_samples, config.embedding, config.memory_momentum, inputs,
                 "student_memory"),
        source_(inputs.num_samples, config.embedding, config.memory_momentum, inputs,
                "source_memory"),
        negatives_(inputs.num_samples, inputs.sample_labels),
        rngs_(agents::MemberStreams(inputs.member_seeds, "negatives")) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context& context) override {
    const auto pairs = FeaturePairs(RuleKind::kCrd, student, source);
    if (!context.samples.defined()) {
      throw ConfigError("rule = \"crd\" remembers samples and is not told which these are");
    }
    student_.MoveKept();
    source_.MoveKept();
    const Tensor own = UnitLength(projector_.Apply(0, Vectors(pairs[0].student)), 2);
    const Tensor wanted = UnitLength(projector_.Apply(1, Vectors(pairs[0].source)), 2);
    const Tensor rows = DrawRows(context.samples).to(own.device());
    const Tensor similarity[] = {Similarity(own, source_, rows),
                                 Similarity(wanted, student_, rows)};
    if (!scale_.defined()) {
      scale_ = at::stack({MeanSum(similarity[0]), MeanSum(similarity[1])}).detach();
    }
    student_.Keep(context.samples, own);
    source_.Keep(context.samples, wanted);
    return Contrast(similarity[0], scale_[0]) + Contrast(similarity[1], scale_[1]);
  }

  std::vector<Tensor> parameters() override { return {projector_.parameters()}; }

  void Save(core::ArchiveWriter& archive, const std::string& name) const override {
    projector_.Save(archive, name + ".parameters");
    student_.Save(archive, name + ".student_memory");
    source_.Save(archive, name + ".source_memory");
    agents::SaveStreams(archive, name + ".rng", rngs_);
    if (scale_.defined()) agents::SaveTensor(archive, name + ".scale", scale_);
  }

  void Load(const core::ArchiveReader& archive, const std::string& name) override {
    projector_.Load(archive, name + ".parameters");
    student_.Load(archive, name + ".student_memory");
    source_.Load(archive, name + ".source_memory");
    agents::LoadStreams(archive, name + ".rng", rngs_);
    scale_.reset();
    if (!archive.Has(name + ".scale")) return;
    scale_ = agents::ReadTensor(archive, name + ".scale").to(student_.rows().device());
  }

 private:
  double num_samples() const { return static_cast<double>(student_.rows().size(1)); }

  // Rows of the memory to look at, [M, B, 1 + K]: each sample's own, then its negatives.
  Tensor DrawRows(const Tensor& samples) {
    const Tensor host = samples.cpu();
    const std::int64_t members = host.size(0), batch = host.size(1), width = 1 + config_.negatives;
    Tensor rows = at::empty({members, batch, width}, at::kLong);
    std::int64_t* row = rows.mutable_data_ptr<std::int64_t>();
    for (std::int64_t m = 0; m < members; ++m) {
      for (std::int64_t b = 0; b < batch; ++b, row += width) {
        row[0] = host[m][b].item<std::int64_t>();
        negatives_.Draw(rngs_.at(static_cast<std::size_t>(m)), row[0],
                        {row + 1, static_cast<std::size_t>(config_.negatives)});
      }
    }
    return rows;
  }

  // exp(v . row / tau), [M, B, 1 + K]. One product with the whole memory reads less than gathering
  // K rows for every sample.
  Tensor Similarity(const Tensor& vectors, const Memory& memory, const Tensor& rows) const {
    return (vectors.bmm(memory.rows().mT()).gather(2, rows) / config_.contrast_temperature).exp();
  }

  // An estimate of the sum over the pool, fixed by the first batch, [M].
  Tensor MeanSum(const Tensor& similarity) const {
    return similarity.mean(c10::IntArrayRef{1, 2}) * num_samples();
  }

  // -log P(data | first) - sum over the others of log P(noise | other), [M, B], where noise is
  // uniform over the pool and K times as frequent.
  Tensor Contrast(const Tensor& similarity, const Tensor& scale) const {
    constexpr double kSmall = 1e-7;
    const std::int64_t count = config_.negatives;
    const double noise = static_cast<double>(count) / num_samples();
    const Tensor p = similarity / scale.view({-1, 1, 1});
    const Tensor data = p.select(2, 0), others = p.narrow(2, 1, count);
    return -(data / (data + noise + kSmall)).log() -
           (noise / (others + noise + kSmall)).log().sum(2);
  }

  RuleConfig config_;
  Projector projector_;  // chains: the student's, the source's
  Memory student_, source_;
  Negatives negatives_;
  std::vector<core::Rng> rngs_;
  Tensor scale_;  // [2, M] of the student's and the source's similarities; undefined before a batch
};

}  // namespace

std::unique_ptr<Rule> MakeCrd(const RuleConfig& config, const RuleInputs& inputs) {
  CheckFeatures(config.kind, inputs.student, inputs.source);
  if (inputs.student.size() != 1) {
    throw ConfigError(
        fmt::format("rule = \"crd\" contrasts one layer; {} are named", inputs.student.size()));
  }
  if (inputs.num_samples <= 1 || inputs.member_seeds.empty()) {
    throw std::invalid_argument("crd needs a pool of samples and the members' seeds");
  }
  Projector projector({{.widths = {inputs.student[0][0], config.embedding}},
                       {.widths = {inputs.source[0][0], config.embedding}}},
                      0, inputs);
  return std::make_unique<Crd>(config, inputs, std::move(projector));
}

}  // namespace duet::distill
