// A supervised distillation task as one settings file: data, and models that learn from it and from
// each other.
//
// Every system of the literature is a row of choices here. An ensemble is a model with several
// teachers, an assistant chain a chain of models, a generation a model whose teacher has the same
// network, a control the other seed's teacher.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields.h"
#include "distill/rule.h"
#include "distill/rules/scaffold.h"
#include "distill/tasks/data/augmentation.h"
#include "distill/tasks/data/data_config.h"
#include "distill/tasks/learning_rate.h"
#include "distill/tasks/networks/network_config.h"
#include "distill/tasks/sgd.h"
#include "distill/tasks/targets.h"

namespace duet::tasks {

enum class OptimizerKind { kSgd, kAdam };

// How long and with what steps a model learns.
struct TrainingConfig {
  std::int64_t epochs = 30;       // passes over the labelled training samples
  std::int64_t batch_size = 128;  // of each seed
  OptimizerKind optimizer = OptimizerKind::kSgd;
  SgdConfig sgd;
  LearningRateConfig rate;
  std::int64_t evaluate_every = 1;  // epochs from one evaluation to the next; the last always is
};
void VisitFields(core::FieldVisitor& v, TrainingConfig& c);

// One term of a model's loss: how far from its teacher it answers.
struct TermConfig {
  distill::RuleConfig rule;
  double weight = 1.0;
  double warmup_epochs = 0.0;  // in which the weight grows linearly from 0
  // The weight falls linearly to 0 at this share of training; 0: it does not.
  double weight_until = 0.0;
  // Of the rule on unlabelled samples; 0: as on labelled ones.
  double unlabelled_temperature = 0.0;
  std::vector<std::string> student_layers;  // whose features the rule is shown, in this order
  std::vector<std::string> teacher_layers;  // the teacher's that they are compared with
};
void VisitFields(core::FieldVisitor& v, TermConfig& c);

// Parameters to start from.
struct StartConfig {
  std::string from;    // a model of the file with the same network; empty: random parameters alone
  double share = 1.0;  // of its parameters, the rest is random (lambda of arXiv:2106.05945)
  // The learning rate is multiplied by 1 - share, as that paper's code does.
  bool scale_learning_rate = true;
};
void VisitFields(core::FieldVisitor& v, StartConfig& c);

// Of several teachers, which ones teach.
enum class TeacherChoice {
  kAll,   // the log of their mean probability
  kBest,  // the one of the highest mean validation accuracy after its last epoch
};
// Which seed of a teacher teaches a seed of the student.
enum class TeacherSeed { kSame, kNext };
// Which of a teacher's parameters teach: those after its last epoch or those best on validation.
enum class TeacherEpoch { kLast, kSelected };

// The teacher's name that means the moving average of the student's own parameters.
inline constexpr std::string_view kOwnAverage = "average";

// Scaffolded distillation (DiSK, ICLR 2023): a guide helps the student with what is too hard for
// it, and both learn in turns. The scaffolded loss stands in place of labels and rules.
struct GuideConfig {
  distill::ScaffoldConfig scaffold;
  std::string layer;                // of the one teacher, that gives maps: what the guide sees
  std::int64_t channels = 256;      // of its convolutions
  std::int64_t warmup_passes = 5;   // over the data, of the guide alone, before everything
  std::int64_t student_passes = 3;  // in a turn; they count as epochs
  std::int64_t guide_passes = 3;    // in a turn
};
void VisitFields(core::FieldVisitor& v, GuideConfig& c);

struct ModelConfig {
  std::string name = "model";
  // The model whose random streams it takes, so that both start and see batches alike; empty: its
  // own, which follow from its name.
  std::string seed_as;
  std::string load;  // folder of a model that another run has trained; empty: it is trained here
  NetworkConfig network;
  TrainingConfig training;          // what is not given here is as in the file's [training]
  AugmentationConfig augmentation;  // … and [augmentation]
  std::vector<std::string> teachers;
  TeacherChoice teacher_choice = TeacherChoice::kAll;
  TeacherSeed teacher_seed = TeacherSeed::kSame;
  TeacherEpoch teacher_epoch = TeacherEpoch::kLast;
  // Models that do not teach it and with which it is compared all the same; where it has teachers,
  // they are.
  std::vector<std::string> compared_with;
  double label_weight = 1.0;  // of the loss by labels
  TargetConfig targets;       // what labels say
  std::vector<TermConfig> rules;
  std::optional<GuideConfig> guide;
  StartConfig start;
  double unlabelled_share = 0.0;  // of every batch
  double train_from = 0.0;  // the part of the training split that it learns from, as shares …
  double train_to = 1.0;    // … of the samples in their order
};
void VisitFields(core::FieldVisitor& v, ModelConfig& c);

// A difference per seed, with its interval: the sum of a metric over some models minus that over
// others.
struct ContrastConfig {
  std::string name = "difference";
  std::string metric = "test_accuracy";
  std::vector<std::string> plus, minus;  // models, or "model/metric" where it is another metric
};
void VisitFields(core::FieldVisitor& v, ContrastConfig& c);

// The search for the best chain of assistants from the first network to the last (arXiv:1902.03393,
// section 5): every network learns from the best model of each network before it, so that the best
// way to each is made of best ways to larger ones. Adds the models NETWORK and
// NETWORK-from-TEACHER to the file's.
struct PathConfig {
  std::vector<std::string> networks;  // from the largest to the smallest
  double label_weight = 0.5;
  std::vector<TermConfig> rules;
};
void VisitFields(core::FieldVisitor& v, PathConfig& c);

struct TaskConfig {
  std::string name = "task";
  std::vector<std::int64_t> seeds = {0, 1, 2};
  std::string device = "auto";
  std::int64_t threads = 1;
  double checkpoint_seconds = 60.0;  // from one checkpoint to the next, at least
  bool cache = true;                 // whether trained teachers are kept for other runs
  double ds_alpha = 0.5;             // of the distillation score, arXiv:2007.09029
  std::int64_t calibration_bins = 15;
  DataConfig data;
  TrainingConfig training;
  AugmentationConfig augmentation;
  std::vector<ModelConfig> models;
  std::vector<ContrastConfig> contrasts;
  std::optional<PathConfig> path;
};
void VisitFields(core::FieldVisitor& v, TaskConfig& c);

// Reads and checks a settings file. Throws ConfigError or IoError of one line.
TaskConfig LoadTaskConfig(const std::filesystem::path& path,
                          std::span<const std::string> overrides);

// The models of the file and those of the path search, in the order in which they are trained:
// teachers first, otherwise as in the file. Throws ConfigError where models teach each other in a
// circle.
std::vector<ModelConfig> ModelsInOrder(const TaskConfig& config);

// The networks can take such images and the rules such networks. `data` names the set in errors.
// Throws ConfigError.
void CheckNetworks(const TaskConfig& config, const ImageShape& shape, std::string_view data);

}  // namespace duet::tasks
