# ctest reads this for each GoogleTest program: `program`, `name`, `labels`, `timeout` and `environment` are set.
# Each suite of the program is one entry, so that loading LibTorch, a fifth of a second, is paid once
# for a suite and not once for a test. The list of suites is kept until the program is built anew.
if(NOT EXISTS "${program}")
  add_test("${name}_NOT_BUILT" "${program}")
  set_tests_properties("${name}_NOT_BUILT" PROPERTIES LABELS "${labels}")
  return()
endif()

set(list "${program}_suites.txt")
if("${program}" IS_NEWER_THAN "${list}")
  execute_process(COMMAND "${program}" --gtest_list_tests
    OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${program} --gtest_list_tests: ended with ${status}\n${output}")
  endif()
  # A suite's line begins at the margin and ends in a dot, before a remark about its type.
  string(REGEX MATCHALL "(^|\n)[^ \n]+\\." suites "${output}")
  list(TRANSFORM suites REPLACE "[\n]|\\.$" "")
  file(WRITE "${list}" "${suites}")
endif()

file(READ "${list}" suites)
foreach(suite IN LISTS suites)
  add_test("${name}.${suite}" "${program}" "--gtest_filter=${suite}.*")
  set_tests_properties("${name}.${suite}" PROPERTIES
    LABELS "${labels}" TIMEOUT ${timeout} ENVIRONMENT "${environment}")
endforeach()
