#include "runners/record_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "envs/registry.h"
#include "runners/console.h"
#include "runners/env_option_text.h"
#include "runners/interrupt.h"
#include "runners/run_env.h"
#include "runners/run_folder.h"
#include "runners/video/recording.h"
#include "runners/video/renderer.h"
#include "runners/video/video_writer.h"

namespace duet::runners {
namespace {

namespace fs = std::filesystem;

struct RecordArguments {
  std::string subject;  // a run's folder or an environment's id
  std::string policy = "trained";
  std::string out;
  std::int64_t member = 0;
  std::int64_t episodes = 1;
  std::int64_t seed = 0;
  video::SizeRequest size;
  std::optional<double> frames_per_second;
  std::vector<std::string> options;
  bool json = false;
};

// A trained policy without exploration.
class TrainedActor : public video::Actor {
 public:
  TrainedActor(const fs::path& policy, std::int64_t member, const envs::EnvSpec& spec)
      : spec_(spec),
        observation_(static_cast<std::size_t>(spec.observation_size)),
        action_(static_cast<std::size_t>(AgentActionSize(spec))) {
    CheckSizes(ReadPolicyFacts(policy), policy, spec);
    const std::uint64_t seed = 0;  // greedy actions draw nothing
    agent_ = LoadFrozenAgent(policy, {&member, 1}, {&seed, 1}, 1, at::kCPU);
  }

  void Begin(std::uint64_t /*seed*/) override {}

  envs::ActionView Act(std::span<const double> observation) override {
    std::ranges::transform(observation, observation_.begin(),
                           [](double value) { return static_cast<float>(value); });
    agent_->Act(observation_, agents::ActMode::kGreedy, action_);
    return ToActionView(spec_, action_);
  }

 private:
  const envs::EnvSpec spec_;
  std::unique_ptr<agents::Agent> agent_;
  std::vector<float> observation_;  // [O]
  std::vector<float> action_;       // [A]
};

// What is to be recorded.
struct Subject {
  EnvironmentConfig env;
  bool is_run = false;
  std::optional<fs::path> policy;  // the file of a trained one
};

// The one training run in a folder.
Subject SubjectOfRun(const RecordArguments& arguments) {
  const std::vector<RunFolder> runs = FindTrainedRuns(arguments.subject);
  if (runs.size() != 1) {
    throw ConfigError(fmt::format("{}: holds {} methods; allowed is one training run, as in {}",
                                  arguments.subject, runs.size(), runs.front().path.string()));
  }
  const fs::path policy = runs.front().policy();
  const PolicyFacts facts = ReadPolicyFacts(policy);
  const std::int64_t members = static_cast<std::int64_t>(facts.seeds.size()) * facts.learners;
  if (arguments.member >= members) {
    throw ConfigError(fmt::format(
        "--member {}: {} has {} trained policies; allowed is 0 to {}, in the order of `evaluate`",
        arguments.member, runs.front().path.string(), members, members - 1));
  }
  Subject subject{.env = RunEnvironment(policy), .is_run = true, .policy = policy};
  if (arguments.policy == "random") subject.policy.reset();
  return subject;
}

Subject FindSubject(const RecordArguments& arguments) {
  if (fs::is_directory(arguments.subject)) return SubjectOfRun(arguments);
  const std::vector<std::string> ids = envs::EnvIds();
  if (std::ranges::find(ids, arguments.subject) == ids.end() &&
      !envs::IsModelFile(arguments.subject)) {
    throw ConfigError(fmt::format(
        "{}: is neither the folder of a run nor an environment; known environments are {}",
        arguments.subject, fmt::join(ids, ", ")));
  }
  if (arguments.policy != "random") {
    throw ConfigError(fmt::format(
        "{}: an environment has no trained policy; allowed are --policy random, or a run's folder",
        arguments.subject));
  }
  Subject subject;
  subject.env.id = arguments.subject;
  return subject;
}

// A run's environment with its wrappers, or a bare one, with the options given on top.
std::unique_ptr<envs::Env> MakeSubjectEnv(const Subject& subject,
                                          const RecordArguments& arguments) {
  EnvironmentConfig env = subject.env;
  for (const auto& [name, value] : ParseEnvOptions(arguments.options)) env.options[name] = value;
  return subject.is_run ? MakeRunEnv(env) : MakeTask(env);
}

std::unique_ptr<video::Actor> MakeActor(const Subject& subject, const RecordArguments& arguments,
                                        const envs::EnvSpec& spec) {
  if (!subject.policy) return std::make_unique<video::RandomActor>(spec);
  return std::make_unique<TrainedActor>(*subject.policy, arguments.member, spec);
}

// How far the recording is, in the terminal.
class RecordingProgress {
 public:
  RecordingProgress(const RecordArguments& arguments, const envs::EnvSpec& spec)
      : display_({spec.id}),
        episodes_(static_cast<double>(arguments.episodes)),
        limit_(static_cast<double>(std::max<std::int64_t>(spec.max_episode_steps, 1))) {}

  void Show(std::int64_t episode, std::int64_t length) {
    ++num_steps_;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
    const double done = std::min(1.0, static_cast<double>(length) / limit_);
    display_.Update(0, {.fraction = (static_cast<double>(episode) + done) / episodes_,
                        .steps_per_second = static_cast<double>(num_steps_) / seconds.count()});
  }

  void Finish() {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
    display_.Finish(0, fmt::format("recorded in {}", FormatDuration(seconds.count())));
  }

