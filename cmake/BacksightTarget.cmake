# What every target of ours has in common.
add_library(backsight_common INTERFACE)
target_compile_options(backsight_common INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror
  # LIBBPF_OPTS is written in these.
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-gnu-zero-variadic-macro-arguments -Wno-gnu-statement-expression
    -Wno-c99-extensions>)
target_include_directories(backsight_common INTERFACE ${PROJECT_SOURCE_DIR})

# backsight_library(NAME SOURCES files… LINKS targets…): the one target of a folder.
function(backsight_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC backsight_common ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# backsight_test(NAME SOURCES files… LINKS targets… [LABELS …] [COST seconds]):
# a Catch2 executable, registered as one test.
function(backsight_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE backsight_common backsight_test_main ${ARG_LINKS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    SKIP_RETURN_CODE 77)
endfunction()

# backsight_fuzzer(NAME SOURCE LINKS…): a libFuzzer program, in the fuzz preset.
function(backsight_fuzzer name source)
  if(BACKSIGHT_FUZZ)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE backsight_common ${ARGN} -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  endif()
endfunction()
