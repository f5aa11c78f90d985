#include "distill/tasks/task_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/config_checks.h"
#include "core/config_reader.h"
#include "core/error.h"
#include "distill/tasks/loss_terms.h"
#include "distill/tasks/metric_names.h"
#include "distill/tasks/model_files.h"
#include "distill/tasks/model_training.h"

namespace duet::tasks {
namespace {

constexpr core::Option<OptimizerKind> kOptimizers[] = {{"sgd", OptimizerKind::kSgd},
                                                       {"adam", OptimizerKind::kAdam}};
constexpr core::Option<TeacherChoice> kTeacherChoices[] = {{"all", TeacherChoice::kAll},
                                                           {"best", TeacherChoice::kBest}};
constexpr core::Option<TeacherSeed> kTeacherSeeds[] = {{"same", TeacherSeed::kSame},
                                                       {"next", TeacherSeed::kNext}};
constexpr core::Option<TeacherEpoch> kTeacherEpochs[] = {{"last", TeacherEpoch::kLast},
                                                         {"selected", TeacherEpoch::kSelected}};
constexpr core::Range<double> kShare = {0.0, 1.0};
constexpr core::Range<double> kWeight = {0.0, 1e6};

}  // namespace

void VisitFields(core::FieldVisitor& v, TrainingConfig& c) {
  v.Field("epochs", c.epochs, {0, 1'000'000}, "passes over the labelled training samples");
  v.Field("batch_size", c.batch_size, {1, 1'000'000}, "samples of a gradient step, of each seed");
  v.Choice("optimizer", c.optimizer, kOptimizers, "what makes a step of a gradient");
  VisitFields(v, c.sgd);
  VisitFields(v, c.rate);
  v.Field("evaluate_every", c.evaluate_every, {1, 1'000'000},
          "epochs from one evaluation to the next");
}

void VisitFields(core::FieldVisitor& v, TermConfig& c) {
  VisitFields(v, c.rule);
  v.Field("weight", c.weight, kWeight, "of this term in the loss");
  v.Field("warmup_epochs", c.warmup_epochs, {0.0, 1e6}, "in which the weight grows from 0");
  v.Field("weight_until", c.weight_until, kShare,
          "share of training at which the weight has fallen to 0; 0: it does not fall");
  v.Field("unlabelled_temperature", c.unlabelled_temperature, {0.0, 1e9},
          "of the rule on unlabelled samples; 0: the same");
  v.Field("student_layers", c.student_layers, "whose features the rule compares");
  v.Field("teacher_layers", c.teacher_layers, "the teacher's, in the same order");
}

void VisitFields(core::FieldVisitor& v, StartConfig& c) {
  v.Field("from", c.from, "model of the same network to start from; empty: random");
  v.Field("share", c.share, kShare, "of its parameters, lambda; the rest is random");
  v.Field("scale_learning_rate", c.scale_learning_rate,
          "whether the learning rate is multiplied by 1 - share");
}

void VisitFields(core::FieldVisitor& v, GuideConfig& c) {
  v.Field("layer", c.layer, "of the teacher, that gives maps: what the guide sees");
  v.Field("channels", c.channels, {1, 4096}, "of the guide's convolutions");
  v.Field("warmup_passes", c.warmup_passes, {0, 1'000'000},
          "over the data, of the guide alone, at first");
  v.Field("student_passes", c.student_passes, {1, 1'000'000}, "of the student in a turn");
  v.Field("guide_passes", c.guide_passes, {1, 1'000'000}, "of the guide in a turn");
  VisitFields(v, c.scaffold);
}

void VisitFields(core::FieldVisitor& v, CompressionConfig& c) {
  VisitFields(v, c.pruning);
  v.Field("mask_from", c.mask_from,
          "model that says which weights are small; empty: its own start");
  v.Field("bits", c.bits, {0, 10}, "of weights, from 2 on; 0: 32");
}

void VisitFields(core::FieldVisitor& v, ModelConfig& c) {
  v.Field("name", c.name, "of its row in tables");
  v.Field("seed_as", c.seed_as,
          "model whose initial parameters and batches it shares; empty: none");
  v.Field("load", c.load, "folder of a trained model; empty: it is trained here");
  v.Field("teachers", c.teachers,
          "models that teach it, or \"average\", the moving average of its own parameters");
  v.Choice("teacher_choice", c.teacher_choice, kTeacherChoices,
           "all teach as one ensemble, or the best on validation alone");
  v.Choice("teacher_seed", c.teacher_seed, kTeacherSeeds, "which seed of the teacher teaches");
  v.Choice("teacher_epoch", c.teacher_epoch, kTeacherEpochs, "when the teacher is taken");
  v.Field("compared_with", c.compared_with,
          "models that do not teach it but whose likeness is measured");
  v.Field("label_weight", c.label_weight, kWeight, "of the loss by labels");
  v.Field("unlabelled_share", c.unlabelled_share, kShare, "of every batch");
  v.Field("train_from", c.train_from, kShare, "first share of the training split it learns from");
  v.Field("train_to", c.train_to, kShare, "last share of it");
  // Below a section a file of settings has no room for single ones.
  v.Section("network", c.network, "what is trained");
  v.Section("training", c.training, "where it differs from the file's [training]");
  v.Section("augmentation", c.augmentation, "where it differs from the file's [augmentation]");
  v.Section("targets", c.targets, "what labels say");
  v.Section("start", c.start, "parameters at the start");
  v.Section("compression", c.compression, "weights at zero, or of few bits");
  v.OptionalSection("guide", c.guide, "scaffolded distillation");
  v.List("rules", c.rules, "terms of the loss by the teacher's answers");
}

void VisitFields(core::FieldVisitor& v, ContrastConfig& c) {
  v.Field("name", c.name, "of its line");
  v.Field("metric", c.metric, "what is compared");
  v.Field("plus", c.plus, "models whose metrics are added, or MODEL/METRIC");
  v.Field("minus", c.minus, "models whose metrics are subtracted, or MODEL/METRIC");
}

void VisitFields(core::FieldVisitor& v, PathConfig& c) {
  v.Field("networks", c.networks, "kinds of networks, from the largest to the smallest");
  v.Field("label_weight", c.label_weight, kWeight, "of the loss by labels, of all students");
  v.List("rules", c.rules, "terms of the loss by the teacher's answers, of all students");
}

void VisitFields(core::FieldVisitor& v, TaskConfig& c) {
  v.Field("name", c.name, "of the run");
  v.Field("seeds", c.seeds, {0, std::int64_t{1} << 53}, "trained side by side");
  v.Field("device", c.device, "\"auto\", \"cpu\" or \"cuda\"");
  v.Field("threads", c.threads, {1, 1024}, "of networks and data");
  v.Field("checkpoint_seconds", c.checkpoint_seconds, {0.0, 1e9},
          "from one checkpoint to the next, at least");
  v.Field("cache", c.cache, "whether trained teachers are kept for other runs");
  v.Field("ds_alpha", c.ds_alpha, kShare, "weight of size in the distillation score");
  v.Field("calibration_bins", c.calibration_bins, {1, 1000}, "of the calibration error");
  v.Section("data", c.data, "images");
  v.Section("training", c.training, "how models learn, where they do not say otherwise");
  v.Section("augmentation", c.augmentation, "how images vary, where models do not say otherwise");
  const auto visit_models = [&] { v.List("models", c.models, "rows of the table"); };
  visit_models();
  if (v.reading()) {
    // Now that there are so many, each begins with the file's settings and reads its own over them.
    for (ModelConfig& model : c.models) {
      model.training = c.training;
      model.augmentation = c.augmentation;
    }
    visit_models();
  }
  v.List("contrasts", c.contrasts, "differences between models, with intervals");
  v.OptionalSection("path", c.path, "search for the best chain of assistants");
}

namespace {

std::vector<std::string> Names(const std::vector<ModelConfig>& models) {
  std::vector<std::string> names;
  for (const ModelConfig& model : models) names.push_back(model.name);
  return names;
}

// The models that a model needs before it is trained.
std::vector<std::string> Needs(const ModelConfig& model) {
  std::vector<std::string> needs;
  for (const auto* names : {&model.teachers, &model.compared_with}) {
    for (const std::string& name : *names) {
      if (name != kOwnAverage) needs.push_back(name);
    }
  }
  for (const std::string& name : {model.start.from, model.compression.mask_from}) {
    if (!name.empty()) needs.push_back(name);
  }
  return needs;
}

// Every network of a path search learns from the best model of each network before it.
std::vector<ModelConfig> PathModels(const TaskConfig& config) {
  std::vector<ModelConfig> models;
  if (!config.path) return models;
  std::vector<std::vector<std::string>> by_network;
  for (std::size_t i = 0; i < config.path->networks.size(); ++i) {
    const std::string& kind = config.path->networks[i];
    ModelConfig model;
    model.network.kind = kind;
    model.training = config.training;
    model.augmentation = config.augmentation;
    by_network.emplace_back();
    for (std::size_t teacher = 0; teacher < std::max<std::size_t>(i, 1); ++teacher) {
      model.name = kind;
      if (i > 0) {
        model.name = fmt::format("{}-from-{}", kind, config.path->networks[teacher]);
        model.teachers = by_network[teacher];
        model.teacher_choice = TeacherChoice::kBest;
        model.label_weight = config.path->label_weight;
        model.rules = config.path->rules;
      }
      by_network[i].push_back(model.name);
      models.push_back(model);
    }
  }
  return models;
}

std::vector<ModelConfig> AllModels(const TaskConfig& config) {
  std::vector<ModelConfig> models = config.models;
  std::ranges::copy(PathModels(config), std::back_inserter(models));
  return models;
}

// Visits what a model needs, then the model.
class Order {
 public:
  explicit Order(const std::vector<ModelConfig>& models) : models_(models) {
    for (const ModelConfig& model : models) Add(model);
  }
  std::vector<ModelConfig> Take() { return std::move(order_); }

