#include <gtest/gtest.h>
#include <sys/wait.h>
#include <torch/csrc/jit/serialization/import.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "core/error.h"
#include "core/file.h"
#include "distill/tasks/onnx_export.h"
#include "distill/tasks/quantization.h"
#include "distill/tasks/torchscript_export.h"
#include "tests/distill/tasks/networks/networks.h"
#include "tests/support/message_of.h"

namespace duet::tasks {
namespace {

constexpr ImageShape kImages = {.channels = 3, .height = 16, .width = 16, .num_classes = 10};
constexpr std::int64_t kBatch = 5;

// Two members with running statistics of their own.
Classifier SomeTrained(const NetworkConfig& config) {
  Classifier classifier = MakeClassifier(config, kImages, {4, 5});
  const at::NoGradGuard no_grad;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    classifier.Forward(SomeImages(kImages, 16, {seed, seed + 10}) + 0.3, Mode::kTrain);
  }
  return classifier;
}

// Images [B, D, H, W] and the second member's answer on them.
struct Exchange {
  Tensor images, logits;
};

Exchange AnswerOf(Classifier& classifier) {
  const at::NoGradGuard no_grad;
  const Tensor images = SomeImages(kImages, kBatch, {7, 7});
  return {images[1].contiguous(),
          classifier.Forward(images, Mode::kEvaluate).logits[1].contiguous()};
}

std::string BytesOf(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

// The output of ONNX Runtime's script and its exit code; code 77 where there is none.
std::pair<std::string, int> RunOnnx(const support::TempFolder& folder, const Exchange& exchange) {
  const char* python = std::getenv("DUET_TEST_PYTHON");
  const char* packages = std::getenv("DUET_TEST_PYTHONPATH");
  core::WriteFileAtomically(folder / "images", BytesOf(exchange.images));
  core::WriteFileAtomically(folder / "logits", BytesOf(exchange.logits));
  const std::string command = std::string("PYTHONPATH=") + (packages != nullptr ? packages : "") +
                              " " + (python != nullptr ? python : "python3") +
                              " -B " DUET_SOURCE_DIR "/tests/reference/check_onnx.py " +
                              (folder / "model").string() + " " + (folder / "images").string() +
                              " " + (folder / "logits").string() + " 3 16 16";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 256> line{};
  const std::string text = std::fgets(line.data(), line.size(), pipe) != nullptr ? line.data() : "";
  return {text, WEXITSTATUS(::pclose(pipe))};
}

void ExpectSameInOnnxRuntime(const support::TempFolder& folder, const Exchange& exchange) {
  const auto [text, code] = RunOnnx(folder, exchange);
  if (code == 77) GTEST_SKIP() << "needs ONNX Runtime, which ./duet test installs";
  ASSERT_EQ(code, 0) << text;
  EXPECT_LT(std::stod(text), 1e-5);
}

class Export : public testing::TestWithParam<const char*> {
 protected:
  const support::TempFolder folder_;
  Classifier classifier_ = SomeTrained({.kind = GetParam(), .hidden = {30, 20}});
};

TEST_P(Export, TorchScriptAnswersTheSame) {
  ExportTorchScript(classifier_.Graph(1), folder_ / "model");
  torch::jit::Module module = torch::jit::load((folder_ / "model").string());
  const auto [images, logits] = AnswerOf(classifier_);
  EXPECT_LT(LargestDifference(module.forward({images}).toTensor(), logits), 1e-5);
}

TEST_P(Export, OnnxAnswersTheSame) {
  ExportOnnx(classifier_.Graph(1), {}, folder_ / "model");
  ExpectSameInOnnxRuntime(folder_, AnswerOf(classifier_));
}

TEST_P(Export, OnnxWithWeightsInBytesAnswersAsTheQuantisedNetwork) {
  {
    const at::NoGradGuard no_grad;
    classifier_.parameters().copy_(
        QuantizeWeights(classifier_.layout(), classifier_.parameters(), 6));
  }
  ExportOnnx(classifier_.Graph(1), {.bits = 6}, folder_ / "model");
  ExpectSameInOnnxRuntime(folder_, AnswerOf(classifier_));
}

INSTANTIATE_TEST_SUITE_P(Networks, Export,
                         testing::Values("cnn4", "cnn8", "resnet8", "preresnet20", "preresnet47",
                                         "densenet16", "lenet5", "mlp"),
                         [](const auto& test) { return std::string(test.param); });

TEST(OnnxExportTest, WeightsInBytesTakeAQuarterOfTheFile) {
  const support::TempFolder folder;
  const Classifier classifier = SomeTrained({.kind = "cnn8"});
  ExportOnnx(classifier.Graph(0), {}, folder / "float");
  ExportOnnx(classifier.Graph(0), {.bits = 8}, folder / "bytes");
  const auto floats = static_cast<double>(std::filesystem::file_size(folder / "float"));
  const auto bytes = static_cast<double>(std::filesystem::file_size(folder / "bytes"));
  EXPECT_NEAR(floats, 4.0 * static_cast<double>(classifier.num_parameters()), 0.02 * floats);
  EXPECT_LT(bytes, 0.29 * floats);
}

TEST(OnnxExportTest, RefusesOtherNumbersOfBits) {
  const Classifier classifier = SomeTrained({.kind = "cnn2"});
  EXPECT_EQ(support::MessageOf<std::invalid_argument>(
                [&] { ExportOnnx(classifier.Graph(0), {.bits = 9}, "model"); }),
            "weights of 9 bits in ONNX; allowed are 0 and 2 to 8");
}

TEST(ExportTest, SaysWhichFileCannotBeWritten) {
  const Classifier classifier = SomeTrained({.kind = "cnn2"});
  EXPECT_THROW(ExportOnnx(classifier.Graph(0), {}, "/no/such/folder/model"), IoError);
  EXPECT_THROW(ExportTorchScript(classifier.Graph(0), "/no/such/folder/model"), IoError);
}

}  // namespace
}  // namespace duet::tasks
