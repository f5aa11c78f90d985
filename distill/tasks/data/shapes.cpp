#include "distill/tasks/data/shapes.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string_view>

#include "core/random.h"

namespace duet::tasks {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr double kReach = 1.4;      // no shape is wider than that, in its own units
constexpr int kSamplesPerSide = 3;  // of a pixel, for smooth edges
constexpr double kLargestTurn = std::numbers::pi / 5.0;
// Of a channel, black to white. Shapes are mostly brighter than their background, so that a small
// network has something to start from.
constexpr double kDarkest = 0.0, kBackground = 0.6, kForeground = 0.35, kBrightest = 1.0;
constexpr double kSmallestContrast = 0.12;  // between the shape's and the background's mean colour

using Colour = std::array<double, kChannels>;

// Whether a point lies in a shape that fills about [-1, 1] x [-1, 1].
using Inside = bool (*)(double x, double y);

bool InDisc(double x, double y) { return std::hypot(x, y) < 0.85; }

bool InRing(double x, double y) {
  const double radius = std::hypot(x, y);
  return radius > 0.5 && radius < 0.95;
}

bool InSquare(double x, double y) { return std::max(std::abs(x), std::abs(y)) < 0.75; }

bool InFrame(double x, double y) {
  const double distance = std::max(std::abs(x), std::abs(y));
  return distance > 0.45 && distance < 0.85;
}

bool InTriangle(double x, double y) {
  return y < 0.55 && std::numbers::sqrt3 * std::abs(x) < y + 1.05;
}

bool InPlus(double x, double y) {
  return std::max(std::abs(x), std::abs(y)) < 0.95 && std::min(std::abs(x), std::abs(y)) < 0.28;
}

// Five points: the radius falls linearly from a tip to the next notch.
bool InStar(double x, double y) {
  constexpr double kPoint = 2.0 * std::numbers::pi / 5.0;
  const double angle = std::remainder(std::atan2(y, x), kPoint);
  return std::hypot(x, y) < 1.05 - 0.7 * std::abs(angle) / (kPoint / 2.0);
}

bool InCrescent(double x, double y) {
  return std::hypot(x, y) < 0.95 && std::hypot(x - 0.45, y) > 0.75;
}

bool InHalfDisc(double x, double y) { return y > -0.35 && std::hypot(x, y + 0.35) < 1.0; }

bool InHourglass(double x, double y) {
  return std::abs(y) < 0.85 && std::abs(x) < std::abs(y) + 0.08;
}

struct Shape {
  std::string_view name;
  Inside inside;
};
constexpr Shape kShapes[] = {{"disc", &InDisc},          {"ring", &InRing},
                             {"square", &InSquare},      {"frame", &InFrame},
                             {"triangle", &InTriangle},  {"plus", &InPlus},
                             {"star", &InStar},          {"crescent", &InCrescent},
                             {"half_disc", &InHalfDisc}, {"hourglass", &InHourglass}};

// From the image to the shape's own coordinates.
struct Pose {
  double centre_x, centre_y;  // in pixels
  double scale_x, scale_y;    // pixels of the shape's unit
  double cosine, sine;        // of the rotation
};

Pose DrawPose(double size, core::Rng& rng) {
  Pose pose{};
  const double scale = rng.Uniform(0.24, 0.4) * size, stretch = rng.Uniform(0.8, 1.25);
  pose.scale_x = scale * std::sqrt(stretch);
  pose.scale_y = scale / std::sqrt(stretch);
  pose.centre_x = size * rng.Uniform(0.4, 0.6);
  pose.centre_y = size * rng.Uniform(0.4, 0.6);
  const double angle = rng.Uniform(-kLargestTurn, kLargestTurn);
  pose.cosine = std::cos(angle);
  pose.sine = std::sin(angle);
  return pose;
}

// The share of the pixel with this corner that the shape covers.
double Coverage(const Pose& pose, Inside inside, std::int64_t column, std::int64_t row) {
  const double reach = kReach * std::max(pose.scale_x, pose.scale_y) + 1.0;
  if (std::abs(static_cast<double>(column) - pose.centre_x) > reach ||
      std::abs(static_cast<double>(row) - pose.centre_y) > reach) {
    return 0.0;
  }
  int hits = 0;
  for (int i = 0; i < kSamplesPerSide * kSamplesPerSide; ++i) {
    const double x =
        static_cast<double>(column) - pose.centre_x + (i % kSamplesPerSide + 0.5) / kSamplesPerSide;
    const double y =
        static_cast<double>(row) - pose.centre_y + (i / kSamplesPerSide + 0.5) / kSamplesPerSide;
    const double u = (pose.cosine * x + pose.sine * y) / pose.scale_x;
    const double v = (pose.cosine * y - pose.sine * x) / pose.scale_y;
    hits += inside(u, v) ? 1 : 0;
  }
  return static_cast<double>(hits) / (kSamplesPerSide * kSamplesPerSide);
}

Colour DrawColour(double low, double high, core::Rng& rng) {
  Colour colour{};
  for (double& channel : colour) channel = rng.Uniform(low, high);
  return colour;
}

double Distance(const Colour& first, const Colour& second) {
  double sum = 0.0;
  for (std::size_t d = 0; d < first.size(); ++d) sum += std::abs(first[d] - second[d]);
  return sum / kChannels;
}

// One image while it is drawn: [D, H, W] in [0, 1].
class Picture {
 public:
  explicit Picture(std::int64_t size)
      : size_(size), pixels_(static_cast<std::size_t>(kChannels * size * size)) {}

