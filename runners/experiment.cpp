#include "runners/experiment.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "core/archive.h"
#include "core/config_writer.h"
#include "core/error.h"
#include "core/file.h"
#include "core/random.h"
#include "distill/distiller.h"
#include "envs/registry.h"
#include "envs/vector_env.h"
#include "runners/evaluator.h"
#include "runners/interrupt.h"
#include "runners/metric_writer.h"
#include "runners/results_json.h"
#include "runners/run_folder.h"

namespace duet::runners {
namespace {

using Clock = std::chrono::steady_clock;

// Checkpoints take at most this share of the time.
constexpr double kCheckpointShare = 0.05;

// Columns of metrics.csv beside the evaluation.
const std::vector<std::string> kDiagnostics = {
    "episode_return",    "actor_loss",       "critic_loss",    "q_mean",
    "distill_loss",      "weight_mean",      "weight_std",     "weight_zero_share",
    "disadvantage_mean", "disadvantage_std", "action_distance"};

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// What one population has to do: the budget of a method, cut up.
struct Plan {
  std::int64_t learners = 1;        // of each seed, trained side by side
  std::int64_t first_learner = 0;   // number of the first; learners of one number start alike
  std::int64_t env_steps = 0;       // per learner
  std::int64_t evaluate_every = 1;  // per learner
  // Spent before this population starts: a teacher's training and its rollouts.
  std::int64_t env_steps_before = 0;
  std::int64_t gradient_steps_before = 0;
};

// Returns of the training episodes, with exploration.
class EpisodeReturns {
  // Names and arrays of the whole state.
  template <typename Self>
  static auto Parts(Self& self) {
    return std::array{std::pair{"episodes.running", &self.running_},
                      std::pair{"episodes.sums", &self.sums_},
                      std::pair{"episodes.counts", &self.counts_}};
  }

 public:
  EpisodeReturns(std::int64_t members, std::int64_t envs)
      : envs_(static_cast<std::size_t>(envs)),
        running_(static_cast<std::size_t>(members * envs), 0.0),
        sums_(static_cast<std::size_t>(members), 0.0),
        counts_(static_cast<std::size_t>(members), 0.0) {}

  void Add(const envs::VectorEnv& env) {
    for (std::size_t i = 0; i < running_.size(); ++i) {
      running_[i] += env.rewards()[i];
      if (env.terminated()[i] == 0 && env.truncated()[i] == 0) continue;
      sums_[i / envs_] += std::exchange(running_[i], 0.0);
      counts_[i / envs_] += 1.0;
    }
  }

  // Mean per member of the episodes that ended since the last call; NaN where none did.
  std::vector<double> Take() {
    std::vector<double> means(sums_.size(), std::nan(""));
    for (std::size_t m = 0; m < means.size(); ++m) {
      if (counts_[m] > 0.0) means[m] = sums_[m] / counts_[m];
    }
    std::fill(sums_.begin(), sums_.end(), 0.0);
    std::fill(counts_.begin(), counts_.end(), 0.0);
    return means;
  }

  void Save(core::ArchiveWriter& archive) const {
    for (const auto& [name, values] : Parts(*this)) {
      archive.AddArray(name, core::ElementType::kFloat64,
                       {static_cast<std::int64_t>(values->size())},
                       std::as_bytes(std::span(*values)));
    }
  }

  void Load(const core::ArchiveReader& archive) {
    for (const auto& [name, values] : Parts(*this)) {
      const auto& bytes = archive.GetArray(name).bytes;
      if (bytes.size() != values->size() * sizeof(double)) {
        throw IoError(fmt::format("{}: \"{}\" is of another size than this run's",
                                  archive.path().string(), name));
      }
      std::memcpy(values->data(), bytes.data(), bytes.size());
    }
  }

