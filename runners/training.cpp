#include "runners/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "core/archive.h"
#include "core/error.h"
#include "core/file.h"
#include "core/random.h"
#include "distill/distiller.h"
#include "runners/checkpoint_pace.h"
#include "runners/collector.h"
#include "runners/evaluator.h"
#include "runners/interrupt.h"
#include "runners/learner_envs.h"
#include "runners/metric_writer.h"
#include "runners/results_json.h"
#include "runners/run_folder.h"
#include "runners/stopping.h"
#include "runners/training_episodes.h"

namespace duet::runners {
namespace {

using Clock = std::chrono::steady_clock;

// Columns of metrics.csv beside the evaluation.
std::vector<std::string> Diagnostics(const agents::Agent& agent) {
  std::vector<std::string> names = agent.metric_names();
  names.insert(names.begin(), {"episode_return", "episode_length", "eval_length"});
  names.insert(names.end(), {"distill_loss", "weight_mean", "weight_std", "weight_zero_share",
                             "disadvantage_mean", "disadvantage_std", "action_distance"});
  return names;
}

// Whether a method has a core that neither its updates nor other methods need.
bool HasSpareCore(const RunConfig& config) {
  return MethodsAtOnce(config) * config.learner_threads <
         static_cast<std::int64_t>(std::thread::hardware_concurrency());
}

}  // namespace

class Training::Impl {
 public:
  Impl(const RunConfig& config, const MethodConfig& method, const Plan& plan,
       const std::filesystem::path& folder, const Provenance& provenance)
      : config_(config),
        method_(method),
        plan_(plan),
        folder_{folder},
        provenance_(provenance),
        env_([&] { return MakeRunEnv(config.env); }, Members() * config.env.per_learner,
             config.actor_threads),
        evaluator_(config.env, config.evaluation, Members(), config.actor_threads),
        agent_(agents::MakeAgent(config.agent, Spec())),
        episodes_(Members(), config.env.per_learner),
        metrics_(folder, config.seeds, Diagnostics(*agent_)) {
    result_.name = method.name;
    result_.kind = KindName(method.kind);
    result_.task = TaskName(config.env);
    result_.seeds = config.seeds;
    result_.learners = plan.learners;
    std::vector<std::uint64_t> seeds;
    for (const std::uint64_t member_seed : agent_->spec().member_seeds) {
      for (std::int64_t e = 0; e < config.env.per_learner; ++e) {
        seeds.push_back(core::SplitSeed(member_seed, "environment", static_cast<std::uint64_t>(e)));
      }
    }
    env_.Reset(seeds);
    collector_.emplace(
        *agent_, env_,
        CollectorOptions{.overlap = config.training.overlap, .own_thread = HasSpareCore(config)});
  }

  const agents::Agent& agent() const { return *agent_; }

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
    collector_->Load(archive);
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

  MethodResult Run(const ProgressCallback& on_progress) {
    on_progress_ = &on_progress;
    start_ = last_progress_ = Clock::now();
    pace_.emplace(config_.training.checkpoint_seconds);
    first_env_steps_ = env_steps_;
    if (!resumed_) Evaluate();
    while (!Done()) {
      if (InterruptRequested()) {
        SaveCheckpoint();
        throw Interrupted(fmt::format("stopped at step {} of {}", env_steps_, plan_.env_steps));
      }
      CollectAndLearn();
      if (Crossed(plan_.evaluate_every) || env_steps_ >= plan_.env_steps) Evaluate();
      MaybeCheckpoint();
      MaybeShowProgress();
    }
    Finish();
    return result_;
  }

 private:
  bool Done() {
    result_.stopped_early = StopReason(config_.training, result_.evaluations);
    return env_steps_ >= plan_.env_steps || !result_.stopped_early.empty();
  }

  std::int64_t Members() const {
    return static_cast<std::int64_t>(config_.seeds.size()) * plan_.learners;
  }

