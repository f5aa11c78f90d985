#include "runners/experiment.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/config_writer.h"
#include "core/file.h"
#include "runners/results_json.h"
#include "runners/run_folder.h"
#include "runners/teacher.h"
#include "runners/training.h"

namespace duet::runners {
namespace {

void WriteResult(const RunFolder& folder, const MethodResult& result,
                 const Provenance& provenance) {
  core::WriteFileAtomically(folder.result(), ResultJson(result, provenance));
}

RunConfig OnlyMethod(const RunConfig& config, const MethodConfig& method) {
  RunConfig only = config;
  only.methods = {method};
  return only;
}

void PrepareFolder(const RunConfig& config, const MethodConfig& method, const RunFolder& folder) {
  core::CreateFolder(folder.path);
  // Without a checkpoint to continue from, measurements of a start that got nowhere are void.
  if (!std::filesystem::exists(folder.checkpoint())) {
    std::filesystem::remove(folder.path / "metrics.csv");
    std::filesystem::remove_all(folder.path / "events");
  }
  core::WriteFileAtomically(folder.config(), core::ToToml(OnlyMethod(config, method)));
}

// A population without a teacher: learners alone or in pairs.
MethodResult RunPopulation(const RunConfig& config, const MethodConfig& method,
                           const RunFolder& folder, bool resume, const Provenance& provenance,
                           const ProgressCallback& on_progress) {
  const std::int64_t learners = PopulationPerSeed(method.kind);
  const Plan plan{.learners = learners,
                  .env_steps = WholeSteps(config, config.training.env_steps_total / learners),
                  .evaluate_every = std::max<std::int64_t>(1, config.evaluation.every / learners)};
  Training training(config, method, plan, folder.path, provenance);
  if (method.kind == MethodKind::kDual) {
    std::vector<std::int64_t> peers;
    for (std::size_t seed = 0; seed < config.seeds.size(); ++seed) {
      const std::int64_t first = 2 * static_cast<std::int64_t>(seed);
      peers.insert(peers.end(), {first + 1, first});
    }
    training.SetDistiller(
        distill::MakePeerReplay(training.agent(), std::move(peers), method.distill.recent));
  }
  if (resume) training.Resume();
  return training.Run(on_progress);
}

MethodResult RunWithTeacher(const RunConfig& config, const MethodConfig& method,
                            const RunFolder& folder, bool resume, const Provenance& provenance,
                            const ProgressCallback& on_progress) {
  const Teacher teacher = GetTeacher(config, method, folder, resume, provenance, on_progress);
  const std::int64_t left = config.training.env_steps_total - teacher.env_steps;
  // The student is not the learner that became the teacher: it starts from other parameters.
  const Plan plan{.learners = 1,
                  .first_learner = 1,
                  .env_steps = WholeSteps(config, left),
                  .evaluate_every = config.evaluation.every,
                  .env_steps_before = teacher.env_steps,
                  .gradient_steps_before = teacher.gradient_steps};
  Training training(config, method, plan, folder.path, provenance);
  std::unique_ptr<distill::LessonSource> source;
  switch (method.teacher.source) {
    case TeacherSource::kStudentStates:
      source = distill::MakeStudentStates(teacher.agent, training.agent(), method.distill.recent);
      break;
    case TeacherSource::kTeacherReplay:
    case TeacherSource::kTeacherRollouts:
      source = distill::MakeTeacherReplay(teacher.agent, method.distill.recent);
      break;
  }
  training.SetDistiller(std::move(source));
  if (resume) training.Resume();
  MethodResult result = training.Run(on_progress);
  result.learners = method.teacher.run.empty() ? 2 : 1;
  result.wall_seconds += teacher.wall_seconds;
  result.evaluations.insert(result.evaluations.begin(), teacher.evaluations.begin(),
                            teacher.evaluations.end());
  core::Sha256 digest;
  digest.Update(teacher.parameters_sha256 + result.parameters_sha256);
  result.parameters_sha256 = digest.HexDigest();
  return result;
}

}  // namespace

MethodResult RunExperiment(const RunConfig& config, const MethodConfig& method,
                           const std::filesystem::path& path, bool resume,
                           const Provenance& provenance, const ProgressCallback& on_progress) {
  // Methods that run side by side on a GPU do not wait for each other there.
  agents::UseOwnStream(agents::ChooseDevice(config.device));
  const RunFolder folder{path};
  if (resume && std::filesystem::exists(folder.result())) return ReadResult(folder.result()).method;
  at::set_num_threads(static_cast<int>(config.learner_threads));
  PrepareFolder(config, method, folder);
  const MethodResult result =
      method.kind == MethodKind::kTeacher
          ? RunWithTeacher(config, method, folder, resume, provenance, on_progress)
          : RunPopulation(config, method, folder, resume, provenance, on_progress);
  WriteResult(folder, result, provenance);
  return result;
}

}  // namespace duet::runners
