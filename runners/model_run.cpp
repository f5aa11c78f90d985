#include "runners/model_run.h"

#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "core/archive.h"
#include "core/error.h"
#include "core/file.h"
#include "distill/tasks/measurement.h"
#include "distill/tasks/model_training.h"
#include "distill/tasks/onnx_export.h"
#include "distill/tasks/teacher.h"
#include "runners/checkpoint_pace.h"
#include "runners/interrupt.h"
#include "runners/measurement_files.h"
#include "runners/task_results_json.h"
#include "runners/task_summary.h"

namespace duet::runners {
namespace {

namespace fs = std::filesystem;
using agents::Numbers;
using Clock = std::chrono::steady_clock;

// TensorBoard's name of a column.
std::string Tag(const std::string& name) {
  for (const std::string_view split : {"validation", "test"}) {
    if (name.starts_with(fmt::format("{}_", split))) {
      return fmt::format("{}/{}", split, name.substr(split.size() + 1));
    }
  }
  if (name == "train_loss") return "train/loss";
  if (name == "batch_accuracy") return "train/accuracy";
  if (name == "label_loss" || name == "learning_rate") return "train/" + name;
  return "distill/" + name;
}

// One row of metrics.csv per epoch and seed, and one event file per seed.
class EpochWriter {
 public:
  EpochWriter(const fs::path& folder, std::vector<std::int64_t> seeds,
              std::vector<std::string> names)
      : seeds_(std::move(seeds)), names_(std::move(names)), files_(folder, Columns(names_)) {}

  void Write(const EpochPoint& point, std::int64_t steps, double images_per_second) {
    const double now = SecondsSince1970();
    for (std::size_t seed = 0; seed < seeds_.size(); ++seed) {
      std::string row = fmt::format("{},{},{}", point.epoch, steps, seeds_[seed]);
      EventWriter& events = files_.Events(fmt::format("seed_{}", seeds_[seed]));
      for (const std::string& name : names_) {
        const auto found = point.values.find(name);
        const double value = found == point.values.end() ? std::nan("") : found->second[seed];
        row += fmt::format(",{}", CsvCell(value));
        if (!std::isnan(value)) events.AddScalar(Tag(name), point.epoch, value, now);
      }
      files_.AppendRow(row);
      events.AddScalar("time/images_per_second", point.epoch, images_per_second, now);
      events.AddScalar("train/n_updates", point.epoch, static_cast<double>(steps), now);
    }
    files_.Flush();
  }

  std::string SaveState() const { return files_.SaveState(); }
  void LoadState(const std::string& state) { files_.LoadState(state); }

 private:
  static std::string Columns(const std::vector<std::string>& names) {
    std::string columns = "epoch,gradient_steps,seed";
    for (const std::string& name : names) columns += "," + name;
    return columns;
  }

  std::vector<std::int64_t> seeds_;
  std::vector<std::string> names_;
  MeasurementFiles files_;
};

// Seeds of the teachers of each seed of a student.
std::vector<std::int64_t> TeacherSeeds(std::vector<std::int64_t> seeds, tasks::TeacherSeed which) {
  if (which == tasks::TeacherSeed::kNext) {
    std::rotate(seeds.begin(), seeds.begin() + 1, seeds.end());
  }
  return seeds;
}

// Those of these models that teach: all, or the best on validation.
std::vector<std::string> Chosen(const TaskContext& context, const tasks::ModelConfig& model) {
  if (model.teacher_choice == tasks::TeacherChoice::kAll || model.teachers.size() < 2) {
    return model.teachers;
  }
  const auto accuracy = [&](const std::string& name) {
    return MetricEstimate(context.results.at(name), Snapshot::kLast, "validation_accuracy").value;
  };
  return {*std::ranges::max_element(model.teachers, {}, accuracy)};
}

std::vector<tasks::TeacherModel> Models(const TaskContext& context, const tasks::ModelConfig& model,
                                        const std::vector<std::string>& names) {
  std::vector<tasks::TeacherModel> models;
  for (const std::string& name : names) {
    if (name == tasks::kOwnAverage) continue;
    models.push_back({.folder = context.FolderOf(name),
                      .epoch = model.teacher_epoch,
                      .seeds = TeacherSeeds(context.config.seeds, model.teacher_seed)});
  }
  return models;
}

// From making the training to its last checkpoint.
class ModelRun {
 public:
  ModelRun(const TaskContext& context, const tasks::ModelConfig& model, bool resume,
           const std::function<void(const Progress&)>& on_progress)
      : context_(context),
        model_(model),
        folder_(context.FolderOf(model.name)),
        teachers_(Chosen(context, model)),
        on_progress_(on_progress),
        options_{.shape = tasks::ShapeOf(context.data.train),
                 .device = context.device,
                 .augmentation = model.augmentation,
                 .layers = tasks::TeacherLayersOf(model),
                 .data_fingerprint = context.data_fingerprint} {
    PrepareFolder(resume);
    result_.name = model.name;
    result_.seeds = context.config.seeds;
    result_.teachers = teachers_;
  }

