#include "distill/tasks/model_training.h"

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <utility>

#include "core/archive.h"
#include "distill/tasks/pruning.h"
#include "distill/tasks/quantization.h"
#include "tests/support/temp_folder.h"

namespace duet::tasks {
namespace {

using support::TempFolder;

DataSplits Shapes() {
  DataConfig config;
  config.resolution = 8;
  config.train = 96;
  config.validation = 40;
  config.test = 40;
  config.shapes.train_images = 200;
  config.shapes.test_images = 40;
  return LoadData(config);
}

ModelConfig Small(const std::string& name) {
  ModelConfig model;
  model.name = name;
  model.network = {.kind = "cnn", .channels = {4, 8}};
  model.training.epochs = 3;
  model.training.batch_size = 32;
  model.training.rate.learning_rate = 0.05;
  model.augmentation.flip = true;
  return model;
}

TermConfig Kd() {
  TermConfig term;
  term.rule = distill::RuleDefaults(distill::RuleKind::kKd);
  return term;
}

// Answers everybody with the first class.
class FirstClass : public Teacher {
 public:
  distill::Answer Answer(const ImageBatch& batch) override {
    Tensor logits = at::zeros({batch.labels.size(0), batch.labels.size(1), 10});
    logits.select(2, 0).fill_(8.0);
    return distill::ClassifierAnswer(logits);
  }
};

TrainingInputs Inputs(const DataSplits& data, const ModelConfig& model,
                      const std::vector<std::int64_t>& seeds) {
  TrainingInputs inputs{.data = data,
                        .member_seeds = MemberSeeds(seeds, model),
                        .device = at::kCPU,
                        .teacher = nullptr,
                        .teacher_layers = {},
                        .start = {},
                        .mask_source = {}};
  if (!model.rules.empty()) inputs.teacher = std::make_unique<FirstClass>();
  return inputs;
}

Tensor Train(const DataSplits& data, const ModelConfig& model,
             const std::vector<std::int64_t>& seeds) {
  ModelTraining training(model, Inputs(data, model, seeds));
  while (!training.done()) {
    while (training.Step()) {
    }
    training.FinishEpoch();
  }
  return training.last().parameters;
}

TEST(ModelTrainingTest, TheLossFalls) {
  const DataSplits data = Shapes();
  ModelConfig model = Small("a");
  model.training.epochs = 8;
  ModelTraining training(model, Inputs(data, model, {0, 1}));
  std::vector<EpochValues> epochs;
  while (!training.done()) {
    while (training.Step()) {
    }
    epochs.push_back(training.FinishEpoch());
  }
  for (std::size_t m = 0; m < 2; ++m) {
    EXPECT_LT(epochs.back().at("train_loss")[m], epochs.front().at("train_loss")[m]);
    EXPECT_GE(epochs.back().at("validation_accuracy")[m], 0.0);
  }
  for (const auto& [name, values] : epochs.back()) {
    const std::vector<std::string> names = training.value_names();
    EXPECT_NE(std::ranges::find(names, name), names.end()) << name;
  }
}

TEST(ModelTrainingTest, ASeedLearnsTheSameWhicheverSeedsRunBesideIt) {
  const DataSplits data = Shapes();
  const ModelConfig model = Small("a");
  const Tensor both = Train(data, model, {3, 5});
  EXPECT_TRUE(both[1].allclose(Train(data, model, {5})[0], 1e-4, 1e-5));
}

TEST(ModelTrainingTest, NamesAndSeedsGiveOtherStreamsAndSeedAsShares) {
  const DataSplits data = Shapes();
  const Tensor a = Train(data, Small("a"), {0});
  EXPECT_FALSE(at::equal(a, Train(data, Small("b"), {0})));
  EXPECT_FALSE(at::equal(a, Train(data, Small("a"), {1})));
  ModelConfig shared = Small("b");
  shared.seed_as = "a";
  EXPECT_TRUE(at::equal(a, Train(data, shared, {0})));
}

TEST(ModelTrainingTest, ATeacherOfWeightZeroChangesNothing) {
  const DataSplits data = Shapes();
  const ModelConfig alone = Small("a");
  ModelConfig taught = Small("a");
  taught.teachers = {"teacher"};
  taught.rules = {Kd()};
  taught.rules[0].weight = 0.0;
  EXPECT_TRUE(at::equal(Train(data, alone, {0, 1}), Train(data, taught, {0, 1})));
}

TEST(ModelTrainingTest, AStudentOfTheTeacherAloneDoesAsItDoes) {
  const DataSplits data = Shapes();
  ModelConfig model = Small("a");
  model.training.epochs = 6;
  model.label_weight = 0.0;
  model.teachers = {"teacher"};
  model.rules = {Kd()};
  ModelTraining training(model, Inputs(data, model, {0}));
  while (!training.done()) {
    while (training.Step()) {
    }
    training.FinishEpoch();
  }
  Classifier student = training.classifier();
  const Tensor logits = PlainLogits(student, data.test, data.normalization);
  EXPECT_GT(logits.argmax(2).eq(0).to(at::kDouble).mean().item<double>(), 0.9);
}

TEST(ModelTrainingTest, ContinuesExactlyFromAmidAnEpoch) {
  const DataSplits data = Shapes();
  ModelConfig model = Small("a");
  model.teachers = {std::string(kOwnAverage)};
  model.rules = {Kd()};
  model.targets.beta_share = 0.5;
  const auto inputs = [&] {
    TrainingInputs made = Inputs(data, model, {0, 1});
    made.teacher = nullptr;
    return made;
  };
  ModelTraining whole(model, inputs());
  const TempFolder folder;
  EpochValues last;
  for (int step = 0; !whole.done(); ++step) {
    if (step == 4) {  // in the second epoch
      core::ArchiveWriter archive;
      whole.Save(archive);
      archive.Write(folder / "checkpoint");
    }
    if (!whole.Step()) last = whole.FinishEpoch();
  }
  ModelTraining resumed(model, inputs());
  resumed.Load(core::ArchiveReader(folder / "checkpoint"));
  EpochValues resumed_last;
  while (!resumed.done()) {
    while (resumed.Step()) {
    }
    resumed_last = resumed.FinishEpoch();
  }
  EXPECT_EQ(resumed_last, last);
  EXPECT_TRUE(at::equal(resumed.last().parameters, whole.last().parameters));
  EXPECT_TRUE(at::equal(resumed.selected().parameters, whole.selected().parameters));
  EXPECT_EQ(resumed.selected_epochs(), whole.selected_epochs());
}

TEST(ModelTrainingTest, AStartAtShareOneIsTheOtherModel) {
  const DataSplits data = Shapes();
  ModelConfig model = Small("a");
  model.start = {.from = "other", .share = 1.0};
  const Classifier other = ModelTraining(Small("b"), Inputs(data, Small("b"), {0})).classifier();
  const ModelState state{other.parameters().detach(), other.buffers()};
  TrainingInputs inputs = Inputs(data, model, {0});
  inputs.start = state;
  ModelTraining training(model, std::move(inputs));
  EXPECT_TRUE(at::equal(training.last().parameters, state.parameters));

  model.start.share = 0.0;
  TrainingInputs unused = Inputs(data, model, {0});
  unused.start = state;
  ModelTraining random(model, std::move(unused));
  model.start.from.clear();
  EXPECT_TRUE(at::equal(random.last().parameters,
                        ModelTraining(model, Inputs(data, model, {0})).last().parameters));
}

TEST(ModelTrainingTest, PrunedWeightsStayAtZeroAndATicketIsTheStartThatTheMaskLeaves) {
  const DataSplits data = Shapes();
  const Tensor trained = Train(data, Small("a"), {0, 1});
  ModelConfig ticket = Small("b");
  ticket.seed_as = "a";
  ticket.compression.pruning.sparsity = 0.8;
  ticket.compression.mask_from = "a";
  const auto inputs = [&] {
    TrainingInputs made = Inputs(data, ticket, {0, 1});
    made.mask_source = trained;
    return made;
  };
  ModelTraining training(ticket, inputs());
  const auto layout = training.classifier().layout();
  const Tensor mask = MagnitudeMask(ticket.compression.pruning, layout, trained);
  const Tensor initial =
      ModelTraining(Small("a"), Inputs(data, Small("a"), {0, 1})).last().parameters;
  EXPECT_TRUE(at::equal(training.last().parameters, initial * mask));
  const Tensor sparsity = Sparsity(layout, training.last().parameters);
  while (training.Step()) {
    EXPECT_TRUE(at::equal(Sparsity(layout, training.last().parameters), sparsity));
  }
  EXPECT_NEAR(sparsity[0].item<double>(), 0.8, 0.01);
  EXPECT_LT(training.sizes()[0], 0.4 * static_cast<double>(training.classifier().num_parameters()));
}

TEST(ModelTrainingTest, QuantisedWeightsHaveFewValuesAndNoEpochsLeaveTheStart) {
  const DataSplits data = Shapes();
  ModelConfig model = Small("a");
  model.compression.bits = 3;
  ModelTraining aware(model, Inputs(data, model, {0}));
  while (!aware.done()) {
    while (aware.Step()) {
    }
    aware.FinishEpoch();
  }
  for (const ModelState& state : {aware.last(), aware.selected()}) {
    const ParameterBlock& block = aware.classifier().layout().front();
    const Tensor channel = block.Rows(state.parameters).view(block.shape)[0].flatten();
    EXPECT_LE(std::get<0>(at::_unique(channel)).numel(), 7);
  }
  model.training.epochs = 0;
  model.start = {.from = "other", .share = 1.0};
  TrainingInputs inputs = Inputs(data, model, {0});
  const Tensor dense = Train(data, Small("b"), {0});
  inputs.start = {dense, aware.classifier().buffers()};
  ModelTraining after(model, std::move(inputs));
  EXPECT_TRUE(after.done());
  EXPECT_TRUE(
      at::equal(after.last().parameters, QuantizeWeights(after.classifier().layout(), dense, 3)));
}

TEST(ModelTrainingTest, APartOfTheSplitIsCountedInTheWholePool) {
  const DataSplits data = Shapes();
  class Watcher : public FirstClass {
   public:
    explicit Watcher(std::int64_t& least) : least_(least) {}
    distill::Answer Answer(const ImageBatch& batch) override {
      least_ = std::min(least_, batch.samples.min().item<std::int64_t>());
      return FirstClass::Answer(batch);
    }

   private:
    std::int64_t& least_;
  };
  ModelConfig model = Small("a");
  model.teachers = {"teacher"};
  model.rules = {Kd()};
  model.train_from = 0.5;
  std::int64_t least = 1000;
  TrainingInputs inputs = Inputs(data, model, {0});
  inputs.teacher = std::make_unique<Watcher>(least);
  ModelTraining training(model, std::move(inputs));
  while (training.Step()) {
  }
  EXPECT_EQ(least, 48);
}

}  // namespace
}  // namespace duet::tasks
