#include "runners/learner_bench.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/random.h"
#include "envs/stepping_rate.h"
#include "runners/collector.h"
#include "runners/learner_envs.h"
#include "runners/turns.h"

namespace duet::runners {
namespace {

using agents::ProductFacts;
using agents::Tensor;

// Updates of different kinds, such as those that leave the actor, repeat after so many.
constexpr std::int64_t kCycle = 12;
constexpr std::int64_t kReplaySize = 20'000;
constexpr double kPhysicsSeconds = 0.3;

// Random transitions of every environment, [M * E, …].
class RandomExperience {
 public:
  RandomExperience(const agents::AgentSpec& spec, std::int64_t envs) {
    core::Rng rng(7);
    const std::int64_t rows = spec.members() * envs;
    const auto fill = [&](std::vector<float>& values, std::int64_t count) {
      values.resize(static_cast<std::size_t>(count));
      for (float& value : values) value = static_cast<float>(rng.Uniform(-1.0, 1.0));
    };
    fill(observations, rows * spec.observation_size);
    fill(final_observations_, rows * spec.observation_size);
    fill(actions, rows * spec.action_size);
    if (spec.discrete()) {
      for (float& action : actions) action = static_cast<float>(rng.Index(spec.num_actions));
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      rewards_.push_back(rng.Uniform(-1.0, 1.0));
      terminated_.push_back(i % 100 == 0 ? 1 : 0);
    }
    truncated_.resize(rewards_.size());
  }

  agents::Transitions transitions() const {
    return {observations, actions, rewards_, final_observations_, terminated_, truncated_};
  }

  std::vector<float> observations, actions;

 private:
  std::vector<float> final_observations_;
  std::vector<double> rewards_;
  std::vector<std::uint8_t> terminated_, truncated_;
};

// Products that were noted, thread by thread, done again in their plainest form.
class BareProducts {
 public:
  BareProducts(const std::vector<std::vector<ProductFacts>>& lists, at::Device device)
      : device_(device) {
    for (const auto& list : lists) {
      std::map<Key, std::size_t> known;
      std::vector<Product>& products = products_.emplace_back();
      std::vector<std::size_t>& order = order_.emplace_back();
      for (const ProductFacts& facts : list) {
        const auto [place, is_new] = known.try_emplace(ToKey(facts), products.size());
        if (is_new) products.push_back(Make(facts, device));
        order.push_back(place->second);
        flops_ += facts.flops();
      }
    }
  }

  double flops() const { return flops_; }

  void Run() {
    const auto run = [&](std::int64_t begin, std::int64_t end) {
      const at::NoGradGuard no_grad;
      for (std::int64_t i = begin; i < end; ++i) {
        for (const std::size_t place : order_[static_cast<std::size_t>(i)]) {
          Product& p = products_[static_cast<std::size_t>(i)][place];
          if (p.bias.defined()) {
            at::baddbmm_out(p.out, p.bias, p.a, p.b);
          } else {
            at::bmm_out(p.out, p.a, p.b);
          }
        }
      }
    };
    const auto count = static_cast<std::int64_t>(order_.size());
    if (count == 1) {
      run(0, 1);
    } else {
      at::parallel_for(0, count, 1, run);
    }
    agents::WaitForDevice(device_);
  }

 private:
  struct Product {
    Tensor out, a, b, bias;
  };
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool, bool, bool>;

  static Key ToKey(const ProductFacts& f) {
    return {f.members, f.rows, f.inner, f.columns, f.left_transposed, f.right_transposed, f.biased};
  }

  static Product Make(const ProductFacts& f, at::Device device) {
    const auto matrix = [&](std::int64_t rows, std::int64_t columns, bool transposed) {
      return transposed ? at::randn({f.members, columns, rows}, device).transpose(1, 2)
                        : at::randn({f.members, rows, columns}, device);
    };
    return {.out = at::empty({f.members, f.rows, f.columns}, device),
            .a = matrix(f.rows, f.inner, f.left_transposed),
            .b = matrix(f.inner, f.columns, f.right_transposed),
            .bias = f.biased ? at::randn({f.members, 1, f.columns}, device) : Tensor()};
  }