  ModelResult Run() {
    if (model_.load.empty()) {
      Train();
    } else {
      Load();
    }
    core::WriteFileAtomically(folder_.result(), ModelResultJson(result_));
    std::error_code code;
    fs::remove_all(folder_.checkpoint().parent_path(), code);
    return result_;
  }

 private:
  void PrepareFolder(bool resume) const {
    core::CreateFolder(folder_.path);
    if (resume && fs::exists(folder_.checkpoint())) return;
    // Without a checkpoint to continue from, measurements of a start that got nowhere are void.
    fs::remove(folder_.path / "metrics.csv");
    fs::remove_all(folder_.path / "events");
    fs::remove_all(folder_.checkpoint().parent_path());
  }

  tasks::TrainingInputs Inputs() const {
    tasks::TrainingInputs inputs{.data = context_.data,
                                 .member_seeds = tasks::MemberSeeds(context_.config.seeds, model_),
                                 .device = context_.device,
                                 .teacher = nullptr,
                                 .teacher_layers = {},
                                 .start = {},
                                 .mask_source = {}};
    const std::vector<tasks::TeacherModel> models = Models(context_, model_, teachers_);
    if (!models.empty()) {
      inputs.teacher = tasks::MakeTeacher(models, context_.data, options_);
      if (!options_.layers.empty()) {
        const tasks::Classifier teacher = LoadOne(models.front());
        for (const std::string& layer : options_.layers) {
          inputs.teacher_layers[layer] = teacher.layer_shape(layer);
        }
      }
    }
    if (!model_.start.from.empty()) {
      tasks::Classifier from =
          LoadOne({.folder = context_.FolderOf(model_.start.from),
                   .epoch = model_.teacher_epoch,
                   .seeds = TeacherSeeds(context_.config.seeds, model_.teacher_seed)});
      inputs.start = {from.parameters().detach().clone(), from.buffers().clone()};
    }
    if (const std::string& name = model_.compression.mask_from; !name.empty()) {
      inputs.mask_source = LoadOne({.folder = context_.FolderOf(name), .seeds = result_.seeds})
                               .parameters()
                               .detach();
    }
    return inputs;
  }

  tasks::Classifier LoadOne(const tasks::TeacherModel& model) const {
    return tasks::LoadModel(model.folder.classifier(), model.epoch, model.seeds, options_.shape,
                            context_.device);
  }

  void Train() {
    tasks::ModelTraining training(model_, Inputs());
    EpochWriter writer(folder_.path, result_.seeds, training.value_names());
    if (fs::exists(folder_.checkpoint())) Resume(training, writer);
    start_ = Clock::now();
    pace_.emplace(context_.config.checkpoint_seconds);
    first_images_ = training.num_images();
    ShowProgress(training);
    while (!training.done()) {
      while (training.Step()) {
        if (InterruptRequested()) {
          SaveCheckpoint(training, writer);
          throw Interrupted(fmt::format("{}: stopped in epoch {} of {}", model_.name,
                                        training.epoch() + 1, model_.training.epochs));
        }
        MaybeCheckpoint(training, writer);
        MaybeShowProgress(training);
      }
      FinishEpoch(training, writer);
      MaybeCheckpoint(training, writer);
    }
    result_.epochs = training.epoch();
    result_.gradient_steps = training.num_steps();
    result_.wall_seconds = WallSeconds();
    result_.images_per_second =
        static_cast<double>(training.num_images()) / std::max(result_.wall_seconds, 1e-9);
    result_.selected_epochs = training.selected_epochs();
    result_.size = Mean(training.sizes());
    tasks::SaveModel(folder_.classifier(), training.classifier(), result_.seeds,
                     context_.data.normalization, training.last(), training.selected());
    Measure();
  }

