# tracepkt_folder(NAME [DEPS folder...] [LIBS library...]): one static library of the .cpp files of
# this folder. DEPS are the folders above it in the layout, and the only ones it may include
# (tools/check-layers reads the same lines). NAME_test.cpp files become one test program,
# NAME_fuzz.cpp files a fuzz target each.

set(TRACEPKT_WARNINGS -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wno-sign-conversion
                      -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Wformat=2 -Wno-missing-field-initializers)

add_library(tracepkt_options INTERFACE)
target_compile_options(tracepkt_options INTERFACE ${TRACEPKT_WARNINGS})
target_include_directories(tracepkt_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(tracepkt_options INTERFACE TRACEPKT_VERSION="${PROJECT_VERSION}")
if(TRACEPKT_SANITIZE)
  # -g1: functions and lines are all that their reports tell.
  target_compile_options(tracepkt_options INTERFACE -g1 -fsanitize=${TRACEPKT_SANITIZE} -fno-omit-frame-pointer
                                                    -fno-sanitize-recover=all)
  target_link_options(tracepkt_options INTERFACE -fsanitize=${TRACEPKT_SANITIZE})
endif()
if(TRACEPKT_FUZZ)
  target_compile_options(tracepkt_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
  target_link_options(tracepkt_options INTERFACE -fsanitize=address,undefined)
endif()

function(tracepkt_folder name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")

  set(deps tracepkt_options fmt::fmt)
  foreach(dep IN LISTS ARG_DEPS)
    list(APPEND deps tracepkt_${dep})
  endforeach()
  if(sources)
    add_library(tracepkt_${name} STATIC ${sources})
    target_link_libraries(tracepkt_${name} PUBLIC ${deps} ${ARG_LIBS})
  else()
    add_library(tracepkt_${name} INTERFACE)
    target_link_libraries(tracepkt_${name} INTERFACE ${deps} ${ARG_LIBS})
  endif()

  if(BUILD_TESTING AND tests AND NOT TRACEPKT_FUZZ)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE tracepkt_${name} GTest::gmock GTest::gtest_main)
    # To optimise the tests themselves takes longer than to run them; _FORTIFY_SOURCE would want it.
    target_compile_options(${name}_test PRIVATE -O0 -U_FORTIFY_SOURCE)
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
  if(TRACEPKT_FUZZ)
    foreach(fuzzer IN LISTS fuzzers)
      get_filename_component(fuzz_name ${fuzzer} NAME_WE)
      add_executable(${fuzz_name} ${fuzzer})
      target_link_libraries(${fuzz_name} PRIVATE tracepkt_${name})
      target_link_options(${fuzz_name} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()