 private:
  void Add(const ModelConfig& model) {
    if (done_.contains(model.name)) return;
    const auto begun = std::ranges::find(open_, model.name);
    if (begun != open_.end()) {
      std::vector<std::string> circle(begun, open_.end());
      circle.push_back(model.name);
      throw ConfigError(
          fmt::format("{} need each other; allowed are teachers that can be trained first",
                      fmt::join(circle, " -> ")));
    }
    open_.push_back(model.name);
    for (const std::string& need : Needs(model)) {
      const auto found = std::ranges::find(models_, need, &ModelConfig::name);
      if (found != models_.end()) Add(*found);
    }
    open_.pop_back();
    done_.insert(model.name);
    order_.push_back(model);
  }

  const std::vector<ModelConfig>& models_;
  std::vector<std::string> open_;
  std::set<std::string> done_;
  std::vector<ModelConfig> order_;
};

// Checks that span several fields, with errors that say where the file is at fault.
class Checks {
 public:
  Checks(const core::ConfigFile& file, const TaskConfig& config)
      : file_(file), config_(config), models_(AllModels(config)), names_(Names(models_)) {}

  void Run() {
    core::CheckFolderName(file_, "name", config_.name);
    core::CheckSeeds(file_, "seeds", config_.seeds);
    core::CheckDevice(file_, "device", config_.device);
    if (models_.empty()) Fail("models", "is empty; allowed is at least one model");
    CheckRate("training", config_.training);
    CheckNames();
    for (std::size_t i = 0; i < config_.models.size(); ++i) CheckModel(i);
    if (config_.path) CheckPath(*config_.path);
    CheckContrasts();
    CheckCircles();
  }

