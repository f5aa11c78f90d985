#include "runners/teacher.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>

#include "core/archive.h"
#include "core/error.h"
#include "core/file.h"
#include "core/random.h"
#include "distill/distiller.h"
#include "runners/learner_envs.h"
#include "runners/run_env.h"

namespace duet::runners {
namespace {

// Fills the teacher's replay by letting it act, one environment per seed.
void RecordRollouts(const RunConfig& config, std::int64_t steps, agents::Agent& teacher) {
  LearnerEnvs env([&] { return MakeRunEnv(config.env); }, teacher.spec().members(),
                  config.actor_threads);
  std::vector<std::uint64_t> seeds;
  for (const std::uint64_t member_seed : teacher.spec().member_seeds) {
    seeds.push_back(core::SplitSeed(member_seed, "environment"));
  }
  env.Reset(seeds);
  std::vector<float> observations(env.observations().begin(), env.observations().end());
  std::vector<float> actions(static_cast<std::size_t>(env.size() * env.action_size()));
  for (std::int64_t step = 0; step < steps; ++step) {
    teacher.Act(observations, agents::ActMode::kExplore, actions);
    env.Step(actions);
    // Into the replay alone: a teacher's statistics stay as they were when it was trained.
    teacher.replay().Add({.observations = observations,
                          .actions = actions,
                          .rewards = env.rewards(),
                          .final_observations = env.final_observations(),
                          .terminated = env.terminated(),
                          .truncated = env.truncated()});
    observations.assign(env.observations().begin(), env.observations().end());
  }
}

// Throws ConfigError where a loaded teacher does not fit the task. Other options of it may be what
// the student is to learn about, so that only the sizes count.
void CheckTeacher(const PolicyFacts& facts, const std::filesystem::path& path,
                  const RunConfig& config) {
  const envs::EnvSpec env = MakeRunEnv(config.env)->spec();
  const std::string task = TaskId(config.env);
  const PolicySizes sizes = SizesOf(env);
  if (facts.env_id == task && facts.sizes() == sizes) return;
  throw ConfigError(fmt::format("{}: the teacher was trained on {} ({}); allowed is one of {} ({})",
                                path.string(), facts.env_id, facts.sizes().Text(), task,
                                sizes.Text()));
}

// The one training run in the folder that a settings file names.
RunFolder LoadedTeacher(const std::string& path) {
  const std::vector<RunFolder> runs = FindTrainedRuns(path);
  if (runs.size() == 1) return runs.front();
  throw ConfigError(fmt::format(
      "teacher.run = \"{}\": holds {} methods; allowed is one training run, as in \"{}\"", path,
      runs.size(), runs.front().path.string()));
}

}  // namespace

Teacher GetTeacher(const RunConfig& config, const MethodConfig& method, const RunFolder& folder,
                   bool resume, const Provenance& provenance, const ProgressCallback& on_progress) {
  Teacher teacher;
  RunFolder source{folder.teacher()};
  if (!method.teacher.run.empty()) {
    source = LoadedTeacher(method.teacher.run);
  } else {
    RunConfig teacher_config = config;
    teacher_config.training.env_steps_total = WholeSteps(
        config,
        std::llround(method.teacher.share * static_cast<double>(config.training.env_steps_total)));
    // A teacher takes the share that its student pays for, whatever ends the student's training.
    teacher_config.training.stop_at_return = std::numeric_limits<double>::infinity();
    teacher_config.training.patience = 0;
    MethodConfig alone;
    alone.name = "teacher";
    const double share = method.teacher.share;
    const MethodResult trained = RunExperiment(teacher_config, alone, source.path, resume,
                                               provenance, [&](Progress progress) {
                                                 progress.fraction *= share;
                                                 on_progress(progress);
                                               });
    teacher.env_steps = trained.env_steps_total;
    teacher.gradient_steps = trained.gradient_steps_total;
    teacher.wall_seconds = trained.wall_seconds;
    teacher.evaluations = trained.evaluations;
    for (EvaluationPoint& point : teacher.evaluations) point.phase = "teacher";
  }
  const PolicyFacts facts = ReadPolicyFacts(source.policy());
  CheckTeacher(facts, source.policy(), config);
  // Seed i learns from the teacher's seed i, round and round where the teacher has fewer.
  std::vector<std::int64_t> members;
  std::vector<std::uint64_t> seeds;
  for (std::size_t i = 0; i < config.seeds.size(); ++i) {
    members.push_back(static_cast<std::int64_t>(i % facts.seeds.size()) * facts.learners);
    seeds.push_back(core::SplitSeed(static_cast<std::uint64_t>(config.seeds[i]), "frozen"));
  }
  const bool replay = method.teacher.source == TeacherSource::kTeacherReplay;
  const bool rollouts = method.teacher.source == TeacherSource::kTeacherRollouts;
  std::optional<core::ArchiveReader> checkpoint;
  std::int64_t capacity = 1;
  if (replay) {
    checkpoint.emplace(source.checkpoint());
    capacity = agents::ReplayBuffer::SavedSize(*checkpoint, "replay");
  }
  if (rollouts) capacity = method.teacher.rollout_steps;
  teacher.agent = LoadFrozenAgent(source.policy(), members, seeds, capacity,
                                  agents::ChooseDevice(config.device));
  teacher.parameters_sha256 = core::FileSha256(source.policy());
  if (replay) teacher.agent->replay().Load(*checkpoint, "replay", members);
  if (rollouts) {
    RecordRollouts(config, method.teacher.rollout_steps, *teacher.agent);
    teacher.env_steps += method.teacher.rollout_steps;
  }
  return teacher;
}

namespace {

// One learner as the settings have it, without room for experience.
std::unique_ptr<agents::Agent> MakeLearner(const RunConfig& config) {
  const PolicySizes sizes = SizesOf(MakeRunEnv(config.env)->spec());
  return agents::MakeAgent(config.agent, {.observation_size = sizes.observation_size,
                                          .action_size = sizes.action_size,
                                          .num_actions = sizes.num_actions,
                                          .member_seeds = {0}});
}

// The first member of the teacher that a method loads, which must fit the task.
std::unique_ptr<agents::Agent> CheckLoadedTeacher(const RunConfig& config,
                                                  const TeacherConfig& teacher) {
  const RunFolder run = LoadedTeacher(teacher.run);
  CheckTeacher(ReadPolicyFacts(run.policy()), run.policy(), config);
  const std::int64_t member = 0;
  const std::uint64_t seed = 0;
  std::unique_ptr<agents::Agent> agent =
      LoadFrozenAgent(run.policy(), {&member, 1}, {&seed, 1}, 1, at::kCPU);
  if (teacher.source == TeacherSource::kTeacherReplay &&
      !std::filesystem::exists(run.checkpoint())) {
    throw IoError(
        fmt::format("{}: there is no such file; source \"teacher_replay\" needs the checkpoint of "
                    "the teacher's run",
                    run.checkpoint().string()));
  }
  return agent;
}

}  // namespace

void CheckLessons(const RunConfig& config) {
  for (const MethodConfig& method : config.methods) {
    if (method.kind == MethodKind::kAlone) continue;
    const bool loads = method.kind == MethodKind::kTeacher && !method.teacher.run.empty();
    // Whoever else teaches is a learner of the same kind.
    const std::unique_ptr<agents::Agent> learner = MakeLearner(config);
    const std::unique_ptr<agents::Agent> teacher =
        loads ? CheckLoadedTeacher(config, method.teacher) : MakeLearner(config);
    try {
      distill::CheckFit(method.distill, *teacher, *learner);
    } catch (const ConfigError& error) {
      throw ConfigError(fmt::format("method \"{}\": distill: {}", method.name, error.what()));
    }
  }
}

}  // namespace duet::runners
