// Compressed files for the tests.
#pragma once

#include <string>

#include "agents/tensor.h"

namespace duet::tasks {

// The gzip file of these bytes.
std::string Gzip(const std::string& bytes);

// The picture [3, H, W] uint8 as a file.
std::string EncodePng(const agents::Tensor& picture);
std::string EncodeJpeg(const agents::Tensor& picture);
std::string EncodePpm(const agents::Tensor& picture);

}  // namespace duet::tasks