 private:
  [[noreturn]] void Fail(const std::string& path, const std::string& text) const {
    throw ConfigError(fmt::format("{} {}", file_.Where(path), text));
  }

  void CheckCircles() const {
    try {
      Order{models_};
    } catch (const ConfigError& error) {
      throw ConfigError(fmt::format("{}: {}", file_.Where("models"), error.what()));
    }
  }

  void CheckRate(const std::string& path, const TrainingConfig& training) const {
    try {
      Validate(training.rate);
    } catch (const ConfigError& error) {
      throw ConfigError(fmt::format("{}: {}", file_.Where(path), error.what()));
    }
    if (training.sgd.nesterov && training.sgd.momentum == 0.0) {
      Fail(path + ".nesterov", "= true needs momentum; allowed is a momentum above 0");
    }
  }

  void CheckNames() const {
    std::set<std::string> taken;
    for (std::size_t i = 0; i < models_.size(); ++i) {
      const bool own = i < config_.models.size();
      const std::string path = own ? fmt::format("models.{}.name", i) : "path.networks";
      const std::string& name = models_[i].name;
      core::CheckFolderName(file_, path, name);
      if (name == kOwnAverage) {
        Fail(path, fmt::format("= \"{}\" means the student's moving average; allowed is another "
                               "name",
                               name));
      }
      if (!taken.insert(name).second) {
        Fail(path, fmt::format("= \"{}\" is taken by a model before it; names must differ", name));
      }
    }
  }

