// Results that look like those of real runs, made up from a seed.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/random.h"
#include "runners/results.h"

namespace duet::runners {

// `height` scales the curve; a pair has two learners, a teacher is trained over the first half.
inline MethodResult MakeUpMethod(const std::string& name, const std::string& kind, double height,
                                 std::int64_t num_seeds = 5, std::int64_t total = 300'000) {
  core::Rng rng(core::SplitSeed(7, name));
  MethodResult method;
  method.name = name;
  method.kind = kind;
  method.task = "HalfCheetah-v5";
  for (std::int64_t seed = 0; seed < num_seeds; ++seed) method.seeds.push_back(seed);
  method.learners = kind == "alone" ? 1 : 2;
  method.env_steps_total = total;
  method.env_steps_per_learner = total / method.learners;
  method.gradient_steps_total = kind == "dual" ? 2 * total : total;
  method.distillation_steps_total = kind == "dual" ? total : 0;
  method.wall_seconds = kind == "alone" ? 3724.0 : 4550.5;
  method.parameters_sha256 = std::string(64, name.front());
  const std::int64_t evaluated = kind == "dual" ? 2 : 1;
  std::vector<double> talent;
  for (std::int64_t i = 0; i < num_seeds * evaluated; ++i) talent.push_back(rng.Uniform(0.6, 1.25));
  constexpr std::int64_t kPoints = 30;
  for (std::int64_t p = 0; p <= kPoints; ++p) {
    EvaluationPoint point;
    point.env_steps_total = total * p / kPoints;
    point.env_steps_per_learner = point.env_steps_total / method.learners;
    point.gradient_steps_total = method.gradient_steps_total * p / kPoints;
    point.phase = "training";
    double progress = static_cast<double>(p) / kPoints;
    if (kind == "teacher") {
      const bool teaching = 2 * p < kPoints;
      point.phase = teaching ? "teacher" : "training";
      progress = teaching ? progress : 2.0 * (progress - 0.5) * 0.9;
      point.env_steps_per_learner =
          teaching ? point.env_steps_total : point.env_steps_total - total / 2;
    }
    for (std::int64_t seed = 0; seed < num_seeds; ++seed) {
      std::vector<double>& returns = point.returns.emplace_back();
      for (std::int64_t learner = 0; learner < evaluated; ++learner) {
        const double level = talent[static_cast<std::size_t>(seed * evaluated + learner)];
        returns.push_back(-280.0 + height * level * (1.0 - std::exp(-3.0 * progress)) +
                          0.04 * height * rng.Normal());
      }
    }
    method.evaluations.push_back(point);
    if (p == 0) continue;
    DiagnosticPoint diagnostics;
    diagnostics.env_steps_total = point.env_steps_total;
    diagnostics.env_steps_per_learner = point.env_steps_per_learner;
    const auto add = [&](const std::string& quantity, double value, double noise) {
      auto& table = diagnostics.values[quantity];
      for (std::int64_t seed = 0; seed < num_seeds; ++seed) {
        std::vector<double>& row = table.emplace_back();
        for (std::int64_t i = 0; i < evaluated; ++i) row.push_back(value + noise * rng.Normal());
      }
    };
    add("actor_loss", -40.0 * progress, 3.0);
    add("critic_loss", 0.5 + 2.0 * progress, 0.3);
    add("q_mean", 40.0 * progress, 3.0);
    if (kind == "dual") {
      add("weight_mean", 1.0, 0.0);
      add("weight_std", 0.4 + 0.2 * progress, 0.05);
      add("weight_zero_share", 0.5, 0.04);
      add("disadvantage_mean", 0.0, 2.0 * progress);
      add("disadvantage_std", 1.0 + 3.0 * progress, 0.2);
      add("action_distance", 0.9 * std::exp(-2.0 * progress) + 0.2, 0.04);
      add("distill_loss", 0.7 * std::exp(-2.0 * progress) + 0.1, 0.03);
    }
    method.diagnostics.push_back(diagnostics);
  }
  return method;
}

inline ComparisonResult MakeUpComparison(std::int64_t num_seeds = 5) {
  ComparisonResult comparison;
  comparison.name = "paper_ddpg_halfcheetah";
  comparison.task = "HalfCheetah-v5";
  comparison.config_toml =
      "# Settings with all defaults\nname = \"paper_ddpg_halfcheetah\"\n\n[env]\nid = "
      "\"HalfCheetah-v5\"  # a planar runner\n\n[agent.ddpg]\ngamma = 0.99\ntau = 0.001\n";
  comparison.provenance = {.duet_version = "0.1.0",
                           .libtorch_version = "2.11.0",
                           .mujoco_version = "3.17.0",
                           .compiler = "GCC 12.2.0",
                           .hardware = "AMD EPYC 7763, 2 cores, 23 GiB",
                           .device = "cpu",
                           .started = "2026-03-04T10:20:30Z"};
  comparison.methods = {MakeUpMethod("alone", "alone", 3200.0, num_seeds),
                        MakeUpMethod("teacher", "teacher", 3100.0, num_seeds),
                        MakeUpMethod("dual", "dual", 3900.0, num_seeds),
                        MakeUpMethod("dual_uniform", "dual", 3300.0, num_seeds)};
  for (const MethodResult& method : comparison.methods) {
    comparison.wall_seconds += method.wall_seconds;
  }
  return comparison;
}

}  // namespace duet::runners
