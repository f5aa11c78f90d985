// What a supervised distillation task has to say; the input of its table, summary and report.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runners/results.h"

namespace duet::runners {

// One number per seed.
using PerSeed = std::vector<double>;

// The state of a model after an epoch.
struct EpochPoint {
  std::int64_t epoch = 0;                 // passes over the training samples so far
  std::map<std::string, PerSeed> values;  // "train_loss", "validation_accuracy", …
};

// Which parameters of a model are meant: those after its last epoch, or those of the epoch that was
// best on the validation split, chosen for each seed. The test split chooses nothing.
enum class Snapshot { kLast, kSelected };
inline constexpr std::array<Snapshot, 2> kSnapshots = {Snapshot::kLast, Snapshot::kSelected};
// "last" or "selected".
std::string SnapshotName(Snapshot snapshot);

// Predictions by their confidence, over all seeds: bin b holds those in (b / n, (b + 1) / n].
struct Reliability {
  std::vector<double> share;       // of all predictions
  std::vector<double> confidence;  // mean of the bin; 0 where it is empty
  std::vector<double> accuracy;    // share of right ones; 0 where it is empty
};

// One model of a task, all its seeds.
struct ModelResult {
  std::string name;
  std::string network;                // "cnn4"
  std::vector<std::string> teachers;  // those that taught it
  std::vector<std::int64_t> seeds;
  std::int64_t parameters = 0;  // of one seed's network
  // Numbers of 32 bits that hold them: pruned weights count nothing, quantised ones by their bits.
  double size = 0.0;
  // Of one seed's ONNX file after the last epoch, with weights as floats and in a byte each; 0:
  // none.
  std::int64_t onnx_bytes = 0, onnx_int8_bytes = 0;
  std::int64_t multiplications = 0;     // for one image
  std::int64_t epochs = 0;              // 0: loaded
  std::int64_t gradient_steps = 0;      // of each seed
  double wall_seconds = 0.0;            // of training, all seeds
  double images_per_second = 0.0;       // trained, all seeds
  double milliseconds_per_image = 0.0;  // one seed answering one image; 0: not measured
  std::vector<EpochPoint> curve;
  // "test_accuracy" … as docs/distill/metrics.md explains; accuracies, agreements and calibration
  // errors in percent.
  std::map<std::string, PerSeed> last, selected;
  std::vector<std::int64_t> selected_epochs;  // one per seed
  Reliability reliability;                    // of the last epoch, on the test split
  std::string parameters_sha256;

  const std::map<std::string, PerSeed>& metrics(Snapshot snapshot) const {
    return snapshot == Snapshot::kLast ? last : selected;
  }
};

// A difference that the settings ask about: sum of some models' metric minus the sum of others'.
struct ContrastResult {
  std::string name;
  std::string metric;
  std::vector<std::string> plus, minus;
  PerSeed last, selected;
};

// The best way from a large network to each smaller one, by validation accuracy.
struct PathResult {
  std::vector<std::string> models;  // teacher first, student last
  double validation_accuracy = 0.0;
};

// A whole task.
struct TaskResult {
  std::string name;
  std::string data;  // "shapes, 24x24: 3,000 train, 500 validation, 2,000 test"
  std::string config_toml;
  Provenance provenance;
  double wall_seconds = 0.0;
  double ds_alpha = 0.5;
  std::vector<ModelResult> models;
  std::vector<ContrastResult> contrasts;
  // Mean top-1 agreement in percent on the test split between all pairs of models of equal seeds,
  // after the last epoch.
  std::vector<std::vector<double>> agreement;
  std::vector<PathResult> paths;
};

}  // namespace duet::runners
