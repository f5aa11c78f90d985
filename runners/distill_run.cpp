#include "runners/distill_run.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/archive.h"
#include "core/config_writer.h"
#include "core/error.h"
#include "core/file.h"
#include "distill/tasks/metrics.h"
#include "runners/best_path.h"
#include "runners/console.h"
#include "runners/interrupt.h"
#include "runners/model_cache.h"
#include "runners/model_run.h"
#include "runners/new_folder.h"
#include "runners/provenance.h"
#include "runners/summary.h"
#include "runners/task_report.h"
#include "runners/task_results_json.h"
#include "runners/task_summary.h"

namespace duet::runners {
namespace {

namespace fs = std::filesystem;

std::string FingerprintOf(const tasks::DataSplits& data) {
  core::Sha256 digest;
  for (const tasks::ImageSet* set : {&data.train, &data.validation, &data.test, &data.unlabelled}) {
    digest.Update(set->size() == 0 ? std::string("none") : tasks::Fingerprint(*set));
  }
  digest.Update(std::as_bytes(std::span(data.normalization.mean)));
  digest.Update(std::as_bytes(std::span(data.normalization.std)));
  return digest.HexDigest();
}

// The models that others learn from or start from.
std::set<std::string> Needed(const std::vector<tasks::ModelConfig>& models) {
  std::set<std::string> needed;
  for (const tasks::ModelConfig& model : models) {
    needed.insert(model.teachers.begin(), model.teachers.end());
    if (!model.start.from.empty()) needed.insert(model.start.from);
  }
  return needed;
}

std::string Outcome(const ModelResult& model, std::string_view how) {
  return fmt::format("{}: accuracy {} %", how,
                     FormatEstimate(MetricEstimate(model, Snapshot::kLast, "test_accuracy"), 1));
}

// Mean agreement of all pairs of models on the test split, in percent.
std::vector<std::vector<double>> AgreementMatrix(const TaskContext& context,
                                                 const std::vector<ModelResult>& models) {
  std::vector<at::Tensor> logits;
  for (const ModelResult& model : models) {
    const core::ArchiveReader archive(context.FolderOf(model.name).predictions());
    logits.push_back(agents::ReadTensor(archive, SnapshotName(Snapshot::kLast)));
  }
  std::vector<std::vector<double>> matrix(models.size(), std::vector<double>(models.size(), 100.0));
  for (std::size_t i = 0; i < models.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      matrix[i][j] = matrix[j][i] =
          100.0 * tasks::Agreement(logits[i], logits[j]).mean().item<double>();
    }
  }
  return matrix;
}

// Adds a model's metric, times `sign`, seed by seed; what is not there is NaN.
void AddMetric(const ModelResult& model, Snapshot snapshot, const std::string& metric, double sign,
               PerSeed& sum) {
  const auto& metrics = model.metrics(snapshot);
  const auto found = metrics.find(metric);
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] += found == metrics.end() ? std::nan("") : sign * found->second[i];
  }
}

ContrastResult Contrast(const tasks::ContrastConfig& config,
                        const std::map<std::string, ModelResult>& results) {
  ContrastResult contrast{.name = config.name,
                          .metric = config.metric,
                          .plus = config.plus,
                          .minus = config.minus,
                          .last = {},
                          .selected = {}};
  for (const Snapshot snapshot : kSnapshots) {
    PerSeed& sum = snapshot == Snapshot::kLast ? contrast.last : contrast.selected;
    sum.assign(results.begin()->second.seeds.size(), 0.0);
    for (const auto& [terms, sign] :
         {std::pair(&config.plus, 1.0), std::pair(&config.minus, -1.0)}) {
      for (const std::string& term : *terms) {
        const auto slash = term.find('/');
        const std::string metric =
            slash == std::string::npos ? config.metric : term.substr(slash + 1);
        AddMetric(results.at(term.substr(0, slash)), snapshot, metric, sign, sum);
      }
    }
  }
  return contrast;
}

std::vector<PathResult> Paths(const std::vector<std::string>& networks,
                              const std::map<std::string, ModelResult>& results) {
  const auto model_of = [&](std::size_t student, std::size_t teacher) {
    return fmt::format("{}-from-{}", networks[student], networks[teacher]);
  };
  std::vector<std::vector<double>> scores(networks.size());
  for (std::size_t s = 1; s < networks.size(); ++s) {
    for (std::size_t t = 0; t < s; ++t) {
      const ModelResult& model = results.at(model_of(s, t));
      scores[s].push_back(MetricEstimate(model, Snapshot::kLast, "validation_accuracy").value);
    }
  }
  std::vector<PathResult> paths;
  for (const std::vector<std::size_t>& path : BestPaths(scores)) {
    PathResult& result = paths.emplace_back();
    for (const std::size_t network : path) result.models.push_back(networks[network]);
    const std::size_t student = path.back();
    result.validation_accuracy = scores[student][path[path.size() - 2]];
  }
  return paths;
}

