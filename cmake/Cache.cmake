# Where ./duet keeps LibTorch, MuJoCo, Box2D and the tests' Python packages: the names are those of
# setup/main.py, the versions those of setup/versions.txt. Used where nobody names a folder.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/setup/versions.txt)

# duet_pinned_version(NAME OUT): the version of an archive or Python package in setup/versions.txt.
function(duet_pinned_version name out)
  file(STRINGS ${PROJECT_SOURCE_DIR}/setup/versions.txt line REGEX "^((wheel|source) +[^ ]+|python) +${name} ")
  string(REGEX REPLACE "^((wheel|source) +[^ ]+|python) +${name} +([^ ]+) .*" "\\3" version "${line}")
  set(${out} ${version} PARENT_SCOPE)
endfunction()

set(DUET_CACHE $ENV{XDG_CACHE_HOME})
if(NOT DUET_CACHE)
  set(DUET_CACHE $ENV{HOME}/.cache)
endif()
string(APPEND DUET_CACHE /duet)

# With CUDA: as DUET_CUDA=0 or 1 in the environment says, else where NVIDIA's driver is.
set(cuda OFF)
if(EXISTS /proc/driver/nvidia/version OR EXISTS /dev/nvidiactl OR EXISTS /dev/dxg)
  set(cuda ON)
endif()
if(NOT "$ENV{DUET_CUDA}" STREQUAL "")
  set(cuda $ENV{DUET_CUDA})
endif()
option(DUET_CUDA "Use LibTorch's CUDA libraries" ${cuda})

# duet_default_folder(VARIABLE PATH DESCRIPTION): a cache variable, from the environment or the cache.
function(duet_default_folder variable path description)
  if("$ENV{${variable}}" STREQUAL "")
    set(${variable} ${path} CACHE PATH ${description})
  else()
    set(${variable} $ENV{${variable}} CACHE PATH ${description})
  endif()
endfunction()

if(DUET_CUDA)
  set(flavour cuda)
else()
  set(flavour cpu)
endif()
duet_pinned_version(torch version)
duet_default_folder(DUET_LIBTORCH ${DUET_CACHE}/libtorch-${version}-${flavour}/torch
  "LibTorch: the folder that holds include/ and lib/")
duet_pinned_version(mujoco version)
duet_default_folder(DUET_MUJOCO ${DUET_CACHE}/mujoco-${version}/mujoco
  "MuJoCo: the folder that holds include/ and libmujoco.so")
duet_pinned_version(box2d-py version)
duet_default_folder(DUET_BOX2D ${DUET_CACHE}/box2d-${version} "Box2D: the folder that holds Box2D/, its sources")

if(DUET_BUILD_TESTS)
  find_program(DUET_TEST_PYTHON python3 DOC "The Python that tests read event files with")
  if(DUET_TEST_PYTHON)
    execute_process(COMMAND ${DUET_TEST_PYTHON} -c "import sys; print('%d.%d' % sys.version_info[:2], end='')"
      OUTPUT_VARIABLE python_version)
    duet_pinned_version(tensorboard version)
    duet_default_folder(DUET_TEST_PYTHONPATH ${DUET_CACHE}/tensorboard-${version}-py${python_version}
      "Python packages for the tests")
  endif()
endif()
