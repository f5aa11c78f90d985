// Settings of a task as words of a command line.
#pragma once

#include <span>
#include <string>

#include "envs/env_options.h"

namespace duet::runners {

// From words of the form key=value, where a value is true, false, a number, an interval as in
// [0.8, 2], or else text. Throws ConfigError on a word without a key and on a key given twice.
envs::EnvOptions ParseEnvOptions(std::span<const std::string> words);

}  // namespace duet::runners
