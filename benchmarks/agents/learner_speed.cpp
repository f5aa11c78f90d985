// Speed of the learner, every ratio from sides that took turns within one run:
//   - the DDPG update beside the same update written the obvious way,
//   - the matrix products of an update alone,
//   - the whole loop (act, step the environment, store, update) beside its update alone.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agents/ddpg.h"
#include "agents/product.h"
#include "benchmarks/agents/obvious_ddpg.h"
#include "core/memory.h"
#include "core/random.h"
#include "envs/vector_env.h"

namespace duet::benchmarks {
namespace {

constexpr double kRoundSeconds = 0.15;  // of one side of one round, about
constexpr std::int64_t kReplaySize = 20'000;
constexpr std::int64_t kMinWarmUp = 30;
constexpr std::int64_t kEnvThreads = 2;  // at most; a member has one environment

struct Case {
  std::int64_t hidden;
  std::int64_t batch_size;
  std::int64_t members;
  int threads;
  bool with_loop;
};

constexpr Case kCases[] = {{256, 256, 1, 1, true},
                           {256, 256, 2, 1, false},
                           {256, 256, 2, 2, false},
                           {64, 64, 1, 1, true},
                           {64, 64, 10, 1, true}};

// Random transitions for all members, in rows as a VectorEnv has them.
class RandomExperience {
 public:
  RandomExperience(const agents::AgentSpec& spec, std::int64_t rows_per_member) {
    core::Rng rng(7);
    const std::int64_t rows = spec.members() * rows_per_member;
    const auto draw = [&](std::int64_t count, auto& values) {
      for (std::int64_t i = 0; i < count; ++i) {
        values.push_back(static_cast<float>(rng.Uniform(-1.0, 1.0)));
      }
    };
    draw(rows * spec.observation_size, observations_);
    draw(rows * spec.observation_size, final_observations_);
    draw(rows * spec.action_size, actions_);
    draw(rows, rewards_);
    terminated_.resize(static_cast<std::size_t>(rows));
    truncated_.resize(static_cast<std::size_t>(rows));
    for (std::size_t i = 0; i < terminated_.size(); i += 100) terminated_[i] = 1;
  }

  agents::Transitions transitions() const {
    return {observations_, actions_, rewards_, final_observations_, terminated_, truncated_};
  }

