// The text of an error, to be compared word by word.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace duet::support {

// The text of the `Exception` that `function` throws.
template <typename Exception, typename Function>
std::string MessageOf(Function function) {
  try {
    function();
  } catch (const Exception& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace duet::support