  void CheckKnown(const std::string& path, const std::string& name) const {
    if (std::ranges::find(names_, name) != names_.end()) return;
    Fail(path, fmt::format("names \"{}\", which is no model of the file; allowed are {}", name,
                           fmt::join(names_, ", ")));
  }

  void CheckModel(std::size_t i) const {
    const ModelConfig& model = config_.models[i];
    const std::string path = fmt::format("models.{}", i);
    if (!model.load.empty() && !(model.teachers.empty() && model.rules.empty())) {
      Fail(path + ".load",
           "is given, so the model is not trained; allowed are no teachers and rules");
    }
    if (!model.seed_as.empty()) CheckKnown(path + ".seed_as", model.seed_as);
    CheckRate(path + ".training", model.training);
    CheckTeachers(path, model);
    CheckTerms(path, model);
    CheckSameNetwork(path + ".start.from", model, model.start.from);
    CheckCompression(path, model);
    CheckSamples(path, model);
  }

  void CheckTeachers(const std::string& path, const ModelConfig& model) const {
    for (const std::string& name : model.teachers) {
      if (name == kOwnAverage) {
        if (model.teachers.size() == 1) continue;
        Fail(path + ".teachers", "has \"average\" beside others; allowed is \"average\" alone");
      }
      CheckKnown(path + ".teachers", name);
    }
    for (const std::string& name : model.compared_with) CheckKnown(path + ".compared_with", name);
    if (model.teacher_seed == TeacherSeed::kNext && config_.seeds.size() < 2) {
      Fail(path + ".teacher_seed", "= \"next\" needs at least two seeds");
    }
    if (config_.data.validation > 0) return;
    if (model.teacher_choice == TeacherChoice::kBest && model.teachers.size() > 1) {
      Fail(path + ".teacher_choice",
           "= \"best\" chooses by validation; allowed is a data.validation above 0");
    }
    if (model.teacher_epoch == TeacherEpoch::kSelected) {
      Fail(path + ".teacher_epoch",
           "= \"selected\" is chosen by validation; allowed is a data.validation above 0");
    }
  }

