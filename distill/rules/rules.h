// The rules of the table, one function each; MakeRule in distill/rule.h chooses among them.
#pragma once

#include <memory>

#include "distill/rule.h"

namespace duet::distill {

std::unique_ptr<Rule> MakeActionMse(const RuleConfig& config);
// forward_kl, reverse_kl, symmetric_kl, kd and lskd.
std::unique_ptr<Rule> MakeDivergence(const RuleConfig& config);
std::unique_ptr<Rule> MakeSoftCrossEntropy(const RuleConfig& config);
std::unique_ptr<Rule> MakeReverseCrossEntropy(const RuleConfig& config);
std::unique_ptr<Rule> MakeBrier(const RuleConfig& config);
std::unique_ptr<Rule> MakeHardTeacher(const RuleConfig& config);
std::unique_ptr<Rule> MakeSampledTeacher(const RuleConfig& config, const RuleInputs& inputs);
std::unique_ptr<Rule> MakeAnnealed(const RuleConfig& config);
std::unique_ptr<Rule> MakeLogitMse(const RuleConfig& config);
std::unique_ptr<Rule> MakeDkd(const RuleConfig& config);
std::unique_ptr<Rule> MakeDist(const RuleConfig& config);
std::unique_ptr<Rule> MakeFitNets(const RuleConfig& config, const RuleInputs& inputs);
std::unique_ptr<Rule> MakeAttentionTransfer(const RuleConfig& config);
std::unique_ptr<Rule> MakeSp(const RuleConfig& config);
std::unique_ptr<Rule> MakeRkd(const RuleConfig& config);
std::unique_ptr<Rule> MakePkt(const RuleConfig& config);
std::unique_ptr<Rule> MakeNst(const RuleConfig& config);
std::unique_ptr<Rule> MakeVid(const RuleConfig& config, const RuleInputs& inputs);
std::unique_ptr<Rule> MakeCrd(const RuleConfig& config, const RuleInputs& inputs);

}  // namespace duet::distill
