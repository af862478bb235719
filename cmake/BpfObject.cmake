# bpf_object(NAME FILE.bpf.c [FLAG...]): compiles one BPF program file and embeds the object in a library
# embedded_bpf_NAME (EmbedFile), as the symbols tracepkt_bpf_NAME_{begin,end} (see bpf/objects.h).
# The object is embedded whole, not as a libbpf skeleton: the packet filter is written into it
# before libbpf opens it (filter/).

find_program(CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14 REQUIRED)
find_program(LLVM_STRIP NAMES llvm-strip llvm-strip-19 llvm-strip-18 llvm-strip-17 llvm-strip-16 llvm-strip-15
                              llvm-strip-14 REQUIRED)

# The BPF objects are built for x86, and the ring needs its order of stores (src/bpf/ring.bpf.h).
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  message(FATAL_ERROR "tracepkt runs on x86-64 only so far; this is ${CMAKE_SYSTEM_PROCESSOR}")
endif()

function(bpf_object name source)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(depfile ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.d)
  get_filename_component(source ${source} ABSOLUTE)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CLANG} -target bpf -mcpu=v3 -O2 -g -std=gnu11 ${ARGN} -Wall -Wextra -Werror -Wno-unused-parameter
            -D__TARGET_ARCH_x86 -I${CMAKE_SOURCE_DIR}/src -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -MD -MF ${depfile} -MT ${object} -c ${source} -o ${object}
    COMMAND ${LLVM_STRIP} -g ${object}
    COMMAND ${CMAKE_SOURCE_DIR}/cmake/check-bpf-object ${CMAKE_READELF} ${object}
    DEPENDS ${source} ${CMAKE_SOURCE_DIR}/cmake/check-bpf-object
    DEPFILE ${depfile}
    COMMENT "BPF ${name}"
    VERBATIM)
  embed_file(bpf_${name} ${object})
endfunction()
