# duet_add_library(NAME SOURCES … [PUBLIC …] [PRIVATE …]): the library `duet_NAME`, alias `duet::NAME`.
function(duet_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(duet_${name} STATIC ${ARG_SOURCES})
  add_library(duet::${name} ALIAS duet_${name})
  target_include_directories(duet_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_link_libraries(duet_${name} PUBLIC ${ARG_PUBLIC}
                        PRIVATE ${ARG_PRIVATE} $<BUILD_INTERFACE:duet_settings>)
endfunction()

# duet_add_test(NAME SOURCES … LINK … LABELS …): the GoogleTest program `duet_NAME_test`; each of its
# tests is one ctest entry with the labels given. Label `quick` marks what runs within the two minutes.
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
  gtest_discover_tests(duet_${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
      ENVIRONMENT "DUET_TEST_PYTHON=${DUET_TEST_PYTHON};DUET_TEST_PYTHONPATH=${DUET_TEST_PYTHONPATH}")
endfunction()
