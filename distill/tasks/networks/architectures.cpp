// The table of networks.
#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "distill/tasks/networks/blocks.h"
#include "distill/tasks/networks/network_builder.h"

namespace duet::tasks {
namespace {

constexpr std::string_view kKnown =
    "cnn, cnn2, cnn4, cnn6, cnn8, cnn10, resnet8, resnet14, … resnet110 (6 n + 2), resnet8x4, "
    "resnet32x4, resnet10, resnet18, resnet34, preresnet20 (6 n + 2 below 44), preresnet56 "
    "(9 n + 2 from 44), densenet40, … densenet100 (6 n + 4), lenet5, mlp";
constexpr std::int64_t kLargestDepth = 1202;
// With fewer channels the weights' gradient of a shortcut, a 1 x 1 convolution with a stride,
// writes past its memory in the oneDNN of PyTorch 2.11.
constexpr core::Range<std::int64_t> kWidth = {8, 1024};

[[noreturn]] void ThrowUnknown(const std::string& kind) {
  throw ConfigError(
      fmt::format("network kind = \"{}\" is not known; allowed are {}", kind, kKnown));
}

// A plain network: convolutions, each with batch normalisation and ReLU, some followed by a
// maximum, and linear layers.
struct PlainShape {
  struct Convolution {
    std::int64_t channels = 1;
    bool pool = false;
  };
  std::vector<Convolution> convolutions;
  bool global_average = false;
  std::int64_t hidden = 0;  // of a linear layer before the last; 0: none
};

// The widths of arXiv:1902.03393, as its code has them, for CIFAR-10, or for CIFAR-100 where there
// are more classes.
std::optional<PlainShape> AssistantShape(std::string_view kind, bool many_classes) {
  if (!many_classes) {
    if (kind == "cnn2") return PlainShape{{{16, true}, {16, true}}};
    if (kind == "cnn4") return PlainShape{{{16}, {16, true}, {32}, {32, true}}};
    if (kind == "cnn6") {
      return PlainShape{{{16}, {16, true}, {32}, {32, true}, {64}, {64, true}}};
    }
    if (kind == "cnn8") {
      return PlainShape{
          {{16}, {16, true}, {32}, {32, true}, {64}, {64, true}, {128}, {128, true}}, false, 64};
    }
  }
  if (kind == "cnn2") return PlainShape{{{32, true}, {32, true}}};
  if (kind == "cnn4") return PlainShape{{{32}, {32, true}, {64}, {64, true}}};
  if (kind == "cnn6") return PlainShape{{{32}, {32, true}, {64}, {64, true}, {128}, {128}}};
  const PlainShape::Convolution last = {256, true};
  PlainShape shape{{{32}, {32, true}, {64}, {64, true}, {128}, {128, true}, {256}}, false, 64};
  if (kind == "cnn10") {
    shape.convolutions.insert(shape.convolutions.end(), {{256}, {256}});
    shape.hidden = many_classes ? 512 : 128;
  } else if (kind != "cnn8") {
    return std::nullopt;
  }
  shape.convolutions.push_back(last);
  return shape;
}

void AddHead(NetworkBuilder& builder, const ImageShape& images) {
  builder.Add("logits", builder.Connect("logits", images.num_classes, /*relu=*/false));
}

Network MakePlain(const PlainShape& shape, const ImageShape& images) {
  NetworkBuilder builder(images);
  int number = 0;
  for (const auto& [channels, pool] : shape.convolutions) {
    const std::string name = fmt::format("conv{}", ++number);
    builder.Add("", builder.Convolve(name, {.outputs = channels}));
    builder.Add(name, std::make_unique<Normalization>(
                          builder.Normalize(name, {.pool = pool, .bias = true})));
  }
  const bool hidden = shape.hidden > 0;
  builder.Add(hidden ? "" : "penultimate",
              shape.global_average ? builder.Average() : builder.Flat());
  if (hidden) builder.Add("penultimate", builder.Connect("linear", shape.hidden, /*relu=*/true));
  AddHead(builder, images);
  return builder.Finish();
}

Network MakeFreePlain(const NetworkConfig& config, const ImageShape& images) {
  PlainShape shape;
  for (const std::int64_t channels : config.channels)
    shape.convolutions.push_back({channels, true});
  shape.global_average = config.global_average;
  return MakePlain(shape, images);
}

Network MakeMlp(const NetworkConfig& config, const ImageShape& images) {
  NetworkBuilder builder(images);
  const std::size_t count = config.hidden.size();
  builder.Add(count == 0 ? "penultimate" : "", builder.Flat());
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("linear{}", i + 1);
    builder.Add(i + 1 == count ? "penultimate" : name,
                builder.Connect(name, config.hidden[i], /*relu=*/true));
  }
  AddHead(builder, images);
  return builder.Finish();
}

// Its first convolution sees two pixels beyond the image, which makes 28 pixels the original's 32.
Network MakeLeNet(const ImageShape& images) {
  NetworkBuilder builder(images);
  builder.Add("", builder.Convolve("conv1", {.outputs = 6, .kernel = 5, .padding = 2}, true));
  builder.Add("", std::make_unique<Relu>());
  builder.Add("conv1", builder.Pool());
  builder.Add("", builder.Convolve("conv2", {.outputs = 16, .kernel = 5, .padding = 0}, true));
  builder.Add("", std::make_unique<Relu>());
  builder.Add("conv2", builder.Pool());
  builder.Add("", builder.Flat());
  builder.Add("linear1", builder.Connect("linear1", 120, true));
  builder.Add("penultimate", builder.Connect("linear2", 84, true));
  AddHead(builder, images);
  return builder.Finish();
}

// Stages of a residual network. Each but the first has half the resolution of the one before and
// twice its channels.
struct ResidualShape {
  std::vector<std::int64_t> blocks;  // of each stage
  std::int64_t width = 16;           // channels of the first stage
  std::int64_t stem = 0;             // of the first convolution; 0: as the first stage
  bool pre_activation = false;
  bool bottleneck = false;
};

// The networks for CIFAR of arXiv:1512.03385, section 4.2, and of arXiv:1603.05027: three stages.
ResidualShape ThreeStages(std::int64_t depth, bool pre_activation) {
  const bool bottleneck = pre_activation && depth >= 44;
  const std::int64_t blocks = (depth - 2) / (bottleneck ? 9 : 6);
  return {.blocks = {blocks, blocks, blocks},
          .pre_activation = pre_activation,
          .bottleneck = bottleneck};
}

// Four times as wide, behind a first convolution of 32 channels, as the code of arXiv:1910.10699
// has them.
std::optional<ResidualShape> FourTimesAsWide(const std::string& kind) {
  const auto shape = [](std::int64_t depth) {
    ResidualShape wide = ThreeStages(depth, /*pre_activation=*/false);
    wide.width = 64;
    wide.stem = 32;
    return wide;
  };
  if (kind == "resnet8x4") return shape(8);
  if (kind == "resnet32x4") return shape(32);
  return std::nullopt;
}

// The networks for ImageNet of arXiv:1512.03385, table 1, in basic blocks, as they are used on
// small images: the first convolution is 3 x 3, without a stride, and no maximum follows it.
std::optional<ResidualShape> FourStages(const NetworkConfig& config) {
  const auto shape = [&](std::vector<std::int64_t> blocks) {
    return ResidualShape{.blocks = std::move(blocks), .width = config.width};
  };
  if (config.kind == "resnet10") return shape({1, 1, 1, 1});
  if (config.kind == "resnet18") return shape({2, 2, 2, 2});
  if (config.kind == "resnet34") return shape({3, 4, 6, 3});
  return std::nullopt;
}

// As the convolutions of residual and of dense networks start, arXiv:1502.01852.
LayerPointer Convolve(NetworkBuilder& builder, const std::string& name, std::int64_t outputs,
                      std::int64_t stride, std::int64_t kernel) {
  return builder.Convolve(name, {.outputs = outputs,
                                 .kernel = kernel,
                                 .stride = stride,
                                 .padding = kernel / 2,
                                 .start = Start::kNormal});
}

LayerPointer Normalize(NetworkBuilder& builder, const std::string& name, bool relu = true) {
  return std::make_unique<Normalization>(builder.Normalize(name, {.relu = relu}));
}

// A convolution, and its normalisation before it.
void AddPreActivated(std::vector<LayerPointer>& body, NetworkBuilder& builder,
                     const std::string& name, std::int64_t outputs, std::int64_t stride,
                     std::int64_t kernel) {
  body.push_back(Normalize(builder, name));
  body.push_back(Convolve(builder, name, outputs, stride, kernel));
}

class ResidualMaker {
 public:
  ResidualMaker(ResidualShape shape, const ImageShape& images)
      : images_(images), builder_(images), shape_(std::move(shape)) {}

