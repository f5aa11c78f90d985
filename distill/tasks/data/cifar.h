// CIFAR-10 and CIFAR-100 in their binary format: records of one label byte (CIFAR-100: the coarse,
// then the fine label) and 3,072 pixels, channel by channel.
#pragma once

#include <filesystem>
#include <string_view>

#include "distill/tasks/data/image_sets.h"

namespace duet::tasks {

// The samples in a file's bytes, as a view of them. `where` names the file in errors. Throws
// IoError where they are not whole records or a label is out of range.
ImageSet ParseCifar10(const Tensor& bytes, std::string_view where);
ImageSet ParseCifar100(const Tensor& bytes, std::string_view where);  // fine labels

// One part out of data_batch_1.bin to data_batch_5.bin and test_batch.bin (CIFAR-10), or train.bin
// and test.bin (both; the pixels are then a view of the mapped file). Throws as FindDataFiles and
// the functions above.
ImageSet ReadCifar10(const std::filesystem::path& directory, Part part);
ImageSet ReadCifar100(const std::filesystem::path& directory, Part part);

}  // namespace duet::tasks