  agents::AgentSpec Spec() const {
    agents::AgentSpec spec{.envs = config_.env.per_learner,
                           .observation_size = env_.spec().observation_size,
                           .action_size = env_.action_size(),
                           .num_actions = env_.spec().num_actions,
                           .member_seeds = {},
                           .replay_capacity = plan_.env_steps,
                           .device = agents::ChooseDevice(config_.device),
                           .threads = config_.learner_threads,
                           .precision = config_.precision};
    agents::UsePrecision(spec.precision, spec.device);
    for (const std::int64_t seed : config_.seeds) {
      for (std::int64_t learner = 0; learner < plan_.learners; ++learner) {
        spec.member_seeds.push_back(
            core::SplitSeed(static_cast<std::uint64_t>(seed), "learner",
                            static_cast<std::uint64_t>(plan_.first_learner + learner)));
      }
    }
    return spec;
  }

  std::int64_t GradientStepsPerSeed() const {
    return plan_.gradient_steps_before + plan_.learners * (updates_ + DistillationSteps());
  }

  std::int64_t DistillationSteps() const { return distiller_ ? distiller_->num_steps() : 0; }

  // Whether the latest step reached or passed a multiple of `interval`.
  bool Crossed(std::int64_t interval) const {
    return env_steps_ / interval > (env_steps_ - config_.env.per_learner) / interval;
  }

  // How agents act at this step of each learner.
  agents::ActMode ModeAt(std::int64_t env_steps) const {
    const bool warm = agent_->on_policy() || env_steps >= config_.training.warmup_steps;
    return warm ? agents::ActMode::kExplore : agents::ActMode::kRandom;
  }

  // One step of every environment, and the updates that are due.
  void CollectAndLearn() {
    agent_->SetProgress(Progress());
    if (collector_->overlaps()) {
      collector_->CollectBeside(ModeAt(env_steps_), ModeAt(env_steps_ + config_.env.per_learner),
                                [&] { Learn(); });
      return CountStep();
    }
    collector_->Collect(ModeAt(env_steps_));
    CountStep();
    agent_->SetProgress(Progress());
    Learn();
  }

  void CountStep() {
    episodes_.Add(env_);
    env_steps_ += config_.env.per_learner;
  }

  // The updates that are due after the steps counted so far.
  void Learn() {
    if (agent_->on_policy()) {
      while (agent_->UpdateDue()) Round();
      return;
    }
    if (env_steps_ < config_.training.warmup_steps || !agent_->UpdateDue() ||
        !Crossed(config_.training.update_every)) {
      return;
    }
    for (std::int64_t i = 0; i < config_.training.updates; ++i) Round();
  }

  double Progress() const {
    return static_cast<double>(env_steps_) / static_cast<double>(plan_.env_steps);
  }

  // A gradient step of every member; all read the others as they were at its start.
  void Round() {
    try {
      std::optional<distill::Lesson> lesson;
      if (distiller_) lesson = distiller_->Prepare(Progress());
      agent_->Update();
      if (lesson) distiller_->Step(*lesson);
    } catch (const NonFiniteError& error) {
      throw NonFiniteError(
          fmt::format("{}: {} after {} environment steps and {} updates per learner; finite "
                      "values are needed: try smaller learning rates or a max_gradient_norm",
                      folder_.path.string(), error.what(), env_steps_, updates_));
    }
    ++updates_;
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
    const Evaluator::Returns evaluated = evaluator_.Evaluate(*agent_);
    EvaluationPoint point{.env_steps_total = plan_.env_steps_before + plan_.learners * env_steps_,
                          .env_steps_per_learner = env_steps_,
                          .gradient_steps_total = GradientStepsPerSeed(),
                          .phase = "training",
                          .returns = BySeed(evaluated.mean)};
    DiagnosticPoint diagnostics{.env_steps_total = point.env_steps_total,
                                .env_steps_per_learner = env_steps_,
                                .values = {}};
    const TrainingEpisodes::Means episodes = episodes_.Take();
    diagnostics.values["episode_return"] = BySeed(episodes.returns);
    diagnostics.values["episode_length"] = BySeed(episodes.lengths);
    diagnostics.values["eval_length"] = BySeed(evaluated.mean_length);
    for (const auto& [name, values] : agent_->TakeMetrics()) {
      diagnostics.values[name] = BySeed(values);
    }
    if (distiller_) {
      for (const auto& [name, values] : distiller_->TakeMetrics()) {
        diagnostics.values[name] = BySeed(values);
      }
    }
    metrics_.Write(point, diagnostics,
                   {.steps_per_second = StepsPerSecond(), .num_updates = updates_});
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
    collector_->Save(archive);
    episodes_.Save(archive);
    archive.AddNumber("env_steps", env_steps_);
    archive.AddNumber("updates", updates_);
    archive.AddText("result", ResultJson(result_, provenance_));
    archive.AddText("metrics", metrics_.SaveState());
    core::CreateFolder(folder_.checkpoint().parent_path());
    archive.Write(folder_.checkpoint());
    pace_->Saved(begin);
  }