 private:
  std::size_t envs_;
  std::vector<double> running_;  // [M, E]
  std::vector<double> sums_;     // [M]
  std::vector<double> counts_;   // [M]
};

// The training of one population from its first step to its last.
class Training {
 public:
  Training(const RunConfig& config, const MethodConfig& method, const Plan& plan,
           const std::filesystem::path& folder, const Provenance& provenance)
      : config_(config),
        method_(method),
        plan_(plan),
        folder_{folder},
        provenance_(provenance),
        env_(config.env.id, Members() * config.env.per_learner, config.actor_threads),
        evaluator_(config.env.id, config.evaluation, Members(), config.actor_threads),
        agent_(agents::MakeAgent(config.agent, Spec())),
        episodes_(Members(), config.env.per_learner),
        metrics_(folder, config.seeds, kDiagnostics) {
    result_.name = method.name;
    result_.kind = KindName(method.kind);
    result_.task = config.env.id;
    result_.seeds = config.seeds;
    result_.learners = plan.learners;
    std::vector<std::uint64_t> seeds;
    for (const std::uint64_t member_seed : agent_->spec().member_seeds) {
      for (std::int64_t e = 0; e < config.env.per_learner; ++e) {
        seeds.push_back(core::SplitSeed(member_seed, "environment", static_cast<std::uint64_t>(e)));
      }
    }
    env_.Reset(seeds);
    actions_.resize(static_cast<std::size_t>(env_.size() * env_.spec().action_size()));
    scaled_actions_.resize(actions_.size());
    observations_.assign(env_.observations().begin(), env_.observations().end());
  }

  agents::Agent& agent() { return *agent_; }
  MethodResult& result() { return result_; }
  const envs::EnvSpec& env_spec() const { return env_.spec(); }

  void SetDistiller(std::unique_ptr<distill::LessonSource> source) {
    distiller_.emplace(method_.distill, std::move(source), *agent_);
  }

  // Continues from the latest checkpoint where there is one.
  void Resume() {
    if (!std::filesystem::exists(folder_.checkpoint())) return;
    const core::ArchiveReader archive(folder_.checkpoint());
    if (!archive.Has("kind") || archive.GetText("kind") != "checkpoint") {
      throw IoError(
          fmt::format("{}: is not a checkpoint of a training run", folder_.checkpoint().string()));
    }
    agent_->Load(archive);
    if (distiller_) distiller_->Load(archive);
    env_.LoadState(archive.GetBytes("environments"));
    observations_.assign(env_.observations().begin(), env_.observations().end());
    episodes_.Load(archive);
    env_steps_ = archive.GetNumber("env_steps");
    updates_ = archive.GetNumber("updates");
    const MethodResult saved = ParseResult(archive.GetText("result"), folder_.checkpoint()).method;
    result_.evaluations = saved.evaluations;
    result_.diagnostics = saved.diagnostics;
    wall_seconds_before_ = saved.wall_seconds;
    metrics_.LoadState(archive.GetText("metrics"));
    resumed_ = true;
  }

  void Run(const ProgressCallback& on_progress) {
    on_progress_ = &on_progress;
    start_ = last_checkpoint_ = last_progress_ = Clock::now();
    first_env_steps_ = env_steps_;
    if (!resumed_) Evaluate();
    while (env_steps_ < plan_.env_steps) {
      if (InterruptRequested()) {
        SaveCheckpoint();
        throw Interrupted(fmt::format("stopped at step {} of {}", env_steps_, plan_.env_steps));
      }
      CollectStep();
      Learn();
      if (Crossed(plan_.evaluate_every) || env_steps_ >= plan_.env_steps) Evaluate();
      MaybeCheckpoint();
      MaybeShowProgress();
    }
    Finish();
  }

  std::int64_t gradient_steps_per_seed() const {
    return plan_.gradient_steps_before + plan_.learners * (updates_ + DistillationSteps());
  }

 private:
  std::int64_t Members() const {
    return static_cast<std::int64_t>(config_.seeds.size()) * plan_.learners;
  }

  agents::AgentSpec Spec() const {
    agents::AgentSpec spec{.envs = config_.env.per_learner,
                           .observation_size = env_.spec().observation_size,
                           .action_size = env_.spec().action_size(),
                           .member_seeds = {},
                           .replay_capacity = plan_.env_steps,
                           .device = agents::ChooseDevice(config_.device)};
    for (const std::int64_t seed : config_.seeds) {
      for (std::int64_t learner = 0; learner < plan_.learners; ++learner) {
        spec.member_seeds.push_back(
            core::SplitSeed(static_cast<std::uint64_t>(seed), "learner",
                            static_cast<std::uint64_t>(plan_.first_learner + learner)));
      }
    }
    return spec;
  }

