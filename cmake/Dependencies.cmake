# Third-party libraries: Debian's packages through their CMake packages, LibTorch and MuJoCo as
# imported targets of headers and libraries, Box2D as sources (envs/box2d/engine).
find_package(Boost 1.74 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(CURL 7.74 REQUIRED)
find_package(LibArchive 3.4 REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Protobuf REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(cairo REQUIRED IMPORTED_TARGET cairo)
pkg_check_modules(ffmpeg REQUIRED IMPORTED_TARGET
  libavformat>=58 libavcodec>=58 libswscale>=5 libavutil>=56)

find_package(tomlplusplus QUIET)
if(NOT TARGET tomlplusplus::tomlplusplus) # Ubuntu 22.04 has the headers only
  find_path(DUET_TOMLPLUSPLUS toml++/toml.h REQUIRED)
  add_library(tomlplusplus::tomlplusplus INTERFACE IMPORTED)
  target_include_directories(tomlplusplus::tomlplusplus INTERFACE ${DUET_TOMLPLUSPLUS})
endif()

# Chart.js 3 or 4, one file that the report page carries inside.
find_file(DUET_CHART_JS NAMES chart.min.js chart.umd.js Chart.min.js
  PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist NO_DEFAULT_PATH
  DOC "Chart.js, inlined into reports")

include(Cache)

# LibTorch. Its own CMake package wants a CUDA toolkit; headers and libraries are all that is needed.
# -idirafter: the wheel also carries headers of fmt and protobuf, which must not hide the system's.
if(NOT EXISTS ${DUET_LIBTORCH}/lib/libtorch_cpu.so OR NOT EXISTS ${DUET_LIBTORCH}/include/ATen/ATen.h)
  message(FATAL_ERROR "DUET_LIBTORCH=${DUET_LIBTORCH} holds no LibTorch; run ./duet setup, or name its folder.")
endif()
add_library(duet_libtorch INTERFACE)
target_compile_options(duet_libtorch INTERFACE
  "SHELL:-idirafter ${DUET_LIBTORCH}/include"
  "SHELL:-idirafter ${DUET_LIBTORCH}/include/torch/csrc/api/include")
target_link_libraries(duet_libtorch INTERFACE
  ${DUET_LIBTORCH}/lib/libtorch_cpu.so ${DUET_LIBTORCH}/lib/libc10.so)
# at::parallel_for takes one thread in code that is compiled without OpenMP.
target_link_libraries(duet_libtorch INTERFACE OpenMP::OpenMP_CXX)
target_link_options(duet_libtorch INTERFACE
  "LINKER:--allow-shlib-undefined" "LINKER:-rpath,${DUET_LIBTORCH}/lib")
# CUDA comes in by being loaded: nothing refers to it, so the linker must be told to keep it.
if(DUET_CUDA AND EXISTS ${DUET_LIBTORCH}/lib/libtorch_cuda.so)
  target_link_libraries(duet_libtorch INTERFACE
    "-Wl,--push-state,--no-as-needed,${DUET_LIBTORCH}/lib/libtorch_cuda.so,--pop-state"
    ${DUET_LIBTORCH}/lib/libc10_cuda.so)
  # Recording updates needs CUDA's runtime too. The wheels carry its headers and library; a toolkit will do.
  find_path(DUET_CUDA_INCLUDE cuda_runtime_api.h
    PATHS ${DUET_LIBTORCH}/../nvidia/cu13/include /usr/local/cuda/include NO_DEFAULT_PATH)
  file(GLOB cudart ${DUET_LIBTORCH}/../nvidia/cu13/lib/libcudart.so.*)
  find_library(DUET_CUDART NAMES ${cudart} cudart PATHS /usr/local/cuda/lib64)
  if(NOT DUET_CUDA_INCLUDE OR NOT DUET_CUDART)
    message(FATAL_ERROR "CUDA's runtime is missing: name the folder of cuda_runtime_api.h with "
                        "-D DUET_CUDA_INCLUDE= and libcudart.so with -D DUET_CUDART=")
  endif()
  add_library(duet_cuda INTERFACE)
  target_compile_options(duet_cuda INTERFACE "SHELL:-idirafter ${DUET_CUDA_INCLUDE}")
  target_link_libraries(duet_cuda INTERFACE ${DUET_CUDART})
endif()

# oneDNN for products on the CPU: its headers, as the program opens the library itself (agents/onednn.cpp).
# Without it products go through LibTorch.
find_path(DUET_ONEDNN_INCLUDE dnnl.h DOC "The folder of oneDNN's headers")
mark_as_advanced(DUET_ONEDNN_INCLUDE)
add_library(duet_onednn INTERFACE)
if(DUET_ONEDNN_INCLUDE)
  target_compile_definitions(duet_onednn INTERFACE DUET_ONEDNN)
  target_include_directories(duet_onednn SYSTEM INTERFACE ${DUET_ONEDNN_INCLUDE})
  target_link_libraries(duet_onednn INTERFACE ${CMAKE_DL_LIBS})
else()
  message(WARNING "oneDNN (libdnnl-dev) is not here: learning on the CPU takes twice the time")
endif()

# MuJoCo.
file(GLOB library ${DUET_MUJOCO}/lib/libmujoco.so* ${DUET_MUJOCO}/libmujoco.so*)
if(NOT library OR NOT EXISTS ${DUET_MUJOCO}/include/mujoco/mujoco.h)
  message(FATAL_ERROR "DUET_MUJOCO=${DUET_MUJOCO} holds no MuJoCo; run ./duet setup, or name its folder.")
endif()
list(GET library 0 library)
add_library(duet_mujoco SHARED IMPORTED)
set_target_properties(duet_mujoco PROPERTIES
  IMPORTED_LOCATION ${library}
  INTERFACE_INCLUDE_DIRECTORIES ${DUET_MUJOCO}/include)

# Box2D, the tree that Gymnasium's numbers come from: Debian's release computes others.
if(NOT EXISTS ${DUET_BOX2D}/Box2D/Box2D.h OR NOT EXISTS ${DUET_BOX2D}/Box2D/Dynamics/b2World.cpp)
  message(FATAL_ERROR "DUET_BOX2D=${DUET_BOX2D} holds no Box2D; run ./duet setup, or name its folder.")
endif()

if(DUET_BUILD_TESTS)
  find_package(GTest REQUIRED)
  find_package(rapidcheck QUIET)
endif()
if(DUET_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
