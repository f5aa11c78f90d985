# Language, build type, compiler cache and warnings for every target of this project.
option(DUET_BUILD_TESTS "Build the tests" ON)
option(DUET_BUILD_BENCHMARKS "Build the benchmarks" ON)
option(DUET_CCACHE "Compile through ccache where it is installed" ON)
set(DUET_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: address,undefined or thread")

option(DUET_FUZZ "Build libFuzzer programs in place of the tests of the readers" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# One compilation serves every checkout (base directory) and precompiled headers (sloppiness).
find_program(DUET_CCACHE_PROGRAM ccache)
mark_as_advanced(DUET_CCACHE_PROGRAM)
if(DUET_CCACHE AND DUET_CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    ${DUET_CCACHE_PROGRAM})
endif()

add_library(duet_settings INTERFACE)
target_compile_options(duet_settings INTERFACE -Wall -Wextra -Wpedantic)
# One rounding per operation, so that the environments' numbers are the same on every x86-64 machine.
target_compile_options(duet_settings INTERFACE -ffp-contract=off)
if(DUET_SANITIZE)
  target_compile_options(duet_settings INTERFACE -fsanitize=${DUET_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(duet_settings INTERFACE -fsanitize=${DUET_SANITIZE})
endif()
