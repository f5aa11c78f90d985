// The numbers of a trained model: how good it is, and how like its teacher.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "distill/tasks/data/data_config.h"
#include "distill/tasks/metrics.h"
#include "distill/tasks/networks/classifier.h"

namespace duet::tasks {

// Logits [M, N, C] on the host.
struct SplitLogits {
  Tensor train, validation, test;  // undefined where the split is empty
};
SplitLogits AnswerSplits(Classifier& classifier, const DataSplits& data);

// A teacher, or whoever a model is compared with; member m belongs to the model's member m.
struct Reference {
  Tensor train, test;  // logits [M, N, C] on the host
  double size = 0.0;   // parameters of all its networks
};

struct MeasurementOptions {
  std::int64_t calibration_bins = kCalibrationBins;
  double ds_alpha = 0.5;
};

// The metrics of metric_names.h that there are, one number per member; shares in percent. The
// control is the reference's next member: another seed's teacher, which did not teach this one.
std::map<std::string, std::vector<double>> MeasureModel(const SplitLogits& logits,
                                                        const DataSplits& data, double size,
                                                        const std::optional<Reference>& reference,
                                                        const MeasurementOptions& options);

// Seconds that one member takes to answer one image on one thread: the fastest of repeated
// measurements, which other work on the machine disturbs least.
double SecondsPerImage(const Classifier& classifier, const DataSplits& data);

}  // namespace duet::tasks
