#include "runners/comparison.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "core/config_writer.h"
#include "core/error.h"
#include "core/file.h"
#include "runners/console.h"
#include "runners/experiment.h"
#include "runners/interrupt.h"
#include "runners/new_folder.h"
#include "runners/provenance.h"
#include "runners/report.h"
#include "runners/results_json.h"
#include "runners/summary.h"

namespace duet::runners {
namespace {

std::string Outcome(const MethodResult& result) {
  double sum = 0.0;
  const EvaluationPoint& last = result.evaluations.back();
  for (const auto& returns : last.returns) sum += Score(result, returns);
  std::string outcome =
      fmt::format("finished in {}: mean return {}", FormatDuration(result.wall_seconds),
                  FormatScore(sum / static_cast<double>(last.returns.size())));
  if (!result.stopped_early.empty()) {
    outcome += fmt::format(" after {} steps of each learner; stopped early: {}",
                           FormatCount(result.env_steps_per_learner), result.stopped_early);
  }
  return outcome;
}

}  // namespace

void WriteReports(const ComparisonResult& comparison, const std::filesystem::path& folder) {
  core::WriteFileAtomically(folder / "summary.json", SummaryJson(comparison));
  core::WriteFileAtomically(folder / "report.html", RenderReport(comparison));
}

ComparisonResult RunComparison(const RunConfig& config, const std::filesystem::path& folder,
                               bool resume) {
  const std::vector<RunPlan> plans = PlansOf(config);
  return RunPlans({.name = config.name, .settings = core::ToToml(config)}, plans,
                  MethodsAtOnce(config), folder, resume);
}

ComparisonResult RunPlans(const PlansTitle& title, std::span<const RunPlan> plans,
                          std::int64_t at_once, const std::filesystem::path& folder, bool resume) {
  const RunConfig& first = plans.front().config;
  const auto start = std::chrono::steady_clock::now();
  ComparisonResult comparison;
  comparison.name = title.name;
  comparison.task = TaskName(first.env);
  comparison.config_toml = title.settings;
  comparison.provenance = DescribeMachine(first.device);
  core::CreateFolder(folder);
  const core::FolderLock lock(folder);
  core::WriteFileAtomically(folder / title.settings_file, comparison.config_toml);

  const std::shared_ptr<spdlog::logger> log = OpenLog(folder);
  const Provenance& machine = comparison.provenance;
  log->info("{} {} on {}: Duet {}, LibTorch {}, {}, {}, device {}", resume ? "resume" : "start",
            title.name, comparison.task, machine.duet_version, machine.libtorch_version,
            machine.mujoco_version, machine.hardware, machine.device);

  std::vector<std::string> names;
  for (const RunPlan& plan : plans) names.push_back(plan.method.name);
  comparison.methods.resize(names.size());
  std::exception_ptr failure;
  {
    ProgressDisplay display(names);
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    const auto work = [&] {
      for (std::size_t i = next++; i < names.size(); i = next++) {
        std::int64_t evaluations = 0;
        const auto on_progress = [&](const Progress& progress) {
          display.Update(i, progress);
          if (std::exchange(evaluations, progress.evaluations) == progress.evaluations) return;
          log->info("{}: {:.1f} % done, return {:.4g}", names[i], 100.0 * progress.fraction,
                    progress.last_return.value_or(std::nan("")));
        };
        try {
          comparison.methods[i] =
              RunExperiment(plans[i].config, plans[i].method, folder / "methods" / names[i], resume,
                            comparison.provenance, on_progress);
          const std::string outcome = Outcome(comparison.methods[i]);
          display.Finish(i, outcome);
          log->info("{}: {}", names[i], outcome);
        } catch (const Interrupted& interruption) {
          log->info("{}: {}, checkpoint saved", names[i], interruption.what());
          const std::lock_guard lock(mutex);
          if (!failure) failure = std::current_exception();
          return;
        } catch (const std::exception& error) {
          log->error("{}: {}", names[i], error.what());
          const std::lock_guard lock(mutex);
          // A real failure is worth more than the stops that it causes.
          failure = std::current_exception();
          RequestInterrupt();
          return;
        }
      }
    };
    std::vector<std::jthread> workers;
    for (std::int64_t i = 0; i < at_once; ++i) workers.emplace_back(work);
  }
  if (failure) std::rethrow_exception(failure);

  comparison.wall_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  // After a resume the earlier sessions are in the methods' own times alone.
  for (const MethodResult& method : comparison.methods) {
    comparison.wall_seconds = std::max(comparison.wall_seconds, method.wall_seconds);
  }
  WriteReports(comparison, folder);
  log->info("report written, fingerprint {}", Fingerprint(comparison));
  return comparison;
}

}  // namespace duet::runners