  std::int64_t DistillationSteps() const { return distiller_ ? distiller_->num_steps() : 0; }

  // Whether the latest step reached or passed a multiple of `interval`.
  bool Crossed(std::int64_t interval) const {
    return env_steps_ / interval > (env_steps_ - config_.env.per_learner) / interval;
  }

  void CollectStep() {
    const bool warm = env_steps_ >= config_.training.warmup_steps;
    agent_->Act(observations_, warm ? agents::ActMode::kExplore : agents::ActMode::kRandom,
                actions_);
    ScaleActions(env_.spec(), actions_, scaled_actions_);
    env_.Step(scaled_actions_);
    agent_->Observe({.observations = observations_,
                     .actions = actions_,
                     .rewards = env_.rewards(),
                     .final_observations = env_.final_observations(),
                     .terminated = env_.terminated(),
                     .truncated = env_.truncated()});
    observations_.assign(env_.observations().begin(), env_.observations().end());
    episodes_.Add(env_);
    env_steps_ += config_.env.per_learner;
  }

  void Learn() {
    if (env_steps_ < config_.training.warmup_steps || !Crossed(config_.training.update_every)) {
      return;
    }
    const double progress = static_cast<double>(env_steps_) / static_cast<double>(plan_.env_steps);
    for (std::int64_t i = 0; i < config_.training.updates; ++i) {
      try {
        // One round: all members read the others as they were at its start.
        std::optional<distill::Lesson> lesson;
        if (distiller_) lesson = distiller_->Prepare(progress);
        agent_->Update();
        if (lesson) distiller_->Step(*lesson);
      } catch (const NonFiniteError& error) {
        throw NonFiniteError(
            fmt::format("{}: {} after {} environment steps and {} updates per learner; finite "
                        "values are needed: try "
                        "smaller learning rates or a max_gradient_norm",
                        folder_.path.string(), error.what(), env_steps_, updates_));
      }
      ++updates_;
    }
  }

  // [M] -> [seed][learner]
  std::vector<std::vector<double>> BySeed(const std::vector<double>& per_member) const {
    std::vector<std::vector<double>> table;
    const std::size_t learners = static_cast<std::size_t>(plan_.learners);
    for (std::size_t m = 0; m < per_member.size(); m += learners) {
      table.emplace_back(per_member.begin() + static_cast<std::ptrdiff_t>(m),
                         per_member.begin() + static_cast<std::ptrdiff_t>(m + learners));
    }
    return table;
  }

  void Evaluate() {
    EvaluationPoint point{.env_steps_total = plan_.env_steps_before + plan_.learners * env_steps_,
                          .env_steps_per_learner = env_steps_,
                          .gradient_steps_total = gradient_steps_per_seed(),
                          .phase = "training",
                          .returns = BySeed(evaluator_.Evaluate(*agent_).mean)};
    DiagnosticPoint diagnostics{.env_steps_total = point.env_steps_total,
                                .env_steps_per_learner = env_steps_,
                                .values = {}};
    diagnostics.values["episode_return"] = BySeed(episodes_.Take());
    for (const auto& [name, values] : agent_->TakeMetrics()) {
      diagnostics.values[name] = BySeed(values);
    }
    if (distiller_) {
      for (const auto& [name, values] : distiller_->TakeMetrics()) {
        diagnostics.values[name] = BySeed(values);
      }
    }
    metrics_.Write(point, diagnostics, StepsPerSecond());
    result_.evaluations.push_back(std::move(point));
    result_.diagnostics.push_back(std::move(diagnostics));
    ShowProgress();
  }

  double WallSeconds() const { return wall_seconds_before_ + Seconds(Clock::now() - start_); }

  double StepsPerSecond() const {
    const double seconds = Seconds(Clock::now() - start_);
    const double steps = static_cast<double>((env_steps_ - first_env_steps_) * Members());
    return seconds > 0.0 ? steps / seconds : 0.0;
  }