  at::Device device_;
  std::vector<std::vector<Product>> products_;   // of each thread, each shape once
  std::vector<std::vector<std::size_t>> order_;  // of each thread, into its products
  double flops_ = 0.0;
};

class Bench {
 public:
  explicit Bench(const LearnerBenchSettings& settings)
      : settings_(settings),
        envs_([&] { return MakeRunEnv(settings.env); }, settings.members * settings.env.per_learner,
              settings.actor_threads),
        agent_(MakeBenchAgent({})),
        per_step_(agent_->spec(), settings.env.per_learner) {
    std::vector<std::uint64_t> seeds;
    for (std::int64_t i = 0; i < envs_.size(); ++i) seeds.push_back(static_cast<std::uint64_t>(i));
    envs_.Reset(seeds);
    FillReplay();
  }

  LearnerBench Run() {
    // A recording that is repeated would note nothing.
    if (!settings_.device.is_cpu()) Restart([] { return std::make_unique<Calls>(); });
    BareProducts update_products = Noted([&] { Update(); }, [&] { FillRollout(); });
    std::optional<BareProducts> loop_products;
    if (settings_.loop) {
      Collector collector(*agent_, envs_, {.overlap = settings_.overlap});
      FillRollout();
      Update();
      loop_products.emplace(Noted([&] { Loop(collector); }, [] {}));
    }
    if (!settings_.device.is_cpu()) Restart({});
    std::vector<Side> sides;
    sides.push_back({"update", [&] { Update(); }, [&] { FillRollout(); }});
    sides.push_back({"products", [&] { update_products.Run(); }});
    std::optional<Collector> collector;
    if (settings_.loop) {
      collector.emplace(*agent_, envs_,
                        CollectorOptions{.overlap = settings_.overlap, .own_thread = true});
      sides.push_back({"loop", [&] { Loop(*collector); }});
      sides.push_back({"loop's products", [&] { loop_products->Run(); }});
    }
    double physics_seconds = settings_.loop ? PhysicsSeconds() : 0.0;
    TakeTurns(sides, settings_.rounds, settings_.round_seconds);
    const auto updates = static_cast<double>(updates_per_call_);
    LearnerBench result;
    result.update_seconds = sides[0].MedianSeconds() / updates;
    result.product_seconds = sides[1].MedianSeconds() / updates;
    result.ratio = MedianRatio(sides[1], sides[0]);
    result.product_gflop =
        update_products.flops() / updates / static_cast<double>(settings_.members) * 1e-9;
    if (!settings_.loop) return result;
    physics_seconds = (physics_seconds + PhysicsSeconds()) / 2.0;
    const auto steps = static_cast<double>(steps_per_call_);  // of each environment
    result.loop_seconds = sides[2].MedianSeconds() / steps;
    result.loop_steps_per_second = static_cast<double>(envs_.size()) / result.loop_seconds;
    if (!agent_->on_policy()) result.loop_ratio = MedianRatio(sides[0], sides[2]);
    result.limit_seconds = sides[3].MedianSeconds() / steps + physics_seconds;
    result.limit_ratio = result.limit_seconds / result.loop_seconds;
    return result;
  }

 private:
  // Does each update by calling it.
  class Calls : public agents::UpdateRecorder {
   public:
    void Run(const std::function<void()>& body) override { body(); }
  };

  // Another agent, whose updates are recorded in this way.
  void Restart(agents::MakeRecorder recorder) {
    agent_ = MakeBenchAgent(std::move(recorder));
    FillReplay();
  }

  void FillReplay() {
    if (agent_->on_policy()) return;
    const std::int64_t rows = std::min(kReplaySize, agent_->spec().replay_capacity);
    agent_->replay().Add(RandomExperience(agent_->spec(), rows).transitions());
  }

