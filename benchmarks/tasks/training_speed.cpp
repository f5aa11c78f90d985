// Images per second of training classifiers: all members of a stack together. Beside it, the time
// that the loader takes for a batch, cropped and flipped at random.
//
// Variants take turns, so that whatever else the machine does falls on all of them alike; the
// numbers are medians.
#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <ctime>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/members.h"
#include "agents/tensor.h"
#include "core/memory.h"
#include "distill/tasks/data/loader.h"
#include "distill/tasks/networks/classifier.h"
#include "distill/tasks/sgd.h"

namespace duet::tasks {
namespace {

struct Settings {
  std::vector<std::string> networks = {"cnn2", "cnn4"};
  std::vector<std::int64_t> members = {1};
  std::string teacher;
  std::int64_t batch = 128, size = 32, steps = 20;
  int threads = 1;
  std::string device = "cpu";
  bool grouped = false;
};

// One training: images that stay the same, a teacher where there is one, SGD.
class Training {
 public:
  Training(const Settings& s, const std::string& kind, std::int64_t members, Stacking stacking)
      : shape_{.height = s.size, .width = s.size},
        student_({.kind = kind}, shape_, members, agents::ChooseDevice(s.device)),
        sgd_({.momentum = 0.9, .weight_decay = 1e-4}, student_.parameters()) {
    Prepare(student_, stacking);
    if (!s.teacher.empty()) {
      teacher_.emplace(NetworkConfig{.kind = s.teacher}, shape_, members, student_.device());
      Prepare(*teacher_, stacking);
    }
    const at::TensorOptions options = at::TensorOptions().device(student_.device());
    images_ = at::randn({members * s.batch, 3, s.size, s.size}, options);
    if (student_.device().is_cpu()) images_ = images_.contiguous(at::MemoryFormat::ChannelsLast);
    images_ = images_.unflatten(0, {members, s.batch});
    labels_ = at::randint(10, {members, s.batch, 1}, options.dtype(at::kLong));
  }

  void Step() {
    Tensor teaching;
    if (teacher_) {
      const at::NoGradGuard no_grad;
      teaching = at::softmax(teacher_->Forward(images_, Mode::kEvaluate).logits / kTemperature, 2);
    }
    student_.parameters().mutable_grad() = Tensor();
    const Tensor logits = student_.Forward(images_, Mode::kTrain).logits;
    Tensor loss = -at::log_softmax(logits, 2).gather(2, labels_).squeeze(2);
    if (teacher_) {
      const Tensor kd = -(teaching * at::log_softmax(logits / kTemperature, 2)).sum(2);
      loss = 0.1 * loss + 0.9 * kTemperature * kTemperature * kd;
    }
    loss.mean(1).sum().backward();
    sgd_.Step(student_.parameters(), student_.parameters().grad(), 0.01);
    if (!student_.device().is_cpu()) student_.parameters().sum().item<float>();  // waits
  }

 private:
  static constexpr double kTemperature = 4.0;

  static void Prepare(Classifier& classifier, Stacking stacking) {
    std::vector<std::uint64_t> seeds(static_cast<std::size_t>(classifier.members()), 1);
    std::vector<core::Rng> rngs = agents::MemberStreams(seeds, "network");
    classifier.Initialize(rngs);
    classifier.set_stacking(stacking);
  }

  ImageShape shape_;
  Classifier student_;
  Sgd sgd_;
  std::optional<Classifier> teacher_;
  Tensor images_, labels_;
};

// Batches of images as training reads them.
class Loading {
 public:
  Loading(const Settings& s, std::int64_t members)
      : loader_(SomeImages(s), nullptr, SymmetricNormalization(3),
                {.batch_size = s.batch, .augmentation = {.crop_padding = 4, .flip = true}},
                std::vector<std::uint64_t>(static_cast<std::size_t>(members), 1),
                agents::ChooseDevice(s.device)) {}

  void Step() {
    ImageBatch batch;
    if (loader_.Next(batch)) return;
    loader_.StartEpoch();
    loader_.Next(batch);
  }

 private:
  static ImageSet SomeImages(const Settings& s) {
    constexpr std::int64_t kImages = 10000;
    return {.name = "noise",
            .pixels = at::randint(256, {kImages, 3, s.size, s.size}, at::kByte),
            .labels = at::randint(10, {kImages}, at::kLong),
            .num_classes = 10,
            .class_names = {}};
  }

  Loader loader_;
};

double Median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

// Of the processor, all threads together: little disturbed by what else runs.
double ProcessorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double Seconds(const std::function<void()>& function) {
  const auto start = std::chrono::steady_clock::now();
  function();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void Measure(const Settings& s, const std::string& kind, std::int64_t members) {
  std::vector<std::pair<std::string, std::unique_ptr<Training>>> variants;
  variants.emplace_back("separate",
                        std::make_unique<Training>(s, kind, members, Stacking::kSeparate));
  if (s.grouped) {
    variants.emplace_back("grouped",
                          std::make_unique<Training>(s, kind, members, Stacking::kGrouped));
  }
  Loading loading(s, members);
  std::vector<std::vector<double>> seconds(variants.size()), busy(variants.size());
  std::vector<double> loading_seconds;
  for (std::int64_t step = -3; step < s.steps; ++step) {
    for (std::size_t i = 0; i < variants.size(); ++i) {
      const double busy_before = ProcessorSeconds();
      const double taken = Seconds([&] { variants[i].second->Step(); });
      if (step < 0) continue;
      seconds[i].push_back(taken);
      busy[i].push_back(ProcessorSeconds() - busy_before);
    }
    const double taken = Seconds([&] { loading.Step(); });
    if (step >= 0) loading_seconds.push_back(taken);
  }
  for (std::size_t i = 0; i < variants.size(); ++i) {
    const double median = Median(seconds[i]);
    fmt::print(
        "{{\"network\":\"{}\",\"teacher\":\"{}\",\"size\":{},\"members\":{},\"threads\":{},"
        "\"stacking\":\"{}\",\"milliseconds\":{:.3f},\"processor_milliseconds\":{:.3f},"
        "\"images_per_second\":{:.0f},\"loader_milliseconds\":{:.3f}}}\n",
        kind, s.teacher, s.size, members, s.threads, variants[i].first, 1e3 * median,
        1e3 * Median(busy[i]), static_cast<double>(members * s.batch) / median,
        1e3 * Median(loading_seconds));
    std::fflush(stdout);
  }
}

int Main(int argc, char** argv) {
  Settings s;
  CLI::App app("Images per second of training classifiers; one JSON object per line");
  app.add_option("--networks", s.networks, "students")->delimiter(',');
  app.add_option("--members", s.members, "of a stack")->delimiter(',');
  app.add_option("--teacher", s.teacher,
                 "whose logits the students learn; without it labels alone");
  app.add_option("--batch", s.batch, "images of each member per step");
  app.add_option("--size", s.size, "pixels on a side");
  app.add_option("--steps", s.steps, "measured, after three");
  app.add_option("--threads", s.threads, "of the processor");
  app.add_option("--device", s.device, "cpu, cuda");
  app.add_flag("--grouped", s.grouped, "members in grouped convolutions as well, by turns");
  CLI11_PARSE(app, argc, argv);
  core::KeepFreedMemory();
  at::set_num_threads(s.threads);
  try {
    for (const std::string& kind : s.networks) {
      for (const std::int64_t members : s.members) Measure(s, kind, members);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace duet::tasks

int main(int argc, char** argv) { return duet::tasks::Main(argc, argv); }
