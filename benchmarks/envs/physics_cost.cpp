// What the physics of a MuJoCo task costs, and which changes of how it is called make it cheaper:
// each variant repeats the same recorded episodes on one thread, in turns with the plain loop, and
// is asked at the end whether it is where the environments are, bit for bit.
#include <fmt/format.h>
#include <sys/mman.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/numpy_random.h"
#include "core/random.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"
#include "envs/stepping_limit.h"
#include "envs/vector_env.h"

namespace {

using namespace duet;
using namespace duet::envs;

constexpr double kRoundSeconds = 0.03;
constexpr std::size_t kHugePage = std::size_t{1} << 21;  // bytes

// Time that this thread computed; what else the machine does is not in it.
double ThreadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Memory side by side, in huge pages where the system has them; never given back.
class HugePages {
 public:
  static void* Allocate(std::size_t size) {
    static std::byte* next = nullptr;
    static std::size_t left = 0;
    size = (size + 63) / 64 * 64;
    if (size > left) {
      left = (size + 16 * kHugePage) / kHugePage * kHugePage;
      void* const memory = std::aligned_alloc(kHugePage, left);
      if (memory == nullptr) throw std::bad_alloc();
      madvise(memory, left, MADV_HUGEPAGE);
      std::memset(memory, 0, left);
      next = static_cast<std::byte*>(memory);
    }
    void* const result = next;
    next += size;
    left -= size;
    return result;
  }
  static void Keep(void*) {}
};

enum class Memory { kAsIs, kTouched, kHugePages, kSmallArena, kOneForAll };
enum class Order { kSteps, kEnvs };
enum class Call { kStep, kStep1Step2, kWithContactForces };

struct Variant {
  std::string name;
  Memory memory = Memory::kAsIs;
  Order order = Order::kSteps;
  Call call = Call::kStep;
  int disable = 0;  // mjtDisableBit added
  int enable = 0;   // mjtEnableBit added
};

struct ModelCopy {
  explicit ModelCopy(const mjModel& model) : model(mj_copyModel(nullptr, &model)) {}
  std::unique_ptr<mjModel, ModelDeleter> model;
};

class VariantSteps {
 public:
  VariantSteps(const MujocoEnv& env, const Variant& variant, std::span<const std::uint64_t> seeds)
      : variant_(variant), task_(env.task()), copy_(env.model()), model_(*copy_.model) {
    model_.opt.disableflags |= variant.disable;
    model_.opt.enableflags |= variant.enable;
    if (variant.memory == Memory::kSmallArena) {
      model_.narena = std::max<mjtSize>(4 * env.data().maxuse_arena, 1 << 16);
    }
    if (variant.memory == Memory::kHugePages) {
      mju_user_malloc = &HugePages::Allocate;
      mju_user_free = &HugePages::Keep;  // from now on nothing is given back
    }
    for (const std::uint64_t seed : seeds) {
      rngs_.emplace_back(seed);
      if (simulations_.empty() || variant.memory != Memory::kOneForAll) AddSimulation();
      DrawInitialState(task_, model_, rngs_.back(), *simulations_.back());
      if (variant.memory == Memory::kOneForAll) {
        states_.emplace_back(static_cast<std::size_t>(mj_stateSize(&model_, kState)));
        mj_getState(&model_, simulations_[0].get(), states_.back().data(), kState);
      }
    }
    mju_user_malloc = nullptr;
  }

  double Run(const Recording& recording) {
    const double start = ThreadSeconds();
    if (variant_.order == Order::kEnvs) {
      for (std::int64_t env = 0; env < recording.num_envs; ++env) {
        for (std::int64_t i = 0; i < recording.num_steps; ++i) Step(recording, i, env);
      }
    } else {
      for (std::int64_t i = 0; i < recording.num_steps; ++i) {
        for (std::int64_t env = 0; env < recording.num_envs; ++env) Step(recording, i, env);
      }
    }
    return ThreadSeconds() - start;
  }

  bool IsWhere(std::size_t env, const mjData& expected) {
    const mjData* data = simulations_[states_.empty() ? env : 0].get();
    if (!states_.empty()) {
      mj_setState(&model_, simulations_[0].get(), states_[env].data(), kState);
    }
    return std::equal(data->qpos, data->qpos + model_.nq, expected.qpos) &&
           std::equal(data->qvel, data->qvel + model_.nv, expected.qvel);
  }