 private:
  ProgressDisplay display_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double episodes_;
  double limit_;
  std::int64_t num_steps_ = 0;
};

// What there is to say of a finished video.
struct Summary {
  std::string file;
  std::string env_id;
  std::string policy;
  std::string renderer;
  std::string encoder;
  video::Size size;
  double frames_per_second = 0.0;
  std::int64_t frames = 0;
  std::vector<video::Episode> episodes = {};
};

void PrintJson(const Summary& summary) {
  nlohmann::ordered_json episodes = nlohmann::ordered_json::array();
  for (const video::Episode& episode : summary.episodes) {
    episodes.push_back({{"seed", episode.seed},
                        {"return", episode.episode_return},
                        {"length", episode.length},
                        {"terminated", episode.terminated}});
  }
  const nlohmann::ordered_json report = {
      {"file", summary.file},
      {"env", summary.env_id},
      {"policy", summary.policy},
      {"frames", summary.frames},
      {"frames_per_second", summary.frames_per_second},
      {"seconds", static_cast<double>(summary.frames) / summary.frames_per_second},
      {"width", summary.size.width},
      {"height", summary.size.height},
      {"renderer", summary.renderer},
      {"encoder", summary.encoder},
      {"episodes", episodes}};
  fmt::print("{}\n", report.dump(2));
}

void PrintText(const Summary& summary) {
  fmt::print("{}: {} frames of {}x{} at {:g} per second, {:.1f} s\n", summary.file, summary.frames,
             summary.size.width, summary.size.height, summary.frames_per_second,
             static_cast<double>(summary.frames) / summary.frames_per_second);
  fmt::print("{}, {} policy; drawn by {}, encoded by {}\n", summary.env_id, summary.policy,
             summary.renderer, summary.encoder);
  fmt::print("{:>12}  {:>12}  {:>6}\n", "seed", "return", "steps");
  for (const video::Episode& episode : summary.episodes) {
    fmt::print("{:>12}  {:>12.2f}  {:>6}\n", episode.seed, episode.episode_return, episode.length);
  }
}

// Plays the episodes into the file. An interruption leaves no file.
std::vector<video::Episode> RecordEpisodes(const RecordArguments& arguments, envs::Env& env,
                                           video::Actor& actor, video::Renderer& renderer,
                                           video::VideoWriter& writer) {
  RecordingProgress progress(arguments, env.spec());
  std::vector<video::Episode> episodes;
  for (std::int64_t i = 0; i < arguments.episodes; ++i) {
    episodes.push_back(video::PlayEpisode(
        env, actor, static_cast<std::uint64_t>(arguments.seed + i), [&](std::int64_t length) {
          if (InterruptRequested()) throw Interrupted("interrupted; no video was written");
          writer.Add(renderer.Render());
          progress.Show(i, length);
        }));
  }
  writer.Finish();
  progress.Finish();
  return episodes;
}

void Record(const RecordArguments& arguments) {
  video::CheckVideoName(arguments.out);
  const Subject subject = FindSubject(arguments);
  const std::unique_ptr<envs::Env> env = MakeSubjectEnv(subject, arguments);
  const std::unique_ptr<video::Actor> actor = MakeActor(subject, arguments, env->spec());
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size));
  env->Reset(static_cast<std::uint64_t>(arguments.seed), observation);
  const std::unique_ptr<video::Renderer> renderer = video::MakeRenderer(*env, arguments.size);
  const double rate = arguments.frames_per_second.value_or(video::RealTimeRate(env->spec()));
  video::VideoWriter writer(arguments.out, renderer->size(), rate);
  if (!writer.is_first_choice()) {
    fmt::print(stderr, "record: FFmpeg's libraries here lack the usual encoder; using {}\n",
               writer.encoder());
  }
  CatchInterrupts();
  Summary summary{.file = arguments.out,
                  .env_id = TaskName(subject.env),
                  .policy = subject.policy ? "trained" : "random",
                  .renderer = renderer->name(),
                  .encoder = writer.encoder(),
                  .size = renderer->size(),
                  .frames_per_second = rate};
  summary.episodes = RecordEpisodes(arguments, *env, *actor, *renderer, writer);
  summary.frames = writer.num_frames();
  arguments.json ? PrintJson(summary) : PrintText(summary);
}

}  // namespace

void AddRecordCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("record", "video of a trained policy or an environment");
  auto arguments = std::make_shared<RecordArguments>();
  command
      ->add_option("subject", arguments->subject,
                   "folder of a finished run, or an environment as in `env list`")
      ->required();
  command->add_option("--policy", arguments->policy, "trained, without exploration, or random")
      ->check(CLI::IsMember({"trained", "random"}))
      ->capture_default_str();
  command
      ->add_option("--out", arguments->out,
                   "the video: a name that ends in .mp4, .mkv or .webm; a file there is replaced")
      ->required();
  command
      ->add_option("--member", arguments->member,
                   "which of the run's policies, in the order of `evaluate`")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--episodes", arguments->episodes, "one after the other")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "of the first episode; the others count up")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--width", arguments->size.width,
                   "pixels (default: the task's, in proportion to --height)")
      ->check(CLI::Range(16, 4096));
  command
      ->add_option("--height", arguments->size.height,
                   "pixels (default: the task's, in proportion to --width)")
      ->check(CLI::Range(16, 4096));
  command
      ->add_option("--fps", arguments->frames_per_second,
                   "steps shown per second (default: real time)")
      ->check(CLI::Range(0.1, 1000.0));
  command
      ->add_option("--option", arguments->options,
                   "an option of the task: key=value, as in frame_skip=2")
      ->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "print JSON");
  command->callback([arguments, &exit_code] {
    Record(*arguments);
    exit_code = 0;
  });
}

}  // namespace duet::runners
