// How good is a classifier, and how like its teacher? Every number is per member, [M] float64.
//
// Shapes: logits [M, N, C] of N samples; labels [N], or [M, N] where members saw samples of their
// own, int64 in [0, C). Shares are in [0, 1], entropies in nats.
#pragma once

#include <cstdint>

#include "agents/tensor.h"

namespace duet::tasks {

using agents::Tensor;

// Share of samples whose likeliest class is their label.
Tensor Accuracy(const Tensor& logits, const Tensor& labels);
// Mean of -log p(label).
Tensor NegativeLogLikelihood(const Tensor& logits, const Tensor& labels);
// Mean Shannon entropy of p: the predictive uncertainty of arXiv:2006.05065.
Tensor MeanEntropy(const Tensor& logits);
// p(label) of each sample, [M, N].
Tensor LabelConfidence(const Tensor& logits, const Tensor& labels);

// Samples by how sure the classifier is of its likeliest class: bin k of K has those whose
// probability is in (k / K, (k + 1) / K].
struct ReliabilityBins {
  Tensor count;       // [M, K]
  Tensor confidence;  // [M, K] mean probability of the likeliest class, 0 in an empty bin
  Tensor accuracy;    // [M, K] share of correct samples, 0 in an empty bin
};
ReliabilityBins Reliability(const Tensor& logits, const Tensor& labels, std::int64_t num_bins);
// Expected calibration error: mean over the samples of |accuracy - confidence| of their bin
// (arXiv:1706.04599).
Tensor CalibrationError(const ReliabilityBins& bins);

// Standard deviation over the samples of one value each, [M, N], divided by N.
Tensor SampleStd(const Tensor& values);
// Differential entropy of one value per sample, [M, N], by spacings of `spacing` neighbours to both
// sides (Vasicek 1976); 0: the root of N. Spacings below 1e-12 count as that, so a value that all
// samples share has a finite entropy too.
Tensor SpacingEntropy(const Tensor& values, std::int64_t spacing = 0);

// Share of samples on which both have the same likeliest class (arXiv:2106.05945, Eq. 2).
Tensor Agreement(const Tensor& student, const Tensor& teacher);
// Mean KL(p_teacher || p_student) without softening (arXiv:2106.05945, Eq. 3).
Tensor PredictiveKl(const Tensor& student, const Tensor& teacher);
// Agreement on the samples that the teacher gets wrong; NaN where it gets all right. A student that
// only became good agrees there no more than one that another teacher taught.
Tensor AgreementOnMistakes(const Tensor& student, const Tensor& teacher, const Tensor& labels);
// Linear centred kernel alignment of two layers' features [M, N, …], in [0, 1] (arXiv:1905.00414);
// 0 where one of them is constant.
Tensor Cka(const Tensor& a, const Tensor& b);

// The distillation score of arXiv:2007.09029: alpha (student size / teacher size) + (1 - alpha)
// (1 - student accuracy / teacher accuracy); lower is better, below 0 only where the student is
// more accurate. Sizes in any common unit, accuracies too. `alpha` in [0, 1]; the paper's example
// has 0.5. Returns of agents must be shifted so that acting at random has 0, or their ratio says
// nothing. Throws std::invalid_argument where the teacher's size or accuracy is not positive.
struct SizeAndAccuracy {
  double size, accuracy;
};
double DistillationScore(const SizeAndAccuracy& student, const SizeAndAccuracy& teacher,
                         double alpha = 0.5);

inline constexpr std::int64_t kCalibrationBins = 15;  // arXiv:1706.04599

}  // namespace duet::tasks
