// The errors that Duet throws. Libraries throw, only `main` prints and decides.
#pragma once

#include <stdexcept>
#include <string>

namespace duet {

// Something outside the program is wrong: a file, a setting, a device. The message is one line that
// says where, what was found, and what is allowed.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A setting is unknown, of the wrong type, or out of range.
class ConfigError : public Error {
 public:
  using Error::Error;
};

// A file or folder cannot be read or written, or its content is damaged.
class IoError : public Error {
 public:
  using Error::Error;
};

// A quantity became NaN or infinite; the message names it and the step.
class NonFiniteError : public Error {
 public:
  using Error::Error;
};

}  // namespace duet