 private:
  std::vector<float> observations_, final_observations_, actions_;
  std::vector<double> rewards_;
  std::vector<std::uint8_t> terminated_, truncated_;
};

std::unique_ptr<agents::Agent> MakeLearner(const Case& c) {
  agents::DdpgConfig config;
  config.hidden = {c.hidden, c.hidden};
  config.batch_size = c.batch_size;
  agents::AgentSpec spec{
      .observation_size = 17, .action_size = 6, .member_seeds = {}, .replay_capacity = 200'000};
  for (std::int64_t m = 0; m < c.members; ++m) {
    spec.member_seeds.push_back(static_cast<std::uint64_t>(m));
  }
  auto agent = agents::MakeDdpg(config, spec);
  // Rows of one step: kReplaySize environments for a moment, as random data need no order.
  const RandomExperience experience(spec, kReplaySize);
  agent->replay().Add(experience.transitions());
  return agent;
}

// The products of one update, into buffers that are there already.
class Products {
 public:
  explicit Products(const Case& c) {
    const std::int64_t h = c.hidden;
    const std::int64_t actor_in = 17, critic_in = 23, actor_out = 6, critic_out = 1;
    const auto forward = [&](std::int64_t in, std::int64_t out) {
      Add(c.members, c.batch_size, in, h);
      Add(c.members, c.batch_size, h, h);
      Add(c.members, c.batch_size, h, out);
    };
    const auto backward = [&](std::int64_t in, std::int64_t out) {
      Add(c.members, h, c.batch_size, out, kTransposedLeft);
      Add(c.members, c.batch_size, out, h, kTransposedRight);
      Add(c.members, h, c.batch_size, h, kTransposedLeft);
      Add(c.members, c.batch_size, h, h, kTransposedRight);
      Add(c.members, in, c.batch_size, h, kTransposedLeft);
    };
    forward(actor_in, actor_out);  // target actor and critic
    forward(critic_in, critic_out);
    forward(critic_in, critic_out);  // critic's step
    backward(critic_in, critic_out);
    forward(actor_in, actor_out);  // actor's step
    forward(critic_in, critic_out);
    Add(c.members, c.batch_size, critic_out, h, kTransposedRight);
    Add(c.members, c.batch_size, h, h, kTransposedRight);
    Add(c.members, c.batch_size, h, actor_out, kTransposedRight);
    backward(actor_in, actor_out);
  }

  // As the learner does them.
  void Run() const {
    for (const Product& p : products_) agents::MultiplyOut(p.out, p.a, p.b);
  }
  // As at::bmm does them.
  void RunPlain() {
    for (Product& p : products_) at::bmm_out(p.out, p.a, p.b);
  }

 private:
  enum Layout { kPlain, kTransposedLeft, kTransposedRight };
  struct Product {
    at::Tensor out, a, b;
  };

  void Add(std::int64_t members, std::int64_t n, std::int64_t k, std::int64_t p,
           Layout layout = kPlain) {
    at::Tensor a = layout == kTransposedLeft ? at::randn({members, k, n}).transpose(1, 2)
                                             : at::randn({members, n, k});
    at::Tensor b = layout == kTransposedRight ? at::randn({members, p, k}).transpose(1, 2)
                                              : at::randn({members, k, p});
    products_.push_back({at::empty({members, n, p}), a, b});
  }

  std::vector<Product> products_;
};

// The collecting loop on HalfCheetah-v5 with one environment per member.
class Loop {
 public:
  Loop(agents::Agent& agent, std::int64_t threads)
      : agent_(agent), env_("HalfCheetah-v5", agent.spec().members(), threads) {
    std::vector<std::uint64_t> seeds;
    for (std::int64_t m = 0; m < env_.size(); ++m) seeds.push_back(static_cast<std::uint64_t>(m));
    env_.Reset(seeds);
    observations_.assign(env_.observations().begin(), env_.observations().end());
    actions_.resize(static_cast<std::size_t>(env_.size() * agent.spec().action_size));
  }

  void Step() {
    agent_.Act(observations_, agents::ActMode::kExplore, actions_);
    env_.Step(actions_);
    agent_.Observe({observations_, actions_, env_.rewards(), env_.final_observations(),
                    env_.terminated(), env_.truncated()});
    observations_.assign(env_.observations().begin(), env_.observations().end());
    agent_.Update();
  }

 private:
  agents::Agent& agent_;
  envs::VectorEnv env_;
  std::vector<float> observations_, actions_;
};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

struct Side {
  std::string name;
  std::function<void()> call;
  std::vector<double> seconds = {};  // per call, one per round
  std::int64_t calls_per_round = 0;

  void RunRound() {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = Clock::now();
    for (std::int64_t i = 0; i < calls_per_round; ++i) call();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count() /
                      static_cast<double>(calls_per_round));
  }
};

// Runs the sides in turns.
void TakeTurns(std::vector<Side>& sides, std::int64_t rounds) {
  for (Side& side : sides) {
    side.calls_per_round = kMinWarmUp;
    side.RunRound();  // warm
    side.RunRound();
    side.calls_per_round =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(kRoundSeconds / side.seconds.back()));
    side.seconds.clear();
  }
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (Side& side : sides) side.RunRound();
  }
}

// Median over the rounds of time of `over` / time of `of`.
double Ratio(const Side& over, const Side& of) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < of.seconds.size(); ++i) {
    ratios.push_back(over.seconds[i] / of.seconds[i]);
  }
  return Median(ratios);
}

