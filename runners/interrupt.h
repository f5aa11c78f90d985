// Ctrl-C and SIGTERM as a request that running work can ask about.
#pragma once

#include "core/error.h"

namespace duet::runners {

// Work stopped on request, after a checkpoint.
class Interrupted : public Error {
 public:
  using Error::Error;
};

// From now on SIGINT and SIGTERM ask for an orderly stop; a second one ends the program at once.
void CatchInterrupts();
bool InterruptRequested();
// Asks for the stop from inside, as when another part of the work has failed.
void RequestInterrupt();

}  // namespace duet::runners