  Network Make() {
    builder_.Add(shape_.pre_activation ? "conv1" : "",
                 Convolve(builder_, "conv1", shape_.stem > 0 ? shape_.stem : shape_.width, 1, 3));
    if (!shape_.pre_activation) builder_.Add("conv1", Normalize(builder_, "conv1"));
    for (std::size_t stage = 0; stage < shape_.blocks.size(); ++stage) {
      for (std::int64_t block = 0; block < shape_.blocks[stage]; ++block) AddBlock(stage, block);
    }
    if (shape_.pre_activation) builder_.Add("last", Normalize(builder_, "last"));
    builder_.Add("penultimate", builder_.Average());
    AddHead(builder_, images_);
    return builder_.Finish();
  }

 private:
  // The last block of a stage bears the stage's name.
  void AddBlock(std::size_t stage, std::int64_t block) {
    const std::string name = fmt::format("stage{}.block{}", stage + 1, block + 1);
    const std::int64_t channels = shape_.width << stage;
    const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
    LayerPointer made = shape_.pre_activation ? MakePreActivation(name, channels, stride)
                                              : MakePostActivation(name, channels, stride);
    const bool last = block + 1 == shape_.blocks[stage];
    builder_.Add(last ? fmt::format("stage{}", stage + 1) : name, std::move(made));
  }