  void SaveCheckpoint() {
    const Clock::time_point begin = Clock::now();
    result_.wall_seconds = WallSeconds();
    core::ArchiveWriter archive;
    archive.AddText("kind", "checkpoint");
    agent_->Save(archive);
    if (distiller_) distiller_->Save(archive);
    archive.AddBytes("environments", env_.SaveState());
    episodes_.Save(archive);
    archive.AddNumber("env_steps", env_steps_);
    archive.AddNumber("updates", updates_);
    archive.AddText("result", ResultJson(result_, provenance_));
    archive.AddText("metrics", metrics_.SaveState());
    core::CreateFolder(folder_.checkpoint().parent_path());
    archive.Write(folder_.checkpoint());
    last_checkpoint_ = Clock::now();
    checkpoint_seconds_ = Seconds(last_checkpoint_ - begin);
  }

  void MaybeCheckpoint() {
    const double wait =
        std::max(config_.training.checkpoint_seconds, checkpoint_seconds_ / kCheckpointShare);
    if (Seconds(Clock::now() - last_checkpoint_) >= wait) SaveCheckpoint();
  }

  void ShowProgress() {
    Progress progress;
    progress.fraction =
        static_cast<double>(plan_.env_steps_before + plan_.learners * env_steps_) /
        static_cast<double>(plan_.env_steps_before + plan_.learners * plan_.env_steps);
    progress.steps_per_second = StepsPerSecond();
    progress.evaluations = static_cast<std::int64_t>(result_.evaluations.size());
    if (!result_.evaluations.empty()) {
      double sum = 0.0;
      for (const auto& returns : result_.evaluations.back().returns) {
        for (const double value : returns) sum += value;
      }
      progress.last_return = sum / static_cast<double>(Members());
    }
    (*on_progress_)(progress);
    last_progress_ = Clock::now();
  }

  void MaybeShowProgress() {
    if (Seconds(Clock::now() - last_progress_) >= 0.2) ShowProgress();
  }

  void Finish() {
    SaveCheckpoint();
    const PolicyFacts facts{
        .env_id = config_.env.id,
        .observation_size = env_.spec().observation_size,
        .action_size = env_.spec().action_size(),
        .seeds = config_.seeds,
        .learners = plan_.learners,
        .env_steps_total = plan_.env_steps_before + plan_.learners * plan_.env_steps,
        .agent = config_.agent};
    SavePolicyFile(folder_.policy(), *agent_, facts);
    core::Sha256 digest;
    digest.Update(core::ReadFile(folder_.policy()));
    result_.parameters_sha256 = digest.HexDigest();
    result_.env_steps_total = facts.env_steps_total;
    result_.env_steps_per_learner = env_steps_;
    result_.gradient_steps_total = gradient_steps_per_seed();
    result_.distillation_steps_total = plan_.learners * DistillationSteps();
    result_.wall_seconds = WallSeconds();
  }

