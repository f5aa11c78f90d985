#include "distill/tasks/measurement.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "distill/tasks/teacher.h"

namespace duet::tasks {
namespace {

using agents::Numbers;
using Values = std::map<std::string, std::vector<double>>;

constexpr double kPercent = 100.0;

void MeasureFidelity(const std::string& prefix, const Tensor& logits, const Tensor& teacher,
                     const Tensor& labels, Values& values) {
  values[prefix + "_agreement"] = Numbers(Agreement(logits, teacher) * kPercent);
  values[prefix + "_kl"] = Numbers(PredictiveKl(logits, teacher));
  if (!labels.defined()) return;
  values[prefix + "_agreement_on_mistakes"] =
      Numbers(AgreementOnMistakes(logits, teacher, labels) * kPercent);
}

}  // namespace

SplitLogits AnswerSplits(Classifier& classifier, const DataSplits& data) {
  const auto answer = [&](const ImageSet& set) {
    return set.size() == 0 ? Tensor() : PlainLogits(classifier, set, data.normalization).cpu();
  };
  return {.train = answer(data.train),
          .validation = answer(data.validation),
          .test = answer(data.test)};
}

Values MeasureModel(const SplitLogits& logits, const DataSplits& data, double size,
                    const std::optional<Reference>& reference, const MeasurementOptions& options) {
  Values values;
  values["train_accuracy"] = Numbers(Accuracy(logits.train, data.train.labels) * kPercent);
  values["train_nll"] = Numbers(NegativeLogLikelihood(logits.train, data.train.labels));
  values["train_entropy"] = Numbers(MeanEntropy(logits.train));
  if (logits.validation.defined()) {
    values["validation_accuracy"] =
        Numbers(Accuracy(logits.validation, data.validation.labels) * kPercent);
  }
  const Tensor& test = logits.test;
  const Tensor& labels = data.test.labels;
  const Tensor accuracy = Accuracy(test, labels);
  const Tensor confidence = LabelConfidence(test, labels);
  values["test_accuracy"] = Numbers(accuracy * kPercent);
  values["test_nll"] = Numbers(NegativeLogLikelihood(test, labels));
  values["test_ece"] =
      Numbers(CalibrationError(Reliability(test, labels, options.calibration_bins)) * kPercent);
  values["test_entropy"] = Numbers(MeanEntropy(test));
  values["test_confidence_std"] = Numbers(SampleStd(confidence));
  values["test_confidence_entropy"] = Numbers(SpacingEntropy(confidence));
  if (!reference) return values;

  MeasureFidelity("train", logits.train, reference->train, {}, values);
  MeasureFidelity("test", test, reference->test, labels, values);
  if (test.size(0) > 1) {
    MeasureFidelity("control", test, reference->test.roll(-1, 0), labels, values);
  }
  const std::vector<double> own = Numbers(accuracy);
  const std::vector<double> theirs = Numbers(Accuracy(reference->test, labels));
  for (std::size_t m = 0; m < own.size(); ++m) {
    values["distillation_score"].push_back(
        theirs[m] > 0.0
            ? DistillationScore({.size = size, .accuracy = own[m]},
                                {.size = reference->size, .accuracy = theirs[m]}, options.ds_alpha)
            : std::nan(""));
  }
  return values;
}

double SecondsPerImage(const Classifier& classifier, const DataSplits& data) {
  constexpr int kRounds = 501;
  const c10::NoGradGuard no_grad;
  const std::int64_t first[] = {0};
  Classifier one = classifier.Select(first);
  const Tensor image =
      PlainBatch(data.test, 0, 1, data.normalization).unsqueeze(0).to(one.device());
  const int threads = at::get_num_threads();
  at::set_num_threads(1);  // a single image has no work for more, and waking them takes longer
  double fastest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kRounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    one.Forward(image, Mode::kEvaluate).logits.cpu();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    fastest = std::min(fastest, seconds.count());
  }
  at::set_num_threads(threads);
  return fastest;
}

}  // namespace duet::tasks
