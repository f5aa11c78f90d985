// Which network classifies images, and what the images are like.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/fields.h"

namespace duet::tasks {

// Of the images that a network classifies. Letters of shapes: M members, B batch, D colour
// channels, H and W pixels, C classes, F features.
struct ImageShape {
  std::int64_t channels = 3;  // D
  std::int64_t height = 32;   // H, pixels
  std::int64_t width = 32;    // W, pixels
  std::int64_t num_classes = 10;

  bool operator==(const ImageShape&) const = default;
};

// A network by its name:
//
//   cnn2 cnn4 cnn6 cnn8 cnn10   the plain networks of arXiv:1902.03393 as its code has them, with
//                               the widths for CIFAR-100 where there are more than ten classes
//   cnn                         a convolution of each of `channels`, each halving the image
//   resnet8 … resnet110         6 n + 2 layers, arXiv:1512.03385, section 4.2
//   resnet8x4 resnet32x4        four times as wide, as the code of arXiv:1910.10699 has them
//   resnet10 resnet18 resnet34  four stages of `width`, twice, four and eight times as many
//                               channels, the same, table 1, with a first convolution for small
//                               images
//   preresnet20, preresnet56 …  pre-activation, arXiv:1603.05027: 6 n + 2 layers in basic blocks,
//                               or from 44 layers on 9 n + 2 in bottlenecks
//   densenet40 … densenet100    6 n + 4 layers, DenseNet-BC of arXiv:1608.06993 with `growth`
//   lenet5                      of LeCun et al., Proc. IEEE 86 (1998), with ReLUs and maxima
//   mlp                         the layers `hidden` with ReLUs
//
// Every 3x3 convolution but those of preresnets and densenets, which it comes before, is followed
// by batch normalisation (momentum 0.1, epsilon 1e-5, as PyTorch's).
struct NetworkConfig {
  std::string kind = "cnn";
  std::vector<std::int64_t> channels = {16, 32, 64};  // of "cnn" alone
  bool global_average = false;  // of "cnn" alone: the mean over all pixels goes to the last layer
  std::int64_t width = 64;      // of resnet10, resnet18 and resnet34 alone
  std::int64_t growth = 12;     // of densenets alone: channels that each block adds
  std::vector<std::int64_t> hidden = {256};  // of "mlp" alone

  bool operator==(const NetworkConfig&) const = default;
};
void VisitFields(core::FieldVisitor& v, NetworkConfig& c);

// Throws ConfigError where no network has this name, or it cannot take such images.
void Validate(const NetworkConfig& config, const ImageShape& shape);

}  // namespace duet::tasks