  const RunConfig& config_;
  const MethodConfig& method_;
  const Plan plan_;
  const RunFolder folder_;
  const Provenance& provenance_;
  envs::VectorEnv env_;
  Evaluator evaluator_;
  std::unique_ptr<agents::Agent> agent_;
  std::optional<distill::Distiller> distiller_;
  EpisodeReturns episodes_;
  MetricWriter metrics_;
  MethodResult result_;
  std::vector<float> observations_;    // [M, E, O] what the policy sees next
  std::vector<float> actions_;         // [M, E, A] in [-1, 1]
  std::vector<float> scaled_actions_;  // the same in units of the environment
  std::int64_t env_steps_ = 0;         // per learner
  std::int64_t updates_ = 0;           // reinforcement gradient steps per learner
  bool resumed_ = false;
  std::int64_t first_env_steps_ = 0;  // where this session started
  double wall_seconds_before_ = 0.0;
  double checkpoint_seconds_ = 0.0;  // that the latest one took
  Clock::time_point start_, last_checkpoint_, last_progress_;
  const ProgressCallback* on_progress_ = nullptr;
};

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
  training.Run(on_progress);
  return training.result();
}

// The teacher that students learn from and what it cost.
struct Teacher {
  std::shared_ptr<agents::Agent> agent;  // one member per seed
  std::int64_t env_steps = 0;            // per seed, counted in the method's budget
  std::int64_t gradient_steps = 0;
  double wall_seconds = 0.0;
  std::vector<EvaluationPoint> evaluations;
  std::string parameters_sha256;
};

// Fills the teacher's replay by letting it act, one environment per seed.
void RecordRollouts(const RunConfig& config, std::int64_t steps, agents::Agent& teacher) {
  envs::VectorEnv env(config.env.id, teacher.spec().members(), config.actor_threads);
  std::vector<std::uint64_t> seeds;
  for (const std::uint64_t member_seed : teacher.spec().member_seeds) {
    seeds.push_back(core::SplitSeed(member_seed, "environment"));
  }
  env.Reset(seeds);
  std::vector<float> observations(env.observations().begin(), env.observations().end());
  std::vector<float> actions(static_cast<std::size_t>(env.size() * env.spec().action_size()));
  std::vector<float> scaled(actions.size());
  for (std::int64_t step = 0; step < steps; ++step) {
    teacher.Act(observations, agents::ActMode::kExplore, actions);
    ScaleActions(env.spec(), actions, scaled);
    env.Step(scaled);
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

// Throws ConfigError where a loaded teacher does not fit the task.
void CheckTeacher(const PolicyFacts& facts, const std::filesystem::path& path,
                  const RunConfig& config, const envs::EnvSpec& env) {
  if (facts.env_id == env.id && facts.observation_size == env.observation_size &&
      facts.action_size == env.action_size()) {
    return;
  }
  throw ConfigError(fmt::format(
      "{}: the teacher was trained on {} ({} observations, {} actions); allowed is one of {} ({} "
      "observations, {} actions)",
      path.string(), facts.env_id, facts.observation_size, facts.action_size, config.env.id,
      env.observation_size, env.action_size()));
}

// The one training run in the folder that a settings file names.
RunFolder LoadedTeacher(const std::string& path) {
  const std::vector<RunFolder> runs = FindTrainedRuns(path);
  if (runs.size() == 1) return runs.front();
  throw ConfigError(fmt::format(
      "teacher.run = \"{}\": holds {} methods; allowed is one training run, as in \"{}\"", path,
      runs.size(), runs.front().path.string()));
}

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
  CheckTeacher(facts, source.policy(), config, envs::MakeEnv(config.env.id)->spec());
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
  core::Sha256 digest;
  digest.Update(core::ReadFile(source.policy()));
  teacher.parameters_sha256 = digest.HexDigest();
  if (replay) teacher.agent->replay().Load(*checkpoint, "replay", members);
  if (rollouts) {
    RecordRollouts(config, method.teacher.rollout_steps, *teacher.agent);
    teacher.env_steps += method.teacher.rollout_steps;
  }
  return teacher;
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
  training.Run(on_progress);
  MethodResult result = training.result();
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

void CheckTeachers(const RunConfig& config) {
  for (const MethodConfig& method : config.methods) {
    if (method.kind != MethodKind::kTeacher || method.teacher.run.empty()) continue;
    const RunFolder run = LoadedTeacher(method.teacher.run);
    CheckTeacher(ReadPolicyFacts(run.policy()), run.policy(), config,
                 envs::MakeEnv(config.env.id)->spec());
    const std::int64_t member = 0;
    const std::uint64_t seed = 0;
    LoadFrozenAgent(run.policy(), {&member, 1}, {&seed, 1}, 1, at::kCPU);
    if (method.teacher.source == TeacherSource::kTeacherReplay &&
        !std::filesystem::exists(run.checkpoint())) {
      throw IoError(
          fmt::format("{}: there is no such file; source \"teacher_replay\" needs the checkpoint "
                      "of the teacher's run",
                      run.checkpoint().string()));
    }
  }
}

MethodResult RunExperiment(const RunConfig& config, const MethodConfig& method,
                           const std::filesystem::path& path, bool resume,
                           const Provenance& provenance, const ProgressCallback& on_progress) {
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