  void Cover(std::int64_t x, std::int64_t y, const Colour& colour, double share) {
    for (std::size_t d = 0; d < kChannels; ++d) {
      double& pixel = At(d, x, y);
      pixel += share * (colour[d] - pixel);
    }
  }

  // A change from one colour to another in a random direction.
  Colour DrawBackground(core::Rng& rng) {
    const Colour from = DrawColour(kDarkest, kBackground, rng);
    const Colour to = DrawColour(kDarkest, kBackground, rng);
    const double angle = rng.Uniform(0.0, 2.0 * std::numbers::pi);
    Colour middle{};
    for (std::size_t d = 0; d < kChannels; ++d) middle[d] = 0.5 * (from[d] + to[d]);
    for (std::int64_t y = 0; y < size_; ++y) {
      for (std::int64_t x = 0; x < size_; ++x) {
        const double along = std::cos(angle) * Centred(x) + std::sin(angle) * Centred(y);
        Cover(x, y, from, 1.0);
        Cover(x, y, to, std::clamp(0.5 + along, 0.0, 1.0));
      }
    }
    return middle;
  }

  void DrawShape(Inside inside, const Pose& pose, const Colour& colour) {
    for (std::int64_t y = 0; y < size_; ++y) {
      for (std::int64_t x = 0; x < size_; ++x) {
        Cover(x, y, colour, Coverage(pose, inside, x, y));
      }
    }
  }

  // A line of one pixel's width across the image, or a dot.
  void DrawDistractor(core::Rng& rng) {
    const Colour colour = DrawColour(kDarkest, kBrightest, rng);
    const auto size = static_cast<double>(size_);
    double x = rng.Uniform(0.0, size), y = rng.Uniform(0.0, size);
    const double angle = rng.Uniform(0.0, 2.0 * std::numbers::pi);
    const bool line = rng.Index(2) == 1;
    const double length = line ? rng.Uniform(0.3, 1.0) * size : rng.Uniform(1.0, 3.0);
    for (double step = 0.0; step < length; step += 0.5) {
      const auto column = static_cast<std::int64_t>(x + step * std::cos(angle));
      const auto row = static_cast<std::int64_t>(y + step * std::sin(angle));
      if (column < 0 || row < 0 || column >= size_ || row >= size_) break;
      Cover(column, row, colour, 0.7);
    }
  }

  void Write(double noise, core::Rng& rng, std::uint8_t* out) const {
    for (std::size_t i = 0; i < pixels_.size(); ++i) {
      const double value = pixels_[i] + (noise > 0.0 ? noise * rng.Normal() : 0.0);
      out[i] = static_cast<std::uint8_t>(std::lround(255.0 * std::clamp(value, 0.0, 1.0)));
    }
  }

 private:
  double Centred(std::int64_t place) const {
    return (static_cast<double>(place) + 0.5) / static_cast<double>(size_) - 0.5;
  }
  double& At(std::size_t d, std::int64_t x, std::int64_t y) {
    return pixels_[(d * static_cast<std::size_t>(size_) + static_cast<std::size_t>(y)) *
                       static_cast<std::size_t>(size_) +
                   static_cast<std::size_t>(x)];
  }

  std::int64_t size_;
  std::vector<double> pixels_;
};

void DrawImage(const ShapesConfig& config, Inside inside, core::Rng& rng, std::uint8_t* out) {
  Picture picture(config.size);
  const Colour background = picture.DrawBackground(rng);
  Colour colour = DrawColour(kForeground, kBrightest, rng);
  while (Distance(colour, background) < kSmallestContrast) {
    colour = DrawColour(kForeground, kBrightest, rng);
  }
  picture.DrawShape(inside, DrawPose(static_cast<double>(config.size), rng), colour);
  const std::int64_t distractors = rng.Index(config.distractors + 1);
  for (std::int64_t i = 0; i < distractors; ++i) picture.DrawDistractor(rng);
  picture.Write(config.noise, rng, out);
}

}  // namespace

void VisitFields(core::FieldVisitor& v, ShapesConfig& c) {
  v.Field("size", c.size, {8, 256}, "pixels of a side");
  v.Field("classes", c.classes, {2, static_cast<std::int64_t>(std::size(kShapes))},
          "the first so many shapes");
  v.Field("train_images", c.train_images, {1, 10'000'000}, "images of the training part");
  v.Field("test_images", c.test_images, {1, 10'000'000}, "images of the test part");
  v.Field("noise", c.noise, {0.0, 1.0}, "standard deviation of a pixel's noise; 1: black to white");
  v.Field("distractors", c.distractors, {0, 100}, "lines and dots over an image, at most");
  v.Field("seed", c.seed, {0}, "which images");
}

ImageSet DrawShapes(const ShapesConfig& config, bool test_part) {
  const std::int64_t count = test_part ? config.test_images : config.train_images;
  ImageSet set;
  set.name = test_part ? "shapes/test" : "shapes/train";
  set.num_classes = config.classes;
  for (std::int64_t i = 0; i < config.classes; ++i) set.class_names.emplace_back(kShapes[i].name);
  set.pixels = at::empty({count, kChannels, config.size, config.size}, at::kByte);
  set.labels = at::arange(count, at::kLong).remainder(config.classes);
  auto* pixels = set.pixels.mutable_data_ptr<std::uint8_t>();
  at::parallel_for(0, count, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      core::Rng rng(core::SplitSeed(static_cast<std::uint64_t>(config.seed), set.name,
                                    static_cast<std::uint64_t>(i)));
      DrawImage(config, kShapes[i % config.classes].inside, rng,
                pixels + i * kChannels * config.size * config.size);
    }
  });
  return set;
}

}  // namespace duet::tasks
