#include "distill/tasks/metrics.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "distill/rules/classes.h"
#include "distill/tasks/targets.h"

namespace duet::tasks {
namespace {

// Labels [N] or [M, N] as [M, N].
Tensor LabelsOf(const Tensor& logits, const Tensor& labels) {
  return labels.expand({logits.size(0), logits.size(1)});
}

// Means and sums are taken in float64, over what was computed in the logits' own type.
Tensor Share(const Tensor& condition) { return condition.to(at::kDouble).mean(1); }

Tensor Correct(const Tensor& logits, const Tensor& labels) {
  return logits.argmax(2) == LabelsOf(logits, labels);
}

// log p(label), [M, N].
Tensor LabelLogProb(const Tensor& logits, const Tensor& labels) {
  return logits.log_softmax(2).gather(2, LabelsOf(logits, labels).unsqueeze(2)).squeeze(2);
}

// Features as [M, N, D] float64 less their mean over the samples.
Tensor CentredFeatures(const Tensor& features) {
  const Tensor flat = features.flatten(2).to(at::kDouble);
  return flat - flat.mean(1, /*keepdim=*/true);
}

// |a b^T|^2 of Gram matrices' entries: sum over the samples' pairs of <a_i, a_j> <b_i, b_j>, [M].
Tensor GramProduct(const Tensor& a, const Tensor& b) {
  if (a.size(1) <= std::max(a.size(2), b.size(2))) {
    return (a.bmm(a.mT()) * b.bmm(b.mT())).sum(c10::IntArrayRef{1, 2});
  }
  return a.mT().bmm(b).square().sum(c10::IntArrayRef{1, 2});
}

}  // namespace

Tensor Accuracy(const Tensor& logits, const Tensor& labels) {
  return Share(Correct(logits, labels));
}

Tensor NegativeLogLikelihood(const Tensor& logits, const Tensor& labels) {
  return -LabelLogProb(logits, labels).to(at::kDouble).mean(1);
}

Tensor MeanEntropy(const Tensor& logits) { return Entropy(logits).to(at::kDouble).mean(1); }

Tensor LabelConfidence(const Tensor& logits, const Tensor& labels) {
  return LabelLogProb(logits, labels).exp();
}

ReliabilityBins Reliability(const Tensor& logits, const Tensor& labels, std::int64_t num_bins) {
  const Tensor confidence = logits.softmax(2).amax(2).to(at::kDouble);
  const Tensor correct = Correct(logits, labels).to(at::kDouble);
  const double bins = static_cast<double>(num_bins);
  const Tensor bin = (confidence * bins).ceil().sub(1.0).clamp(0.0, bins - 1.0).to(at::kLong);
  const auto sum = [&](const Tensor& values) {
    return at::zeros({logits.size(0), num_bins}, values.options()).scatter_add(1, bin, values);
  };
  const Tensor count = sum(at::ones_like(confidence)), least_one = count.clamp_min(1.0);
  return {.count = count,
          .confidence = sum(confidence) / least_one,
          .accuracy = sum(correct) / least_one};
}

Tensor CalibrationError(const ReliabilityBins& bins) {
  const Tensor gaps = (bins.accuracy - bins.confidence).abs();
  return (bins.count * gaps).sum(1) / bins.count.sum(1);
}

Tensor SampleStd(const Tensor& values) { return values.to(at::kDouble).std(1, /*unbiased=*/false); }

Tensor SpacingEntropy(const Tensor& values, std::int64_t spacing) {
  constexpr double kLeast = 1e-12;
  const std::int64_t count = values.size(1);
  const double root = std::sqrt(static_cast<double>(count));
  const std::int64_t m = spacing > 0 ? spacing : std::max<std::int64_t>(1, std::llround(root));
  const Tensor sorted = std::get<0>(values.to(at::kDouble).sort(1));
  const Tensor rank = at::arange(count, sorted.options().dtype(at::kLong));
  const Tensor above = sorted.index_select(1, (rank + m).clamp_max(count - 1));
  const Tensor below = sorted.index_select(1, (rank - m).clamp_min(0));
  const double scale = static_cast<double>(count) / (2.0 * static_cast<double>(m));
  return ((above - below).clamp_min(kLeast) * scale).log().mean(1);
}

Tensor Agreement(const Tensor& student, const Tensor& teacher) {
  return Share(student.argmax(2) == teacher.argmax(2));
}

Tensor PredictiveKl(const Tensor& student, const Tensor& teacher) {
  return distill::CategoricalKl(teacher, student).to(at::kDouble).mean(1);
}

Tensor AgreementOnMistakes(const Tensor& student, const Tensor& teacher, const Tensor& labels) {
  const Tensor mistake = Correct(teacher, labels).logical_not();
  const Tensor same = (student.argmax(2) == teacher.argmax(2)).logical_and(mistake);
  return same.to(at::kDouble).sum(1) / mistake.to(at::kDouble).sum(1);
}

Tensor Cka(const Tensor& a, const Tensor& b) {
  constexpr double kTiny = 1e-300;
  const Tensor x = CentredFeatures(a), y = CentredFeatures(b);
  const Tensor norms = (GramProduct(x, x) * GramProduct(y, y)).sqrt();
  return GramProduct(x, y) / norms.clamp_min(kTiny);
}

double DistillationScore(const SizeAndAccuracy& student, const SizeAndAccuracy& teacher,
                         double alpha) {
  if (!(teacher.size > 0.0) || !(teacher.accuracy > 0.0)) {
    throw std::invalid_argument(
        fmt::format("a teacher of size {} and accuracy {} is nothing to compare with; both must be "
                    "above 0",
                    teacher.size, teacher.accuracy));
  }
  if (!(alpha >= 0.0 && alpha <= 1.0)) {
    throw std::invalid_argument(fmt::format("alpha = {} is outside [0, 1]", alpha));
  }
  return alpha * (student.size / teacher.size) +
         (1.0 - alpha) * (1.0 - student.accuracy / teacher.accuracy);
}

}  // namespace duet::tasks
