# Third-party libraries: Debian's packages through their CMake packages, LibTorch and MuJoCo as
# imported targets of headers and libraries.
find_package(Boost 1.74 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Protobuf REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(tomlplusplus REQUIRED)

set(DUET_LIBTORCH "$ENV{DUET_LIBTORCH}" CACHE PATH "LibTorch: the folder that holds include/ and lib/")
set(DUET_MUJOCO "$ENV{DUET_MUJOCO}" CACHE PATH "MuJoCo: the folder that holds include/ and libmujoco.so")

# LibTorch. Its own CMake package wants a CUDA toolkit; headers and libraries are all that is needed.
# -idirafter: the wheel also carries headers of fmt and protobuf, which must not hide the system's.
add_library(duet_libtorch INTERFACE)
target_compile_options(duet_libtorch INTERFACE
  "SHELL:-idirafter ${DUET_LIBTORCH}/include"
  "SHELL:-idirafter ${DUET_LIBTORCH}/include/torch/csrc/api/include")
find_library(DUET_TORCH_CPU torch_cpu PATHS ${DUET_LIBTORCH}/lib NO_DEFAULT_PATH REQUIRED)
find_library(DUET_C10 c10 PATHS ${DUET_LIBTORCH}/lib NO_DEFAULT_PATH REQUIRED)
target_link_libraries(duet_libtorch INTERFACE ${DUET_TORCH_CPU} ${DUET_C10})
target_link_options(duet_libtorch INTERFACE "LINKER:--allow-shlib-undefined" "LINKER:-rpath,${DUET_LIBTORCH}/lib")

# MuJoCo.
file(GLOB DUET_MUJOCO_LIBRARY ${DUET_MUJOCO}/libmujoco.so* ${DUET_MUJOCO}/lib/libmujoco.so)
list(GET DUET_MUJOCO_LIBRARY 0 DUET_MUJOCO_LIBRARY)
add_library(duet_mujoco SHARED IMPORTED)
set_target_properties(duet_mujoco PROPERTIES
  IMPORTED_LOCATION ${DUET_MUJOCO_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${DUET_MUJOCO}/include)

if(DUET_BUILD_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
if(DUET_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