  std::unique_ptr<agents::Agent> MakeBenchAgent(agents::MakeRecorder recorder) const {
    agents::AgentSpec spec{.envs = settings_.env.per_learner,
                           .observation_size = envs_.spec().observation_size,
                           .action_size = envs_.action_size(),
                           .num_actions = envs_.spec().num_actions,
                           .member_seeds = {},
                           .replay_capacity = 2 * kReplaySize,
                           .device = settings_.device,
                           .threads = settings_.threads,
                           .precision = settings_.precision,
                           .make_recorder = std::move(recorder)};
    agents::UsePrecision(spec.precision, spec.device);
    for (std::int64_t m = 0; m < settings_.members; ++m) {
      spec.member_seeds.push_back(static_cast<std::uint64_t>(m));
    }
    return agents::MakeAgent(settings_.agent, spec);
  }

  // An on-policy agent gets random experience until it has something to learn from.
  void FillRollout() {
    if (!agent_->on_policy()) return;
    while (!agent_->UpdateDue()) {
      agent_->Act(per_step_.observations, agents::ActMode::kExplore, per_step_.actions);
      agent_->Observe(per_step_.transitions());
    }
  }

  // A whole cycle of updates, or all those of a rollout.
  void Update() {
    updates_per_call_ = 0;
    const auto more = [&] {
      return agent_->on_policy() ? agent_->UpdateDue() : updates_per_call_ < kCycle;
    };
    for (; more(); ++updates_per_call_) agent_->Update();
    agents::WaitForDevice(settings_.device);
  }

  // As many steps, each with its update, or a rollout with its updates.
  void Loop(Collector& collector) {
    constexpr auto kMode = agents::ActMode::kExplore;
    steps_per_call_ = 0;
    if (agent_->on_policy()) {
      for (; !agent_->UpdateDue(); ++steps_per_call_) collector.Collect(kMode);
      while (agent_->UpdateDue()) agent_->Update();
      return agents::WaitForDevice(settings_.device);
    }
    for (; steps_per_call_ < kCycle; ++steps_per_call_) {
      if (collector.overlaps()) {
        collector.CollectBeside(kMode, kMode, [&] { agent_->Update(); });
      } else {
        collector.Collect(kMode);
        agent_->Update();
      }
    }
    agents::WaitForDevice(settings_.device);
  }

  template <typename Function, typename Prepare>
  BareProducts Noted(const Function& function, const Prepare& prepare) const {
    prepare();
    agents::ProductLog log;
    function();
    return BareProducts(log.Take(), settings_.device);
  }

  // Of one step of all environments.
  double PhysicsSeconds() const {
    const envs::SteppingRate rate = envs::MeasureSteppingRate(
        settings_.env.id, {.num_envs = envs_.size(),
                           .num_threads = std::min(settings_.actor_threads, envs_.size()),
                           .seconds = kPhysicsSeconds,
                           .options = settings_.env.options});
    return static_cast<double>(envs_.size()) / rate.limit_steps_per_second;
  }

  const LearnerBenchSettings& settings_;
  LearnerEnvs envs_;
  std::unique_ptr<agents::Agent> agent_;
  RandomExperience per_step_;
  std::int64_t updates_per_call_ = 0;
  std::int64_t steps_per_call_ = 0;
};

}  // namespace

LearnerBench MeasureLearner(const LearnerBenchSettings& settings) {
  const bool discrete = MakeRunEnv(settings.env)->spec().discrete();
  if (!agents::CanAct(settings.agent.algorithm, discrete)) {
    throw ConfigError(fmt::format(
        "--agent {} cannot act in {}, whose actions are {}; allowed is {}",
        agents::AlgorithmName(settings.agent.algorithm), settings.env.id,
        discrete ? "discrete" : "numbers", fmt::join(agents::AlgorithmsThatAct(discrete), ", ")));
  }
  at::set_num_threads(static_cast<int>(settings.threads));
  const at::NoGradGuard no_grad;
  return Bench(settings).Run();
}

}  // namespace duet::runners
