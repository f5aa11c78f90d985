# LibTorch's headers take ten seconds to read, so they are read once for all libraries and once for all
# test programs (whose code is position independent in another way). Configure with DUET_PCH=OFF to see
# whether every file includes what it uses.
option(DUET_PCH "Precompile LibTorch's headers" ON)

# duet_torch_pch(TARGET LINKED…): the precompiled headers for a target, where it links to LibTorch.
function(duet_torch_pch target)
  if(NOT DUET_PCH OR NOT "${ARGN}" MATCHES "duet_libtorch|duet::(agents|distill|runners|task|data_sets)|duet_fuzz")
    return()
  endif()
  get_target_property(type ${target} TYPE)
  string(TOLOWER duet_torch_pch_${type} pch)
  if(NOT TARGET ${pch})
    set(source ${PROJECT_BINARY_DIR}/pch/${pch}.cpp)
    file(WRITE ${source}.in "int main() { return 0; }\n")
    configure_file(${source}.in ${source} COPYONLY)
    if(type STREQUAL "EXECUTABLE")
      add_executable(${pch} EXCLUDE_FROM_ALL ${source})
    else()
      add_library(${pch} STATIC EXCLUDE_FROM_ALL ${source})
    endif()
    target_link_libraries(${pch} PRIVATE duet_libtorch duet_settings)
    target_precompile_headers(${pch} PRIVATE <ATen/ATen.h>)
    target_compile_options(${pch} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${pch})
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()

# duet_add_library(NAME SOURCES … [PUBLIC …] [PRIVATE …]): the library `duet_NAME`, alias `duet::NAME`.
function(duet_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(duet_${name} STATIC ${ARG_SOURCES})
  add_library(duet::${name} ALIAS duet_${name})
  target_include_directories(duet_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_link_libraries(duet_${name} PUBLIC ${ARG_PUBLIC}
                        PRIVATE ${ARG_PRIVATE} $<BUILD_INTERFACE:duet_settings>)
  duet_torch_pch(duet_${name} ${ARG_PUBLIC} ${ARG_PRIVATE})
endfunction()

# duet_add_test(NAME SOURCES … LINK … LABELS …): the GoogleTest program `duet_NAME_test`; each of its
# suites is one ctest entry with the labels given. Label `quick` marks what runs within the two minutes.
# The code may use the macros DUET_SOURCE_DIR, DUET_BINARY_DIR and DUET_PROGRAM (the built `duet`);
# a test run by ctest finds DUET_TEST_PYTHON and DUET_TEST_PYTHONPATH in its environment.
function(duet_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  add_executable(duet_${name}_test ${ARG_SOURCES})
  target_link_libraries(duet_${name}_test PRIVATE ${ARG_LINK} duet_settings GTest::gmock GTest::gtest_main)
  target_compile_definitions(duet_${name}_test PRIVATE
    DUET_SOURCE_DIR="${PROJECT_SOURCE_DIR}" DUET_BINARY_DIR="${PROJECT_BINARY_DIR}"
    DUET_PROGRAM="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/duet")
  duet_torch_pch(duet_${name}_test ${ARG_LINK})
  # Tests run side by side: a thread that waits for work must leave its core to the others.
  set(entries ${CMAKE_CURRENT_BINARY_DIR}/duet_${name}_test_entries.cmake)
  file(GENERATE OUTPUT ${entries} CONTENT "
set(program [==[$<TARGET_FILE:duet_${name}_test>]==])
set(name ${name})
set(labels [==[${ARG_LABELS}]==])
set(timeout ${ARG_TIMEOUT})
set(environment [==[OMP_WAIT_POLICY=passive;DUET_TEST_PYTHON=${DUET_TEST_PYTHON};DUET_TEST_PYTHONPATH=${DUET_TEST_PYTHONPATH}]==])
include([==[${PROJECT_SOURCE_DIR}/cmake/TestSuites.cmake]==])
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${entries})
endfunction()
