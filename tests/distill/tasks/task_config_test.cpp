#include "distill/tasks/task_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/config_writer.h"
#include "core/error.h"
#include "core/file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::tasks {
namespace {

namespace fs = std::filesystem;
using support::MessageOf;
using support::TempFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TaskConfig Load(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "a.toml", text);
  return LoadTaskConfig(folder / "a.toml", overrides);
}

std::string Refusal(const std::string& text) {
  const std::string message = MessageOf<ConfigError>([&] { Load(text); });
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message.substr(message.find("a.toml"));
}

const std::string kPair = R"(
[data]
validation = 10
[[models]]
name = "teacher"
network.kind = "cnn4"
[[models]]
name = "student"
network.kind = "cnn2"
teachers = ["teacher"]
[[models.rules]]
rule = "kd"
)";

std::vector<fs::path> SettingsFiles() {
  std::vector<fs::path> files;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(DUET_SOURCE_DIR) / "configs" / "distill")) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  return files;
}

TEST(TaskConfigTest, EverySettingsFileOfTheProjectIsAccepted) {
  for (const fs::path& file : SettingsFiles()) {
    TaskConfig config;
    ASSERT_NO_THROW(config = LoadTaskConfig(file, {})) << file;
    EXPECT_NO_THROW(CheckNetworks(
        config, {.channels = 3, .height = 32, .width = 32, .num_classes = 10}, "images"))
        << file;
  }
}

TEST(TaskConfigTest, EffectiveSettingsReadBackTheSame) {
  for (const fs::path& file : SettingsFiles()) {
    const std::string written = core::ToToml(LoadTaskConfig(file, {}));
    EXPECT_EQ(core::ToToml(Load(written)), written) << file;
  }
}

TEST(TaskConfigTest, AModelTakesTheFilesTrainingWhereItSaysNothing) {
  const TaskConfig config = Load(R"(
[training]
epochs = 7
learning_rate = 0.5
[augmentation]
flip = true
[[models]]
name = "a"
training.epochs = 9
[[models]]
name = "b"
augmentation.flip = false
)");
  EXPECT_EQ(config.models[0].training.epochs, 9);
  EXPECT_EQ(config.models[0].training.rate.learning_rate, 0.5);
  EXPECT_TRUE(config.models[0].augmentation.flip);
  EXPECT_EQ(config.models[1].training.epochs, 7);
  EXPECT_FALSE(config.models[1].augmentation.flip);
}

std::vector<std::string> Names(const std::vector<ModelConfig>& models) {
  std::vector<std::string> names;
  for (const ModelConfig& model : models) names.push_back(model.name);
  return names;
}

TEST(TaskConfigTest, TeachersAreTrainedFirst) {
  const TaskConfig config = Load(R"(
[[models]]
name = "student"
teachers = ["assistant"]
[[models.rules]]
rule = "kd"
[[models]]
name = "assistant"
teachers = ["teacher"]
[[models.rules]]
rule = "kd"
[[models]]
name = "alone"
[[models]]
name = "teacher"
)");
  EXPECT_THAT(Names(ModelsInOrder(config)),
              ElementsAre("teacher", "assistant", "student", "alone"));
}

TEST(TaskConfigTest, APathSearchAddsAModelForEveryPairOfNetworks) {
  const TaskConfig config = Load(R"(
[data]
validation = 10
[path]
networks = ["cnn8", "cnn4", "cnn2"]
label_weight = 0.3
[[path.rules]]
rule = "kd"
)");
  const std::vector<ModelConfig> models = ModelsInOrder(config);
  EXPECT_THAT(Names(models),
              ElementsAre("cnn8", "cnn4-from-cnn8", "cnn2-from-cnn8", "cnn2-from-cnn4"));
  EXPECT_THAT(models[3].teachers, ElementsAre("cnn4-from-cnn8"));
  EXPECT_EQ(models[3].label_weight, 0.3);
  EXPECT_TRUE(models[0].rules.empty());
}