  void MaybeCheckpoint() {
    if (pace_->Due()) SaveCheckpoint();
  }

  void ShowProgress() {
    runners::Progress progress;
    progress.fraction =
        static_cast<double>(plan_.env_steps_before + plan_.learners * env_steps_) /
        static_cast<double>(plan_.env_steps_before + plan_.learners * plan_.env_steps);
    progress.steps_per_second = StepsPerSecond();
    progress.evaluations = static_cast<std::int64_t>(result_.evaluations.size());
    if (!result_.evaluations.empty()) {
      progress.last_return = MeanReturn(result_.evaluations.back());
    }
    (*on_progress_)(progress);
    last_progress_ = Clock::now();
  }

  void MaybeShowProgress() {
    if (Seconds(Clock::now() - last_progress_) >= 0.2) ShowProgress();
  }

  void Finish() {
    SaveCheckpoint();
    const PolicyFacts facts{.env_id = TaskId(config_.env),
                            .observation_size = env_.spec().observation_size,
                            .action_size = env_.action_size(),
                            .num_actions = env_.spec().num_actions,
                            .seeds = config_.seeds,
                            .learners = plan_.learners,
                            .env_steps_total = plan_.env_steps_before + plan_.learners * env_steps_,
                            .agent = config_.agent};
    SavePolicyFile(folder_.policy(), *agent_, facts);
    result_.parameters_sha256 = core::FileSha256(folder_.policy());
    result_.env_steps_total = facts.env_steps_total;
    result_.env_steps_per_learner = env_steps_;
    result_.gradient_steps_total = GradientStepsPerSeed();
    result_.distillation_steps_total = plan_.learners * DistillationSteps();
    result_.wall_seconds = WallSeconds();
  }

  const RunConfig& config_;
  const MethodConfig& method_;
  const Plan plan_;
  const RunFolder folder_;
  const Provenance& provenance_;
  LearnerEnvs env_;
  Evaluator evaluator_;
  std::unique_ptr<agents::Agent> agent_;
  std::optional<Collector> collector_;
  std::optional<distill::Distiller> distiller_;
  TrainingEpisodes episodes_;
  MetricWriter metrics_;
  MethodResult result_;
  std::int64_t env_steps_ = 0;  // per learner
  std::int64_t updates_ = 0;    // reinforcement gradient steps per learner
  bool resumed_ = false;
  std::int64_t first_env_steps_ = 0;  // where this session started
  double wall_seconds_before_ = 0.0;
  std::optional<CheckpointPace> pace_;  // of this session
  Clock::time_point start_, last_progress_;
  const ProgressCallback* on_progress_ = nullptr;
};

Training::Training(const RunConfig& config, const MethodConfig& method, const Plan& plan,
                   const std::filesystem::path& folder, const Provenance& provenance)
    : impl_(std::make_unique<Impl>(config, method, plan, folder, provenance)) {}

Training::~Training() = default;

const agents::Agent& Training::agent() const { return impl_->agent(); }

void Training::SetDistiller(std::unique_ptr<distill::LessonSource> source) {
  impl_->SetDistiller(std::move(source));
}

void Training::Resume() { impl_->Resume(); }

MethodResult Training::Run(const ProgressCallback& on_progress) { return impl_->Run(on_progress); }

}  // namespace duet::runners
