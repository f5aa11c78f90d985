// The section [data] of a supervised image task: which images, and which of them for what.
#pragma once

#include <cstdint>
#include <string>

#include "core/fields.h"
#include "distill/tasks/data/image_set.h"
#include "distill/tasks/data/normalization.h"
#include "distill/tasks/data/shapes.h"

namespace duet::tasks {

enum class NormalizationKind { kStandard, kSymmetric };

struct DataConfig {
  std::string set = "shapes";   // a name of ImageSetNames()
  std::string directory;        // where the files are; empty: the environment variable DUET_DATA
  std::int64_t resolution = 0;  // pixels of a side; 0: as stored
  std::int64_t train = 0;       // labelled samples to learn from; 0: all that are left over
  std::int64_t validation = 0;  // taken from the training part
  std::int64_t unlabelled = 0;  // samples without labels; taken from the training part
  std::string unlabelled_set = {};  // take them from this set's training part instead; empty: no
  std::int64_t test = 0;            // of the test part; 0: all
  std::int64_t split_seed = 0;      // which samples go where
  bool stratified = true;           // every split has the classes in the proportions of the whole
  NormalizationKind normalization = NormalizationKind::kStandard;
  ShapesConfig shapes = {};  // of the set "shapes"
};
void VisitFields(core::FieldVisitor& v, DataConfig& c);

// Disjoint splits. A larger `train` adds samples to a smaller one, and validation and test do not
// depend on it. Splits that were not asked for have no samples but the shape of the others.
struct DataSplits {
  ImageSet train;
  ImageSet validation;
  ImageSet test;
  ImageSet unlabelled;  // its labels are not to be learned from; they may be those of another set
  Normalization normalization;  // of the train split, or the symmetric one
};

// Reads the set, draws the splits and brings the images to the resolution. Throws ConfigError where
// the settings ask for more samples than there are, and IoError of one line where a file is missing
// (with address, size and checksum of what is wanted), truncated or damaged.
DataSplits LoadData(const DataConfig& config);

}  // namespace duet::tasks
