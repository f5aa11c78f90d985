#include "runners/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <thread>
#include <vector>

#include "core/config_checks.h"
#include "core/config_reader.h"
#include "core/error.h"
#include "envs/registry.h"

namespace duet::runners {
namespace {

constexpr core::Option<MethodKind> kKinds[] = {
    {"alone", MethodKind::kAlone}, {"teacher", MethodKind::kTeacher}, {"dual", MethodKind::kDual}};
constexpr core::Option<TeacherSource> kSources[] = {
    {"student_states", TeacherSource::kStudentStates},
    {"teacher_replay", TeacherSource::kTeacherReplay},
    {"teacher_rollouts", TeacherSource::kTeacherRollouts}};

// Seeds and step counts fit a double exactly, which some of their readers use.
constexpr std::int64_t kMany = 1'000'000'000'000;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

void VisitFields(core::FieldVisitor& v, TrainingConfig& c) {
  v.Field("env_steps_total", c.env_steps_total, {1, kMany},
          "environment steps per seed, summed over all learners of a method");
  v.Field(
      "warmup_steps", c.warmup_steps, {0, kMany},
      "environment steps per learner with random actions before the first update; for agents that "
      "learn from replay");
  v.Field("update_every", c.update_every, {1, kMany},
          "environment steps per learner from one burst of updates to the next; for agents that "
          "learn from replay");
  v.Field("updates", c.updates, {1, kMany},
          "gradient steps in a burst; for agents that learn from replay");
  v.Field("overlap", c.overlap,
          "act and step beside the updates, by the policy of before them; numbers do not depend on "
          "threads; for agents that learn from replay");
  v.Field("checkpoint_seconds", c.checkpoint_seconds, {0.0, 1e9},
          "least time between checkpoints (they take 5 % of the time at most)");
  v.Field("stop_at_return", c.stop_at_return, {-kInfinity, kInfinity},
          "mean evaluation return, over seeds and learners, that ends training; inf: none");
  v.Field("patience", c.patience, {0, kMany},
          "evaluations without a new best mean return that end training; 0: any number");
}

void VisitFields(core::FieldVisitor& v, EvaluationConfig& c) {
  v.Field("every", c.every, {1, kMany},
          "environment steps per seed, of all learners, between evaluations");
  v.Field("episodes", c.episodes, {1, 10'000}, "episodes of each learner in an evaluation");
  v.Field("seed", c.seed, {0, kMany}, "episode i of every evaluation is the one of seed + i");
}

void VisitFields(core::FieldVisitor& v, TeacherConfig& c) {
  v.Choice("source", c.source, kSources, "whose states the teacher answers on");
  v.Field("run", c.run, "folder of a trained run to load; empty: train a teacher first");
  v.Field("share", c.share, {0.0, 1.0, true}, "share of the budget for the teacher's training");
  v.Field("rollout_steps", c.rollout_steps, {1, kMany},
          "environment steps per seed recorded from the teacher, source teacher_rollouts only");
}

void VisitFields(core::FieldVisitor& v, MethodConfig& c) {
  v.Field("name", c.name, "in tables and folders");
  v.Choice("kind", c.kind, kKinds, "whom a learner learns from");
  if (c.kind == MethodKind::kAlone) return;
  if (c.kind == MethodKind::kTeacher) {
    // A teacher is better nearly everywhere; weighing is for peers.
    if (v.reading()) c.distill.weight.kind = distill::WeightKind::kUniform;
    v.Section("teacher", c.teacher, "kind teacher: who teaches, on which states");
  }
  v.Section("distill", c.distill, "the distillation step");
}

void VisitFields(core::FieldVisitor& v, RunConfig& c) {
  v.Field("name", c.name, "of the run and its folder");
  v.Field("seeds", c.seeds, {0, kMany}, "one independent repetition each");
  v.Field("device", c.device, "auto, cpu or cuda: where the learners compute");
  v.Choice("precision", c.precision, agents::kPrecisions,
           "of the factors of products: float32; bf16; tf32 on a GPU");
  v.Field("actor_threads", c.actor_threads, {1, 1024},
          "threads that step environments; results do not depend on it");
  v.Field("learner_threads", c.learner_threads, {1, 1024}, "threads of each learner's products");
  v.Field("parallel_methods", c.parallel_methods, {0, 1024},
          "methods trained at once; 0: as many as cores allow");
  v.Section("env", c.env, "the task");
  v.Section("training", c.training, "budgets and schedule");
  v.Section("evaluation", c.evaluation, "episodes without exploration");
  v.Section("agent", c.agent, "the reinforcement-learning agent, the same for all methods");
  v.List("methods", c.methods, "what is compared");
}

std::string_view KindName(MethodKind kind) { return kKinds[static_cast<std::size_t>(kind)].name; }

std::int64_t MethodsAtOnce(const RunConfig& config) {
  const auto methods = std::max<std::int64_t>(1, static_cast<std::int64_t>(config.methods.size()));
  if (config.parallel_methods > 0) return std::min(methods, config.parallel_methods);
  const std::int64_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::int64_t threads = std::max(config.actor_threads, config.learner_threads);
  return std::clamp<std::int64_t>(cores / threads, 1, methods);
}

std::int64_t PopulationPerSeed(MethodKind kind) { return kind == MethodKind::kDual ? 2 : 1; }

std::int64_t WholeSteps(const RunConfig& config, std::int64_t steps) {
  return std::max(steps / config.env.per_learner, std::int64_t{1}) * config.env.per_learner;
}

std::int64_t TeacherEnvSteps(const RunConfig& config, const TeacherConfig& teacher) {
  std::int64_t steps = 0;
  if (teacher.run.empty()) {
    steps += WholeSteps(
        config, std::llround(teacher.share * static_cast<double>(config.training.env_steps_total)));
  }
  if (teacher.source == TeacherSource::kTeacherRollouts) steps += teacher.rollout_steps;
  return steps;
}

namespace {

// The environment can be made, and its errors say where the file is at fault.
envs::EnvSpec CheckEnvironment(const core::ConfigFile& file, const EnvironmentConfig& config) {
  const auto at = [&](const std::string& key, const Error& error) {
    return fmt::format("{}: {}", file.Where(key), error.what());
  };
  try {
    EnvironmentConfig without_noise = config;  // which CheckActions looks at
    without_noise.wrappers.action_noise = 0.0;
    return MakeRunEnv(without_noise)->spec();
  } catch (const envs::OptionError& error) {
    throw ConfigError(at("env.options." + error.option(), error));
  } catch (const envs::MjcfTaskError& error) {
    throw ConfigError(at(error.key().empty() ? "env.id" : "env.task." + error.key(), error));
  } catch (const ConfigError& error) {
    throw ConfigError(at("env.id", error));
  } catch (const IoError& error) {
    throw IoError(at("env.id", error));
  }
}

// Wrappers and the agent can deal with the environment's actions.
void CheckActions(const core::ConfigFile& file, const RunConfig& config,
                  const envs::EnvSpec& spec) {
  if (config.env.wrappers.action_noise > 0.0 && spec.discrete()) {
    throw ConfigError(fmt::format(
        "{} = {}: {} has discrete actions, to which no noise can be added; allowed is 0",
        file.Where("env.wrappers.action_noise"), config.env.wrappers.action_noise, config.env.id));
  }
  const agents::Algorithm algorithm = config.agent.algorithm;
  if (agents::CanAct(algorithm, spec.discrete())) return;
  const std::vector<envs::OptionFacts> options =
      spec.discrete() ? envs::DescribeOptions(config.env.id) : std::vector<envs::OptionFacts>();
  const bool can_be_numbers =
      std::ranges::find(options, "continuous", &envs::OptionFacts::name) != options.end();
  throw ConfigError(
      fmt::format("{} = \"{}\" cannot act in {}, whose actions are {}; allowed is \"{}\"{}",
                  file.Where("agent.algorithm"), agents::AlgorithmName(algorithm), config.env.id,
                  spec.discrete() ? "discrete" : "numbers",
                  fmt::join(agents::AlgorithmsThatAct(spec.discrete()), "\", \""),
                  can_be_numbers ? ", or env.options.continuous = true" : ""));
}

// The checks that span several fields.
void Validate(const core::ConfigFile& file, const RunConfig& config) {
  core::CheckFolderName(file, "name", config.name);
  core::CheckDevice(file, "device", config.device);
  core::CheckSeeds(file, "seeds", config.seeds);
  std::set<std::string> names;
  for (std::size_t i = 0; i < config.methods.size(); ++i) {
    const std::string path = fmt::format("methods.{}.name", i);
    core::CheckFolderName(file, path, config.methods[i].name);
    if (!names.insert(config.methods[i].name).second) {
      throw ConfigError(fmt::format("{} = \"{}\" is taken by a method before it; names must differ",
                                    file.Where(path), config.methods[i].name));
    }
  }
  const std::int64_t least = 2 * config.env.per_learner;
  if (config.training.env_steps_total < least) {
    throw ConfigError(fmt::format("{} = {} is less than one step of each environment of a pair, {}",
                                  file.Where("training.env_steps_total"),
                                  config.training.env_steps_total, least));
  }
  for (std::size_t i = 0; i < config.methods.size(); ++i) {
    if (config.methods[i].kind != MethodKind::kTeacher) continue;
    const std::int64_t teacher = TeacherEnvSteps(config, config.methods[i].teacher);
    if (config.training.env_steps_total - teacher >= config.env.per_learner) continue;
    throw ConfigError(fmt::format(
        "{}: the teacher takes {} of training.env_steps_total = {}, which leaves the student none; "
        "allowed is a smaller teacher.share or teacher.rollout_steps",
        file.Where(fmt::format("methods.{}.teacher.share", i)), teacher,
        config.training.env_steps_total));
  }
}

// One of each kind, for settings that name none.
std::vector<MethodConfig> AllMethods(const envs::EnvSpec& spec) {
  std::vector<MethodConfig> methods;
  for (const auto& kind : kKinds) {
    MethodConfig method;
    method.name = kind.name;
    method.kind = kind.value;
    if (kind.value == MethodKind::kTeacher) {
      method.distill.weight.kind = distill::WeightKind::kUniform;
    }
    if (spec.discrete()) method.distill.rule.kind = distill::RuleKind::kForwardKl;
    methods.push_back(method);
  }
  return methods;
}

}  // namespace

RunConfig LoadRunConfig(const std::filesystem::path& path, std::span<const std::string> overrides) {
  const core::ConfigFile file(path, overrides);
  RunConfig config;
  config.name = path.stem().string();
  file.Read(config);
  config.env.id = AbsoluteId(config.env.id, path.parent_path());
  const envs::EnvSpec spec = CheckEnvironment(file, config.env);
  CheckActions(file, config, spec);
  if (config.methods.empty()) config.methods = AllMethods(spec);
  Validate(file, config);
  return config;
}

}  // namespace duet::runners