  void CheckTerms(const std::string& path, const ModelConfig& model) const {
    if (model.teachers.empty() && !model.rules.empty()) {
      Fail(path + ".rules",
           "compare with a teacher, and there is none; allowed are teachers, or no "
           "rules");
    }
    if (model.guide) return CheckGuide(path, model);
    if (!model.teachers.empty() && model.rules.empty()) {
      Fail(path + ".teachers",
           "teach by rules, and there are none; allowed is at least one of "
           "[[models.rules]], or compared_with");
    }
    if (model.rules.empty() && model.label_weight == 0.0 && model.load.empty()) {
      Fail(path + ".label_weight", "= 0 leaves nothing to learn from; allowed are rules, or more");
    }
    const bool ensemble = model.teachers.size() > 1 && model.teacher_choice == TeacherChoice::kAll;
    for (std::size_t i = 0; i < model.rules.size(); ++i) {
      const TermConfig& term = model.rules[i];
      const std::string at = fmt::format("{}.rules.{}", path, i);
      if (term.student_layers.size() != term.teacher_layers.size()) {
        Fail(at + ".teacher_layers",
             fmt::format("has {} layers and student_layers {}; allowed are "
                         "as many",
                         term.teacher_layers.size(), term.student_layers.size()));
      }
      if (ensemble && !term.teacher_layers.empty()) {
        Fail(at + ".teacher_layers",
             "are features, which an ensemble has not; allowed is one "
             "teacher");
      }
    }
  }

  void CheckGuide(const std::string& path, const ModelConfig& model) const {
    if (model.teachers.size() != 1 || model.teachers.front() == kOwnAverage) {
      Fail(path + ".guide", "sees its teacher's features; allowed is one teacher");
    }
    if (!model.rules.empty()) {
      Fail(path + ".rules", "stand beside a guide, whose loss is the whole; allowed are none");
    }
    if (model.augmentation.mixup_alpha > 0.0 || model.augmentation.cutmix_alpha > 0.0 ||
        model.unlabelled_share > 0.0) {
      Fail(path + ".guide", "counts mistakes; allowed are labelled images without MixUp or CutMix");
    }
  }

  // Empty, or the name of a model whose parameters this one's can be.
  void CheckSameNetwork(const std::string& path, const ModelConfig& model,
                        const std::string& name) const {
    if (name.empty()) return;
    CheckKnown(path, name);
    const auto from = std::ranges::find(models_, name, &ModelConfig::name);
    if (from->load.empty() && from->network != model.network) {
      Fail(path,
           fmt::format("= \"{}\" has another network; allowed is a model with the same", name));
    }
  }

  void CheckCompression(const std::string& path, const ModelConfig& model) const {
    const CompressionConfig& compression = model.compression;
    CheckSameNetwork(path + ".compression.mask_from", model, compression.mask_from);
    if (compression.bits == 1) {
      Fail(path + ".compression.bits",
           "= 1 is less than one bit and a sign; allowed are 0 and 2 to 10");
    }
    if (model.training.epochs == 0 && model.start.from.empty() && model.load.empty()) {
      Fail(path + ".training.epochs",
           "= 0 leaves a random network; allowed is start.from, or more");
    }
  }

  void CheckSamples(const std::string& path, const ModelConfig& model) const {
    const DataConfig& data = config_.data;
    if (model.unlabelled_share > 0.0 && data.unlabelled == 0 && data.unlabelled_set.empty()) {
      Fail(path + ".unlabelled_share",
           fmt::format("= {} of samples that are not there; allowed is a data.unlabelled above 0",
                       model.unlabelled_share));
    }
    if (model.train_from >= model.train_to) {
      Fail(path + ".train_to",
           fmt::format("= {} is not above train_from = {}", model.train_to, model.train_from));
    }
    const bool mixes =
        model.augmentation.mixup_alpha > 0.0 || model.augmentation.cutmix_alpha > 0.0;
    if (mixes && model.label_weight > 0.0 && model.targets.beta_share > 0.0) {
      Fail(path + ".targets.beta_share", "ranks single labels; allowed is no MixUp or CutMix");
    }
  }