  LayerPointer MakePostActivation(const std::string& name, std::int64_t channels,
                                  std::int64_t stride) {
    const std::vector<std::int64_t> before = builder_.size;
    std::vector<LayerPointer> body, shortcut;
    body.push_back(Convolve(builder_, name + ".conv1", channels, stride, 3));
    body.push_back(Normalize(builder_, name + ".conv1"));
    body.push_back(Convolve(builder_, name + ".conv2", channels, 1, 3));
    Normalization last = builder_.Normalize(name + ".conv2", {.adds = true});
    const std::vector<std::int64_t> after = builder_.size;
    if (after != before) {
      builder_.size = before;
      shortcut.push_back(Convolve(builder_, name + ".shortcut", channels, stride, 1));
      shortcut.push_back(Normalize(builder_, name + ".shortcut", /*relu=*/false));
    }
    return std::make_unique<PostActivationBlock>(Way(std::move(body)), std::move(last),
                                                 Way(std::move(shortcut)));
  }

  LayerPointer MakePreActivation(const std::string& name, std::int64_t channels,
                                 std::int64_t stride) {
    const std::vector<std::int64_t> before = builder_.size;
    std::vector<LayerPointer> body, shortcut;
    if (shape_.bottleneck) {
      AddPreActivated(body, builder_, name + ".conv1", channels, 1, 1);
      AddPreActivated(body, builder_, name + ".conv2", channels, stride, 3);
      AddPreActivated(body, builder_, name + ".conv3", 4 * channels, 1, 1);
    } else {
      AddPreActivated(body, builder_, name + ".conv1", channels, stride, 3);
      AddPreActivated(body, builder_, name + ".conv2", channels, 1, 3);
    }
    const std::vector<std::int64_t> after = builder_.size;
    if (after != before) {
      builder_.size = before;
      shortcut.push_back(Convolve(builder_, name + ".shortcut", after[0], stride, 1));
    }
    return std::make_unique<PreActivationBlock>(Way(std::move(body)), Way(std::move(shortcut)));
  }

  ImageShape images_;
  NetworkBuilder builder_;
  ResidualShape shape_;
};

// DenseNet-BC of arXiv:1608.06993, section 3 and table 2, for small images: three stages of blocks
// that each add `growth` channels to all those before, from behind a bottleneck of four times as
// many; transitions between them halve channels and pixels.
class DenseMaker {
 public:
  DenseMaker(std::int64_t depth, std::int64_t growth, const ImageShape& images)
      : images_(images), builder_(images), blocks_((depth - 4) / 6), growth_(growth) {}

  Network Make() {
    builder_.Add("conv1", Convolve(builder_, "conv1", 2 * growth_, 1, 3));
    for (std::int64_t stage = 1; stage <= kStages; ++stage) {
      if (stage > 1) AddTransition(fmt::format("transition{}", stage - 1));
      for (std::int64_t block = 1; block <= blocks_; ++block) AddBlock(stage, block);
    }
    builder_.Add("last", Normalize(builder_, "last"));
    builder_.Add("penultimate", builder_.Average());
    AddHead(builder_, images_);
    return builder_.Finish();
  }

