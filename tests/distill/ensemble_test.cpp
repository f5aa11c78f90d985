#include "distill/ensemble.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "core/error.h"
#include "tests/distill/rules/answers.h"
#include "tests/support/message_of.h"

namespace duet::distill {
namespace {

TEST(MeanProbabilityTest, IsTheMeanOfTheProbabilities) {
  const std::vector<Answer> answers = {ClassifierAnswer(WaveLogits(0.7)),
                                       ClassifierAnswer(WaveLogits(1.1)),
                                       ClassifierAnswer(WaveLogits(1.9) + 7.0)};
  Tensor mean = at::zeros({kMembers, kBatch, kClasses}, at::kDouble);
  for (const Answer& answer : answers) mean += answer.logits.softmax(2) / 3.0;
  const Answer ensemble = MeanProbability(answers);
  EXPECT_LT(MaxDifference(ensemble.logits.softmax(2), mean), 1e-14);
  EXPECT_LT(MaxDifference(ensemble.logits, mean.log()), 1e-12);
}

TEST(MeanProbabilityTest, OfOneIsItsLogProbabilities) {
  const std::vector<Answer> one = {ClassifierAnswer(WaveLogits(0.7))};
  EXPECT_LT(MaxDifference(MeanProbability(one).logits, WaveLogits(0.7).log_softmax(2)), 1e-14);
}

TEST(MeanProbabilityTest, StudentsOfAnEnsembleLearnTheMeanOfSoftLabels) {
  const RuleConfig soft = {.kind = RuleKind::kSoftCrossEntropy};
  const std::vector<Answer> answers = {ClassifierAnswer(WaveLogits(0.7)),
                                       ClassifierAnswer(WaveLogits(1.1))};
  const Answer student = ClassifierAnswer(WaveLogits(1.3));
  const Tensor mean = 0.5 * (LossOf(soft, student, answers[0]) + LossOf(soft, student, answers[1]));
  EXPECT_LT(MaxDifference(LossOf(soft, student, MeanProbability(answers)), mean), 1e-12);
}

TEST(MeanProbabilityTest, NeedsTeachersOfTheSameClasses) {
  const std::vector<Answer> answers = {ClassifierAnswer(at::zeros({1, 1, 10})),
                                       ClassifierAnswer(at::zeros({1, 1, 100}))};
  EXPECT_EQ(support::MessageOf<ConfigError>([&] { MeanProbability(answers); }),
            "the teachers of an ensemble know the same classes; these know 10 and 100");
  EXPECT_THROW(MeanProbability({}), std::invalid_argument);
}

}  // namespace
}  // namespace duet::distill