  void CheckPath(const PathConfig& path) const {
    if (path.networks.size() < 2) {
      Fail("path.networks", "has no path; allowed are at least two networks");
    }
    if (path.rules.empty())
      Fail("path", "teaches by rules; allowed is at least one [[path.rules]]");
    if (config_.data.validation == 0) {
      Fail("path", "chooses by validation; allowed is a data.validation above 0");
    }
  }

  void CheckContrasts() const {
    for (std::size_t i = 0; i < config_.contrasts.size(); ++i) {
      const ContrastConfig& contrast = config_.contrasts[i];
      const std::string path = fmt::format("contrasts.{}", i);
      if (contrast.plus.empty()) Fail(path + ".plus", "is empty; allowed is at least one model");
      CheckMetric(path + ".metric", contrast.metric);
      for (const auto& [name, terms] :
           {std::pair(".plus", &contrast.plus), std::pair(".minus", &contrast.minus)}) {
        for (const std::string& term : *terms) {
          const auto slash = term.find('/');
          CheckKnown(path + name, term.substr(0, slash));
          if (slash != std::string::npos) CheckMetric(path + name, term.substr(slash + 1));
        }
      }
    }
  }

  void CheckMetric(const std::string& path, const std::string& metric) const {
    if (std::ranges::find(kMetricNames, metric) != std::end(kMetricNames)) return;
    Fail(path, fmt::format("names \"{}\", which is no metric; allowed are {}", metric,
                           fmt::join(kMetricNames, ", ")));
  }

  const core::ConfigFile& file_;
  const TaskConfig& config_;
  const std::vector<ModelConfig> models_;
  const std::vector<std::string> names_;
};

}  // namespace

namespace {

// The network of a model that another run has trained. Throws ConfigError where it is for other
// images.
NetworkConfig LoadedNetwork(const ModelConfig& model, const ImageShape& shape) {
  const std::filesystem::path path = ModelFolder{model.load}.classifier();
  const ModelFacts facts = ReadModelFacts(path);
  CheckShape(facts, path, shape);
  return facts.network;
}

}  // namespace

TaskConfig LoadTaskConfig(const std::filesystem::path& path,
                          std::span<const std::string> overrides) {
  const core::ConfigFile file(path, overrides);
  TaskConfig config;
  config.name = path.stem().string();
  file.Read(config);
  Checks(file, config).Run();
  return config;
}

std::vector<ModelConfig> ModelsInOrder(const TaskConfig& config) {
  return Order(AllModels(config)).Take();
}

void CheckNetworks(const TaskConfig& config, const ImageShape& shape, std::string_view data) {
  const std::vector<ModelConfig> models = ModelsInOrder(config);
  std::map<std::string, Classifier> made;
  const auto network_of = [&](const ModelConfig& model) -> const Classifier& {
    const NetworkConfig network = model.load.empty() ? model.network : LoadedNetwork(model, shape);
    return made.try_emplace(model.name, network, shape, 1, at::kCPU).first->second;
  };
  for (const ModelConfig& model : models) {
    try {
      const Classifier& student = network_of(model);
      std::map<std::string, std::vector<std::int64_t>> teacher_layers;
      for (const std::string& name : model.teachers) {
        const Classifier& teacher = name == kOwnAverage ? student : made.at(name);
        for (const std::string& layer : TeacherLayersOf(model)) {
          teacher_layers[layer] = teacher.layer_shape(layer);
        }
      }
      LossTerms(model, student, teacher_layers, std::vector<std::uint64_t>{0});
      if (model.guide && teacher_layers.at(model.guide->layer).size() != 3) {
        throw ConfigError(fmt::format(
            "guide.layer = \"{}\" gives vectors; allowed is a layer of the teacher that "
            "gives maps",
            model.guide->layer));
      }
    } catch (const ConfigError& error) {
      throw ConfigError(fmt::format("model \"{}\" on {}: {}", model.name, data, error.what()));
    }
  }
}

}  // namespace duet::tasks