 private:
  static constexpr std::int64_t kStages = 3;

  // The last block of a stage bears the stage's name.
  void AddBlock(std::int64_t stage, std::int64_t block) {
    const std::string name = fmt::format("stage{}.block{}", stage, block);
    const std::vector<std::int64_t> before = builder_.size;
    std::vector<LayerPointer> body;
    AddPreActivated(body, builder_, name + ".conv1", 4 * growth_, 1, 1);
    AddPreActivated(body, builder_, name + ".conv2", growth_, 1, 3);
    builder_.size[0] += before[0];
    builder_.Add(block == blocks_ ? fmt::format("stage{}", stage) : name,
                 std::make_unique<DenseBlock>(Way(std::move(body)), before[0]));
  }

  void AddTransition(const std::string& name) {
    builder_.Add("", Normalize(builder_, name));
    builder_.Add("", Convolve(builder_, name, builder_.size[0] / 2, 1, 1));
    builder_.Add(name, builder_.PoolAverage());
  }

  ImageShape images_;
  NetworkBuilder builder_;
  std::int64_t blocks_;  // of each stage
  std::int64_t growth_;  // channels
};

// The depth of "<prefix>20", where that is a network.
std::optional<std::int64_t> Depth(std::string_view kind, std::string_view prefix) {
  if (!kind.starts_with(prefix)) return std::nullopt;
  const std::string_view digits = kind.substr(prefix.size());
  std::int64_t depth = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), depth);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  const std::int64_t per_block = prefix == "preresnet" && depth >= 44 ? 9 : 6;
  const std::int64_t others = prefix == "densenet" ? 4 : 2;
  const bool fits = depth > others && depth <= kLargestDepth && (depth - others) % per_block == 0;
  return fits ? std::optional(depth) : std::nullopt;
}

// Every map must have a pixel left.
void CheckSizes(const Network& network, const std::string& kind, const ImageShape& images) {
  for (const Network::Step& step : network.steps) {
    for (const std::int64_t size : step.shape) {
      if (size >= 1) continue;
      throw ConfigError(fmt::format("network kind = \"{}\" leaves nothing of images of {} x {}",
                                    kind, images.height, images.width));
    }
  }
}

Network MakeUnchecked(const NetworkConfig& config, const ImageShape& images) {
  const std::string& kind = config.kind;
  if (kind == "cnn") return MakeFreePlain(config, images);
  if (kind == "mlp") return MakeMlp(config, images);
  if (kind == "lenet5") return MakeLeNet(images);
  if (const auto shape = AssistantShape(kind, images.num_classes > 10)) {
    return MakePlain(*shape, images);
  }
  if (auto shape = FourTimesAsWide(kind)) return ResidualMaker(std::move(*shape), images).Make();
  if (auto shape = FourStages(config)) return ResidualMaker(std::move(*shape), images).Make();
  if (const auto depth = Depth(kind, "resnet")) {
    return ResidualMaker(ThreeStages(*depth, false), images).Make();
  }
  if (const auto depth = Depth(kind, "preresnet")) {
    return ResidualMaker(ThreeStages(*depth, true), images).Make();
  }
  if (const auto depth = Depth(kind, "densenet")) {
    return DenseMaker(*depth, config.growth, images).Make();
  }
  ThrowUnknown(kind);
}

}  // namespace

void VisitFields(core::FieldVisitor& v, NetworkConfig& c) {
  v.Field("kind", c.kind,
          "cnn2 … cnn10, cnn, resnet8 … resnet110, resnet32x4, resnet18, preresnet20, densenet100, "
          "lenet5, mlp");
  v.Field("channels", c.channels, {1, 4096}, "cnn: of each convolution; each halves the image");
  v.Field("global_average", c.global_average, "cnn: mean over pixels before the last layer");
  v.Field("width", c.width, kWidth, "resnet10, 18, 34: channels of the first of four stages");
  v.Field("growth", c.growth, {4, 64}, "densenet40 …: channels that each block adds");
  v.Field("hidden", c.hidden, {1, 65536}, "mlp: sizes of hidden layers");
}

Network MakeNetwork(const NetworkConfig& config, const ImageShape& shape) {
  Network network = MakeUnchecked(config, shape);
  CheckSizes(network, config.kind, shape);
  return network;
}

void Validate(const NetworkConfig& config, const ImageShape& shape) { MakeNetwork(config, shape); }

}  // namespace duet::tasks