// Trains, fetches or reads back the models in order.
class ModelLoop {
 public:
  ModelLoop(TaskContext& context, std::vector<tasks::ModelConfig> models, bool resume,
            spdlog::logger& log)
      : context_(context),
        models_(std::move(models)),
        resume_(resume),
        log_(log),
        needed_(Needed(models_)),
        cache_(context.config, context.data_fingerprint, context.device.str()),
        display_(Names()) {}

  std::vector<ModelResult> Run() {
    std::vector<ModelResult> results;
    for (std::size_t i = 0; i < models_.size(); ++i) {
      cache_.Add(models_[i]);
      results.push_back(RunOne(i));
      context_.results[models_[i].name] = results.back();
    }
    return results;
  }

 private:
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const tasks::ModelConfig& model : models_) names.push_back(model.name);
    return names;
  }

  ModelResult RunOne(std::size_t i) {
    const tasks::ModelConfig& model = models_[i];
    const tasks::ModelFolder folder = context_.FolderOf(model.name);
    if (resume_ && fs::exists(folder.result())) {
      return Done(i, ReadModelResult(folder.result()), "finished before");
    }
    const bool kept = context_.config.cache && needed_.contains(model.name) && model.load.empty();
    if (kept && cache_.Fetch(model.name, folder.path)) {
      return Done(i, ReadModelResult(folder.result()), "trained by an earlier run");
    }
    try {
      const ModelResult result = RunModel(context_, model, resume_, [&](const Progress& progress) {
        display_.Update(i, progress);
      });
      if (kept) cache_.Keep(model.name, folder.path);
      return Done(i, result,
                  result.epochs == 0
                      ? std::string("loaded")
                      : fmt::format("finished in {}", FormatDuration(result.wall_seconds)));
    } catch (const Interrupted& interruption) {
      log_.info("{}, checkpoint saved", interruption.what());
      throw;
    } catch (const std::exception& error) {
      log_.error("{}: {}", model.name, error.what());
      throw;
    }
  }

  ModelResult Done(std::size_t i, ModelResult result, std::string_view how) {
    const std::string outcome = Outcome(result, how);
    display_.Finish(i, outcome);
    log_.info("{}: {}", models_[i].name, outcome);
    return result;
  }

  TaskContext& context_;
  const std::vector<tasks::ModelConfig> models_;
  const bool resume_;
  spdlog::logger& log_;
  const std::set<std::string> needed_;
  ModelCache cache_;
  ProgressDisplay display_;
};

}  // namespace

std::string DescribeData(const tasks::DataConfig& config, const tasks::DataSplits& data) {
  std::string text = fmt::format("{}, {}x{}: {} train", config.set, data.train.height(),
                                 data.train.width(), FormatCount(data.train.size()));
  for (const auto& [name, set] :
       {std::pair("validation", &data.validation), std::pair("unlabelled", &data.unlabelled),
        std::pair("test", &data.test)}) {
    if (set->size() > 0) text += fmt::format(", {} {}", FormatCount(set->size()), name);
  }
  return text;
}

void WriteReports(const TaskResult& task, const fs::path& folder) {
  core::WriteFileAtomically(folder / "summary.json", TaskSummaryJson(task));
  core::WriteFileAtomically(folder / "report.html", RenderTaskReport(task));
}

TaskResult RunTask(const tasks::TaskConfig& config, const tasks::DataSplits& data,
                   const fs::path& folder, bool resume) {
  const auto start = std::chrono::steady_clock::now();
  at::set_num_threads(static_cast<int>(config.threads));
  TaskResult task;
  task.name = config.name;
  task.data = DescribeData(config.data, data);
  task.config_toml = core::ToToml(config);
  task.ds_alpha = config.ds_alpha;
  task.provenance = DescribeMachine(config.device);
  core::CreateFolder(folder);
  const core::FolderLock lock(folder);
  core::WriteFileAtomically(folder / "config.toml", task.config_toml);
  const std::shared_ptr<spdlog::logger> log = OpenLog(folder);
  log->info("{} {} on {}: Duet {}, LibTorch {}, {}, device {}", resume ? "resume" : "start",
            task.name, task.data, task.provenance.duet_version, task.provenance.libtorch_version,
            task.provenance.hardware, task.provenance.device);

  TaskContext context{.config = config,
                      .data = data,
                      .data_fingerprint = FingerprintOf(data),
                      .device = agents::ChooseDevice(config.device),
                      .folder = folder,
                      .results = {}};
  task.models = ModelLoop(context, tasks::ModelsInOrder(config), resume, *log).Run();
  task.agreement = AgreementMatrix(context, task.models);
  for (const tasks::ContrastConfig& contrast : config.contrasts) {
    task.contrasts.push_back(Contrast(contrast, context.results));
  }
  if (config.path) task.paths = Paths(config.path->networks, context.results);
  task.wall_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  double trained = 0.0;
  for (const ModelResult& model : task.models) trained += model.wall_seconds;
  // After a resume the earlier sessions are in the models' own times alone.
  task.wall_seconds = std::max(task.wall_seconds, trained);
  WriteReports(task, folder);
  log->info("report written, fingerprint {}", Fingerprint(task));
  return task;
}

}  // namespace duet::runners