nlohmann::json Measure(const Case& c, std::int64_t rounds) {
  at::set_num_threads(c.threads);
  const at::NoGradGuard no_grad;
  const auto agent = MakeLearner(c);
  ObviousDdpg obvious({.members = c.members,
                       .hidden = c.hidden,
                       .batch_size = c.batch_size,
                       .replay_size = kReplaySize});
  Products products(c);
  std::unique_ptr<Loop> loop;
  std::vector<Side> sides;
  sides.push_back({"update", [&] { agent->Update(); }});
  sides.push_back({"obvious", [&] {
                     const at::AutoGradMode grad(true);
                     obvious.Update();
                   }});
  sides.push_back({"products", [&] { products.Run(); }});
  sides.push_back({"plain products", [&] { products.RunPlain(); }});
  if (c.with_loop) {
    loop = std::make_unique<Loop>(*agent, std::min<std::int64_t>(c.members, kEnvThreads));
    sides.push_back({"loop", [&] { loop->Step(); }});
  }
  TakeTurns(sides, rounds);

  const auto rate = [&](std::size_t side) {
    return static_cast<double>(c.members) / Median(sides[side].seconds);
  };
  nlohmann::json result = {
      {"hidden", {c.hidden, c.hidden}},
      {"batch_size", c.batch_size},
      {"members", c.members},
      {"threads", c.threads},
      {"rounds", rounds},
      {"member_updates_per_second", rate(0)},
      {"obvious_member_updates_per_second", rate(1)},
      {"ratio_to_obvious", Ratio(sides[1], sides[0])},
      {"product_share", Ratio(sides[2], sides[0])},
      {"plain_product_share", Ratio(sides[3], sides[0])},
  };
  if (c.with_loop) {
    result["loop_member_steps_per_second"] = rate(4);
    result["loop_ratio_to_update"] = Ratio(sides[0], sides[4]);
  }
  return result;
}

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

void Print(const nlohmann::json& r) {
  fmt::print("{0}x{0}, batch {1}, M = {2}, {3} thread{4}\n", r["hidden"][0].get<int>(),
             r["batch_size"].get<int>(), r["members"].get<int>(), r["threads"].get<int>(),
             r["threads"] == 1 ? "" : "s");
  const auto line = [](std::string_view what, double value, std::string_view unit) {
    fmt::print("  {:<42}{:>10.2f}  {}\n", what, value, unit);
  };
  line("update", r["member_updates_per_second"], "member-updates/s");
  line("written the obvious way", r["obvious_member_updates_per_second"], "member-updates/s");
  line("ratio", r["ratio_to_obvious"], "x");
  line("its matrix products alone", r["product_share"], "of the update's time");
  line("the same products by at::bmm", r["plain_product_share"], "of the update's time");
  if (r.contains("loop_ratio_to_update")) {
    line("act, step, store, update", r["loop_member_steps_per_second"], "member-steps/s");
    line("loop / update alone", r["loop_ratio_to_update"], "");
  }
  std::cout.flush();
}

int Main(int argc, char** argv) {
  CLI::App app("Speed of the learner beside the same update written the obvious way");
  std::int64_t rounds = 15;
  bool json = false;
  app.add_option("--rounds", rounds, "turns that every side gets")->check(CLI::Range(1, 10000));
  app.add_flag("--json", json, "print JSON");
  CLI11_PARSE(app, argc, argv);

  nlohmann::json results = {{"cpu", CpuModel()}, {"cases", nlohmann::json::array()}};
  for (const Case& c : kCases) {
    results["cases"].push_back(Measure(c, rounds));
    if (!json) Print(results["cases"].back());
  }
  if (json) std::cout << results.dump(2) << '\n';
  return 0;
}

}  // namespace
}  // namespace duet::benchmarks

int main(int argc, char** argv) {
  duet::core::KeepFreedMemory();  // as the program does
  return duet::benchmarks::Main(argc, argv);
}