  // A model of another run: its parameters are copied and measured on this run's data.
  void Load() {
    const tasks::ModelFolder from{model_.load};
    // Both of its states are kept, for the seeds of this run alone.
    tasks::Classifier last = tasks::LoadModel(from.classifier(), tasks::TeacherEpoch::kLast,
                                              result_.seeds, options_.shape, context_.device);
    const tasks::Classifier selected =
        tasks::LoadModel(from.classifier(), tasks::TeacherEpoch::kSelected, result_.seeds,
                         options_.shape, context_.device);
    const auto state = [](const tasks::Classifier& of) {
      return tasks::ModelState{of.parameters().detach(), of.buffers()};
    };
    tasks::SaveModel(folder_.classifier(), last, result_.seeds, context_.data.normalization,
                     state(last), state(selected));
    result_.selected_epochs.assign(result_.seeds.size(), 0);
    result_.size = static_cast<double>(last.num_parameters());
    Measure();
  }

  void Resume(tasks::ModelTraining& training, EpochWriter& writer) {
    const core::ArchiveReader archive(folder_.checkpoint());
    if (!archive.Has("kind") || archive.GetText("kind") != "model checkpoint") {
      throw IoError(fmt::format("{}: is not a checkpoint of a model's training",
                                folder_.checkpoint().string()));
    }
    training.Load(archive);
    const ModelResult saved = ParseModelResult(archive.GetText("result"), folder_.checkpoint());
    result_.curve = saved.curve;
    wall_seconds_before_ = saved.wall_seconds;
    writer.LoadState(archive.GetText("metrics"));
  }

  void FinishEpoch(tasks::ModelTraining& training, EpochWriter& writer) {
    EpochPoint point;
    point.values = training.FinishEpoch();
    point.epoch = training.epoch();
    writer.Write(point, training.num_steps(), ImagesPerSecond(training));
    result_.curve.push_back(std::move(point));
    ShowProgress(training);
  }

  double WallSeconds() const { return wall_seconds_before_ + Seconds(Clock::now() - start_); }

  double ImagesPerSecond(const tasks::ModelTraining& training) const {
    const double seconds = Seconds(Clock::now() - start_);
    const auto images = static_cast<double>(training.num_images() - first_images_);
    return seconds > 0.0 ? images / seconds : 0.0;
  }

  void SaveCheckpoint(const tasks::ModelTraining& training, const EpochWriter& writer) {
    const Clock::time_point begin = Clock::now();
    result_.wall_seconds = WallSeconds();
    core::ArchiveWriter archive;
    archive.AddText("kind", "model checkpoint");
    training.Save(archive);
    archive.AddText("result", ModelResultJson(result_));
    archive.AddText("metrics", writer.SaveState());
    core::CreateFolder(folder_.checkpoint().parent_path());
    archive.Write(folder_.checkpoint());
    pace_->Saved(begin);
  }

  void MaybeCheckpoint(const tasks::ModelTraining& training, const EpochWriter& writer) {
    if (pace_->Due()) SaveCheckpoint(training, writer);
  }

  void ShowProgress(const tasks::ModelTraining& training) {
    Progress progress;
    progress.fraction = training.fraction();
    progress.steps_per_second = ImagesPerSecond(training);
    progress.evaluations = training.epoch();
    progress.unit = "images/s";
    progress.measure = "accuracy %";
    for (const char* name : {"test_accuracy", "validation_accuracy"}) {
      if (result_.curve.empty()) break;
      const auto found = result_.curve.back().values.find(name);
      if (found != result_.curve.back().values.end()) progress.last_return = Mean(found->second);
    }
    on_progress_(progress);
    last_progress_ = Clock::now();
  }

  void MaybeShowProgress(const tasks::ModelTraining& training) {
    if (Seconds(Clock::now() - last_progress_) >= 0.2) ShowProgress(training);
  }

