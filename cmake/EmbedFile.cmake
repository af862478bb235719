# embed_file(NAME FILE): a library embedded_NAME with the bytes of FILE, as the symbols tracepkt_NAME_{begin,end}. What
# makes FILE may be a custom command of the same directory.
function(embed_file name file)
  set(embed ${CMAKE_CURRENT_BINARY_DIR}/${name}_embed.S)
  file(WRITE ${embed}.new "  .section .rodata\n  .balign 8\n  .global tracepkt_${name}_begin\n"
       "tracepkt_${name}_begin:\n  .incbin \"${file}\"\n  .global tracepkt_${name}_end\n"
       "tracepkt_${name}_end:\n  .section .note.GNU-stack,\"\",@progbits\n")
  file(COPY_FILE ${embed}.new ${embed} ONLY_IF_DIFFERENT)
  set_source_files_properties(${embed} PROPERTIES LANGUAGE ASM OBJECT_DEPENDS ${file})
  add_library(embedded_${name} STATIC ${embed})
endfunction()
