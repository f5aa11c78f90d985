# Turns files into a C++ source: for each NAME=PATH in FILES a std::string_view NAME.
#   cmake -D OUTPUT=… -D NAMESPACE=… -D "FILES=kStyle=a.css,kScript=b.js" -P embed_files.cmake
set(source "#include <string_view>\n\nnamespace ${NAMESPACE} {\n")
string(REPLACE "," ";" FILES "${FILES}")
foreach(file IN LISTS FILES)
  string(REGEX MATCH "^([^=]+)=(.+)$" matched "${file}")
  set(name ${CMAKE_MATCH_1})
  file(READ "${CMAKE_MATCH_2}" bytes HEX)
  # 16 bytes a line.
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND source
    "static const char ${name}Bytes[] = {\n${bytes}'\\0'};\n"
    "extern const std::string_view ${name};\n"
    "const std::string_view ${name}(${name}Bytes, sizeof(${name}Bytes) - 1);\n")
endforeach()
string(APPEND source "}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${source}")