 private:
  static constexpr int kState = mjSTATE_INTEGRATION;

  void AddSimulation() {
    simulations_.push_back(MakeData(model_));
    if (variant_.memory != Memory::kTouched) return;
    // What is in the arena means nothing outside a step.
    std::memset(simulations_.back()->arena, 0, static_cast<std::size_t>(model_.narena));
  }

  void Step(const Recording& recording, std::int64_t step, std::int64_t env) {
    const auto i = static_cast<std::size_t>(env);
    const std::size_t place = recording.Place(step, env);
    const bool one_for_all = variant_.memory == Memory::kOneForAll;
    mjData* const data = simulations_[one_for_all ? 0 : i].get();
    if (one_for_all) mj_setState(&model_, data, states_[i].data(), kState);
    const float* const action = &recording.actions[place * static_cast<std::size_t>(model_.nu)];
    std::copy(action, action + model_.nu, data->ctrl);
    for (std::int64_t k = 0; k < task_.frame_skip; ++k) {
      if (variant_.call == Call::kStep1Step2) {
        mj_step1(&model_, data);
        mj_step2(&model_, data);
      } else {
        mj_step(&model_, data);
      }
    }
    if (task_.contact_forces || variant_.call == Call::kWithContactForces) {
      mj_rnePostConstraint(&model_, data);
    }
    if (recording.ended[place] != 0) DrawInitialState(task_, model_, rngs_[i], *data);
    if (one_for_all) mj_getState(&model_, data, states_[i].data(), kState);
  }

  Variant variant_;
  const MujocoTask& task_;
  ModelCopy copy_;
  mjModel& model_;
  std::vector<DataHandle> simulations_;
  std::vector<std::vector<double>> states_;
  std::vector<core::NumpyRng> rngs_;
};

std::vector<Variant> Variants() {
  std::vector<Variant> variants = {
      {.name = "plain"},
      {.name = "plain, once more"},
      {.name = "all pages of the arena touched", .memory = Memory::kTouched},
      {.name = "arena of four times what is used", .memory = Memory::kSmallArena},
      {.name = "one mjData, states copied", .memory = Memory::kOneForAll},
      {.name = "one environment after the other", .order = Order::kEnvs},
      {.name = "mj_step1, mj_step2", .call = Call::kStep1Step2},
      {.name = "mj_rnePostConstraint always", .call = Call::kWithContactForces},
      {.name = "energy computed", .enable = mjENBL_ENERGY},
  };
  for (const auto& [bit, name] :
       {std::pair(mjDSBL_WARMSTART, "no warm start"), std::pair(mjDSBL_SENSOR, "no sensors"),
        std::pair(mjDSBL_AUTORESET, "no automatic reset"),
        std::pair(mjDSBL_MIDPHASE, "no middle phase of collisions"),
        std::pair(mjDSBL_ISLAND, "no islands")}) {
    variants.push_back({.name = name, .disable = bit});
  }
  variants.push_back({.name = "bodies sleep", .enable = mjENBL_SLEEP});
  variants.push_back({.name = "huge pages, next to each other", .memory = Memory::kHugePages});
  return variants;
}

// Random actions and what came of them.
class Player {
 public:
  Player(const std::string& id, std::span<const std::uint64_t> seeds)
      : env_(
            [&] {
              envs_.push_back(MakeEnv(id).release());
              return std::unique_ptr<Env>(envs_.back());
            },
            static_cast<std::int64_t>(seeds.size()), 1) {
    env_.Reset(seeds);
    recording_.num_envs = env_.size();
  }

  const Recording& Play(std::int64_t num_steps) {
    recording_.num_steps = num_steps;
    recording_.actions.clear();
    recording_.ended.clear();
    const EnvSpec& spec = env_.spec();
    std::vector<float> actions(envs_.size() * spec.action_low.size());
    for (std::int64_t step = 0; step < num_steps; ++step) {
      for (std::size_t i = 0; i < actions.size(); ++i) {
        const std::size_t j = i % spec.action_low.size();
        actions[i] = static_cast<float>(rng_.Uniform(spec.action_low[j], spec.action_high[j]));
      }
      env_.Step(actions);
      recording_.actions.insert(recording_.actions.end(), actions.begin(), actions.end());
      for (std::size_t i = 0; i < envs_.size(); ++i) {
        recording_.ended.push_back(env_.terminated()[i] | env_.truncated()[i]);
      }
    }
    return recording_;
  }