  // Whom the model is compared with: its teachers, or whoever the settings name.
  std::optional<tasks::Reference> Compared() const {
    std::vector<std::string> names = teachers_;
    std::erase(names, tasks::kOwnAverage);
    if (names.empty()) names = model_.compared_with;
    if (names.empty()) return std::nullopt;
    const std::vector<tasks::TeacherModel> models = Models(context_, model_, names);
    tasks::Reference reference;
    const auto answer = [&](const tasks::ImageSet& set) {
      return tasks::TeacherLogits(models, set, context_.data.normalization, options_);
    };
    reference.train = answer(context_.data.train);
    reference.test = answer(context_.data.test);
    for (const std::string& name : names) {
      reference.size += context_.results.at(name).size;
    }
    return reference;
  }

  void Measure() {
    const tasks::MeasurementOptions options{.calibration_bins = context_.config.calibration_bins,
                                            .ds_alpha = context_.config.ds_alpha};
    const std::optional<tasks::Reference> reference = Compared();
    core::ArchiveWriter predictions;
    std::vector<at::Tensor> kept;  // until they are written
    for (const Snapshot snapshot : kSnapshots) {
      const bool is_last = snapshot == Snapshot::kLast;
      tasks::Classifier classifier =
          LoadOne({.folder = folder_,
                   .epoch = is_last ? tasks::TeacherEpoch::kLast : tasks::TeacherEpoch::kSelected,
                   .seeds = result_.seeds});
      const tasks::SplitLogits logits = tasks::AnswerSplits(classifier, context_.data);
      (is_last ? result_.last : result_.selected) =
          tasks::MeasureModel(logits, context_.data, result_.size, reference, options);
      kept.push_back(logits.test.contiguous());
      agents::SaveTensor(predictions, SnapshotName(snapshot), kept.back());
      if (!is_last) continue;
      result_.network = classifier.config().kind;
      result_.parameters = classifier.num_parameters();
      result_.multiplications = classifier.num_multiplications();
      result_.milliseconds_per_image = 1e3 * tasks::SecondsPerImage(classifier, context_.data);
      Export(classifier);
      SetReliability(logits.test);
    }
    predictions.Write(folder_.predictions());
    result_.parameters_sha256 = core::FileSha256(folder_.classifier());
  }

  // The first seed's network for use elsewhere. Weights that are trained in few bits keep them.
  void Export(const tasks::Classifier& classifier) {
    const std::int64_t bits = model_.compression.bits;
    const auto export_as = [&](const fs::path& path, std::int64_t stored_bits) {
      tasks::ExportOnnx(classifier.Graph(0), {.bits = stored_bits}, path);
      return static_cast<std::int64_t>(fs::file_size(path));
    };
    result_.onnx_bytes = export_as(folder_.onnx(), 0);
    result_.onnx_int8_bytes = export_as(folder_.onnx_int8(), bits > 0 && bits < 8 ? bits : 8);
  }

  void SetReliability(const at::Tensor& logits) {
    const tasks::ReliabilityBins bins =
        tasks::Reliability(logits, context_.data.test.labels, context_.config.calibration_bins);
    const at::Tensor count = bins.count.to(at::kDouble);
    const at::Tensor all = count.sum(0);
    const auto mean = [&](const at::Tensor& of) {
      return Numbers((of.to(at::kDouble) * count).sum(0) / all.clamp_min(1.0));
    };
    result_.reliability = {.share = Numbers(all / all.sum()),
                           .confidence = mean(bins.confidence),
                           .accuracy = mean(bins.accuracy)};
  }

  const TaskContext& context_;
  const tasks::ModelConfig& model_;
  const tasks::ModelFolder folder_;
  const std::vector<std::string> teachers_;
  const std::function<void(const Progress&)>& on_progress_;
  const tasks::TeacherOptions options_;
  ModelResult result_;
  std::int64_t first_images_ = 0;  // where this session started
  double wall_seconds_before_ = 0.0;
  std::optional<CheckpointPace> pace_;  // of this session
  Clock::time_point start_, last_progress_;
};

}  // namespace

ModelResult RunModel(const TaskContext& context, const tasks::ModelConfig& model, bool resume,
                     const std::function<void(const Progress&)>& on_progress) {
  return ModelRun(context, model, resume, on_progress).Run();
}

}  // namespace duet::runners
