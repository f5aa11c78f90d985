#include "distill/tasks/data/data_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "distill/tasks/data/image_sets.h"
#include "distill/tasks/data/splits.h"

namespace duet::tasks {
namespace {

constexpr std::int64_t kMostSamples = 1'000'000'000;
constexpr core::Option<NormalizationKind> kNormalizations[] = {
    {"standard", NormalizationKind::kStandard}, {"symmetric", NormalizationKind::kSymmetric}};

// Samples of a set that are not in a split yet.
class Pool {
 public:
  Pool(ImageSet set, const DataConfig& config, std::string_view stream)
      : set_(std::move(set)),
        order_(SplitOrder(set_.labels, config.stratified,
                          core::SplitSeed(static_cast<std::uint64_t>(config.split_seed), stream))),
        end_(order_.size()) {}

  std::int64_t left() const { return static_cast<std::int64_t>(end_ - begin_); }

  // The next `count` samples, in the order of the file.
  ImageSet TakeFirst(std::int64_t count, std::string_view name) {
    begin_ += static_cast<std::size_t>(count);
    return Take(begin_ - static_cast<std::size_t>(count), count, name);
  }
  // The last ones.
  ImageSet TakeLast(std::int64_t count, std::string_view name) {
    end_ -= static_cast<std::size_t>(count);
    return Take(end_, count, name);
  }

 private:
  ImageSet Take(std::size_t first, std::int64_t count, std::string_view name) const {
    std::vector<std::int64_t> rows(order_.begin() + static_cast<std::ptrdiff_t>(first),
                                   order_.begin() + static_cast<std::ptrdiff_t>(first) + count);
    std::ranges::sort(rows);
    ImageSet subset = Subset(set_, rows);
    subset.name =
        fmt::format("{}/{}", std::string_view(set_.name).substr(0, set_.name.find('/')), name);
    return subset;
  }

  ImageSet set_;
  std::vector<std::int64_t> order_;
  std::size_t begin_ = 0;
  std::size_t end_;
};

void CheckCounts(const DataConfig& c, std::int64_t samples) {
  const std::int64_t unlabelled = c.unlabelled_set.empty() ? c.unlabelled : 0;
  const std::int64_t needed = std::max<std::int64_t>(c.train, 1) + c.validation + unlabelled;
  if (needed <= samples) return;
  throw ConfigError(fmt::format(
      "data: train = {}, validation = {} and unlabelled = {} need {} samples; the training part of "
      "{} has {}",
      c.train, c.validation, unlabelled, needed, c.set, samples));
}

ImageSet ReadResized(const std::string& set, Part part, const DataConfig& config) {
  const ImageSet read = ReadImageSet(set, part, config);
  if (config.resolution > 0) return Resize(read, config.resolution);
  return read;
}

// Unlabelled samples of another set, which must look like those of the first one.
ImageSet TakeOthers(const DataConfig& config, const ImageSet& like) {
  const ImageSet others = ReadResized(config.unlabelled_set, Part::kTrain, config);
  if (others.pixels.sizes().slice(1) != like.pixels.sizes().slice(1)) {
    throw ConfigError(
        fmt::format("data.unlabelled_set: images of {} are {} x {} x {}, those of {} {} x {} x {}",
                    config.unlabelled_set, others.channels(), others.height(), others.width(),
                    config.set, like.channels(), like.height(), like.width()));
  }
  Pool pool(others, config, "unlabelled set");
  if (config.unlabelled > pool.left()) {
    throw ConfigError(fmt::format("data.unlabelled = {}; the training part of {} has {}",
                                  config.unlabelled, config.unlabelled_set, pool.left()));
  }
  return pool.TakeFirst(config.unlabelled == 0 ? pool.left() : config.unlabelled, "unlabelled");
}

ImageSet TakeTest(const DataConfig& config) {
  Pool pool(ReadResized(config.set, Part::kTest, config), config, "test");
  if (config.test > pool.left()) {
    throw ConfigError(fmt::format("data.test = {}; the test part of {} has {}", config.test,
                                  config.set, pool.left()));
  }
  return pool.TakeFirst(config.test == 0 ? pool.left() : config.test, "test");
}

}  // namespace

void VisitFields(core::FieldVisitor& v, DataConfig& c) {
  std::vector<std::string> names = ImageSetNames();
  std::vector<core::Option<std::string>> sets, unlabelled_sets = {{"", ""}};
  for (const std::string& name : names) sets.push_back({name, name});
  unlabelled_sets.insert(unlabelled_sets.end(), sets.begin(), sets.end());
  v.Choice("set", c.set, std::span<const core::Option<std::string>>(sets), "which images");
  v.Field("directory", c.directory, "where the files are; empty: the environment's DUET_DATA");
  v.Field("resolution", c.resolution, {0, 4096}, "pixels of a side; 0: as stored");
  v.Field("train", c.train, {0, kMostSamples}, "labelled samples to learn from; 0: all left over");
  v.Field("validation", c.validation, {0, kMostSamples}, "samples taken from the training part");
  v.Field("unlabelled", c.unlabelled, {0, kMostSamples},
          "samples without labels, from the training part; of unlabelled_set, 0: all");
  v.Choice("unlabelled_set", c.unlabelled_set,
           std::span<const core::Option<std::string>>(unlabelled_sets),
           "take unlabelled samples from this set's training part; empty: from the set's own");
  v.Field("test", c.test, {0, kMostSamples}, "samples of the test part; 0: all");
  v.Field("split_seed", c.split_seed, {0}, "which samples go where");
  v.Field("stratified", c.stratified, "every split has the classes in the whole's proportions");
  v.Choice("normalization", c.normalization, kNormalizations,
           "standard: the train split's mean and deviation of a channel become 0 and 1; symmetric: "
           "pixels become [-1, 1]");
  v.Section("shapes", c.shapes, "of the set shapes");
}

DataSplits LoadData(const DataConfig& config) {
  Pool pool(ReadResized(config.set, Part::kTrain, config), config, "train");
  CheckCounts(config, pool.left());
  DataSplits splits;
  splits.validation = pool.TakeFirst(config.validation, "validation");
  splits.unlabelled =
      pool.TakeLast(config.unlabelled_set.empty() ? config.unlabelled : 0, "unlabelled");
  splits.train = pool.TakeFirst(config.train == 0 ? pool.left() : config.train, "train");
  if (!config.unlabelled_set.empty()) splits.unlabelled = TakeOthers(config, splits.train);
  splits.test = TakeTest(config);
  if (splits.test.pixels.sizes().slice(1) != splits.train.pixels.sizes().slice(1) ||
      splits.test.num_classes != splits.train.num_classes) {
    throw IoError(
        fmt::format("{}: the test part has images of another size or other classes than "
                    "the training part",
                    config.set));
  }
  splits.normalization = config.normalization == NormalizationKind::kStandard
                             ? MeasureNormalization(splits.train)
                             : SymmetricNormalization(splits.train.channels());
  return splits;
}

}  // namespace duet::tasks