  const Recording& recording() const { return recording_; }
  const MujocoEnv& env(std::size_t i) const {
    const auto* env = dynamic_cast<const MujocoEnv*>(&envs_[i]->unwrapped());
    if (env == nullptr) throw ConfigError(env_.spec().id + ": allowed are MuJoCo tasks");
    return *env;
  }

 private:
  std::vector<Env*> envs_;
  VectorEnv env_;
  core::Rng rng_;
  Recording recording_;
};

double Quantile(std::vector<double> values, double part) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

void Print(const Player& player, const std::vector<Variant>& variants,
           std::vector<VariantSteps>& sides, const std::vector<std::vector<double>>& speeds) {
  const mjData& data = player.env(0).data();
  fmt::print("{}: mjData {} KiB and an arena of {} KiB, of which {} KiB are used\n",
             player.env(0).spec().id, data.nbuffer / 1024, data.narena / 1024,
             data.maxuse_arena / 1024);
  const auto num_envs = static_cast<std::size_t>(player.recording().num_envs);
  for (std::size_t i = 1; i < sides.size(); ++i) {
    std::size_t num_elsewhere = 0;
    for (std::size_t env = 0; env < num_envs; ++env) {
      num_elsewhere += sides[i].IsWhere(env, player.env(env).data()) ? 0 : 1;
    }
    fmt::print("  {:<34} {:.3f} of the plain speed ({:.3f} to {:.3f}), {}\n", variants[i].name,
               Quantile(speeds[i], 0.5), Quantile(speeds[i], 0.25), Quantile(speeds[i], 0.75),
               num_elsewhere == 0 ? "same results" : "other results");
  }
}

void Measure(const std::string& id, std::int64_t num_envs, std::int64_t num_rounds) {
  std::vector<std::uint64_t> seeds;
  for (std::int64_t i = 0; i < num_envs; ++i) seeds.push_back(static_cast<std::uint64_t>(i));
  Player player(id, seeds);
  std::vector<VariantSteps> sides;
  const std::vector<Variant> variants = Variants();
  sides.reserve(variants.size());
  const Recording start = player.Play(20);  // also says how much of the arena is used
  for (const Variant& variant : variants) {
    sides.emplace_back(player.env(0), variant, seeds);
  }
  for (VariantSteps& side : sides) side.Run(start);
  const double seconds = sides[0].Run(player.Play(5));
  for (std::size_t i = 1; i < sides.size(); ++i) sides[i].Run(player.recording());
  const auto round_steps =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(5.0 * kRoundSeconds / seconds));
  std::vector<std::vector<double>> speeds(sides.size());
  for (std::int64_t round = 0; round < num_rounds; ++round) {
    player.Play(round_steps);
    std::vector<double> round_seconds(sides.size());
    for (std::size_t k = 0; k < sides.size(); ++k) {
      // Each round begins with another one, so that none always follows the same other.
      const std::size_t i = (k + static_cast<std::size_t>(round)) % sides.size();
      round_seconds[i] = sides[i].Run(player.recording());
    }
    for (std::size_t i = 0; i < sides.size(); ++i) {
      speeds[i].push_back(round_seconds[0] / round_seconds[i]);
    }
  }
  Print(player, variants, sides, speeds);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What the physics costs, and what of it can be saved");
  std::vector<std::string> ids = {"HalfCheetah-v5"};
  std::int64_t num_envs = 64;
  std::int64_t num_rounds = 20;
  app.add_option("ID", ids, "MuJoCo environments")->capture_default_str();
  app.add_option("--envs", num_envs, "environments side by side")->capture_default_str();
  app.add_option("--rounds", num_rounds, "turns of about 0.1 s per variant")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    for (const std::string& id : ids) Measure(id, num_envs, num_rounds);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
  return 0;
}