TEST(TaskConfigTest, MistakesAreToldInOneLine) {
  EXPECT_THAT(Refusal(""), HasSubstr("models is empty; allowed is at least one model"));
  EXPECT_THAT(Refusal("[[models]]\nteachers = [\"x\"]\n[[models.rules]]\nrule = \"kd\"\n"),
              HasSubstr("models.0.teachers names \"x\", which is no model of the file; allowed are "
                        "model"));
  EXPECT_THAT(Refusal("[[models]]\n[[models]]\n"),
              HasSubstr("models.1.name = \"model\" is taken by a model before it"));
  EXPECT_THAT(Refusal("[[models]]\nname = \"average\"\n"),
              HasSubstr("means the student's moving average; allowed is another name"));
  EXPECT_THAT(Refusal("[[models]]\n[[models.rules]]\nrule = \"kd\"\n"),
              HasSubstr("compare with a teacher, and there is none"));
  EXPECT_THAT(Refusal("[[models]]\nname = \"a\"\n[[models]]\nname = \"b\"\nteachers = [\"a\"]\n"),
              HasSubstr("models.1.teachers teach by rules, and there are none"));
  EXPECT_THAT(Refusal("[[models]]\nlabel_weight = 0\n"),
              HasSubstr("label_weight = 0 leaves nothing to learn from"));
  EXPECT_THAT(Refusal("[[models]]\nunlabelled_share = 0.5\n"),
              HasSubstr("unlabelled_share = 0.5 of samples that are not there"));
  EXPECT_THAT(Refusal("[[models]]\ntrain_from = 0.5\ntrain_to = 0.5\n"),
              HasSubstr("train_to = 0.5 is not above train_from = 0.5"));
  EXPECT_THAT(Refusal("seeds = []\n[[models]]\n"), HasSubstr("seeds is empty"));
  EXPECT_THAT(Refusal("seeds = [1, 1]\n[[models]]\n"), HasSubstr("seeds holds a seed twice"));
  EXPECT_THAT(Refusal("device = \"tpu\"\n[[models]]\n"),
              HasSubstr("device = \"tpu\" is not one of"));
  EXPECT_THAT(Refusal("[[models]]\nepochs = 3\n"), HasSubstr("models.0.epochs is not a known key"));
}

TEST(TaskConfigTest, MistakesOfTeachersAreToldInOneLine) {
  EXPECT_THAT(Refusal(kPair + "student_layers = [\"conv1\"]\n"),
              HasSubstr("teacher_layers has 0 layers and student_layers 1; allowed are as many"));
  EXPECT_THAT(Refusal("seeds = [4]\n" + kPair + "[[models]]\nteacher_seed = \"next\"\n"),
              HasSubstr("teacher_seed = \"next\" needs at least two seeds"));
  EXPECT_THAT(Refusal("[[models]]\nteacher_epoch = \"selected\"\n"),
              HasSubstr("teacher_epoch = \"selected\" is chosen by validation"));
  EXPECT_THAT(Refusal(R"(
[[models]]
name = "a"
teachers = ["b"]
[[models.rules]]
rule = "kd"
[[models]]
name = "b"
teachers = ["a"]
[[models.rules]]
rule = "kd"
)"),
              HasSubstr("models: a -> b -> a need each other"));
  EXPECT_THAT(Refusal(kPair + "[[models]]\nname = \"c\"\nstart.from = \"teacher\"\n"
                              "network.kind = \"cnn2\"\n"),
              HasSubstr("start.from = \"teacher\" has another network"));
}

TEST(TaskConfigTest, MistakesOfContrastsAreToldInOneLine) {
  EXPECT_THAT(Refusal(kPair + "[[contrasts]]\nplus = [\"nobody\"]\n"),
              HasSubstr("contrasts.0.plus names \"nobody\""));
  EXPECT_THAT(Refusal(kPair + "[[contrasts]]\nplus = [\"student/beauty\"]\n"),
              HasSubstr("contrasts.0.plus names \"beauty\", which is no metric; allowed are"));
  EXPECT_THAT(Refusal(kPair + "[[contrasts]]\n"), HasSubstr("contrasts.0.plus is empty"));
}

TEST(TaskConfigTest, NetworksAndRulesAreTriedBeforeTraining) {
  const ImageShape shape{.channels = 3, .height = 16, .width = 16, .num_classes = 10};
  EXPECT_NO_THROW(CheckNetworks(Load(kPair), shape, "shapes"));
  const TaskConfig layers =
      Load(kPair + "student_layers = [\"nowhere\"]\nteacher_layers = [\"nowhere\"]\n");
  const std::string message =
      MessageOf<ConfigError>([&] { CheckNetworks(layers, shape, "shapes"); });
  EXPECT_THAT(message, HasSubstr("model \"student\" on shapes: "));
  EXPECT_THAT(message, HasSubstr("nowhere"));
}

}  // namespace
}  // namespace duet::tasks
