# Language, build type and warnings for every target of this project.
option(DUET_BUILD_TESTS "Build the tests" ON)
option(DUET_BUILD_BENCHMARKS "Build the benchmarks" ON)
set(DUET_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

add_library(duet_settings INTERFACE)
target_compile_options(duet_settings INTERFACE -Wall -Wextra -Wpedantic)
# One rounding per operation, so that the environments' numbers are the same on every x86-64 machine.
target_compile_options(duet_settings INTERFACE -ffp-contract=off)
if(DUET_SANITIZE)
  target_compile_options(duet_settings INTERFACE -fsanitize=${DUET_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(duet_settings INTERFACE -fsanitize=${DUET_SANITIZE})
endif()
