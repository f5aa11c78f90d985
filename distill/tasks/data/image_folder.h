// Folders of pictures, one folder for each class.
#pragma once

#include <cstdint>
#include <filesystem>

#include "distill/tasks/data/image_sets.h"

namespace duet::tasks {

// The pictures DIRECTORY/<part>/<class>/<file>, in the order of their names. Classes are the
// folders of DIRECTORY/train, in the order of their names; the test part may have fewer. Hidden
// files are left out. With a resolution > 0 every picture is brought to that many pixels a side;
// with 0 all must have one size. Throws IoError where a folder is missing or empty, the test part
// has a class that the training part has not, or a file is no picture, damaged, or of another size.
ImageSet ReadImageFolder(const std::filesystem::path& directory, Part part,
                         std::int64_t resolution);

}  // namespace duet::tasks
