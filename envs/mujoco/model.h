// MuJoCo's objects with owners, and the models that all environments of an id share.
#pragma once

#include <mujoco/mujoco.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace duet::envs {

struct ModelDeleter {
  void operator()(mjModel* model) const { mj_deleteModel(model); }
};
struct DataDeleter {
  void operator()(mjData* data) const { mj_deleteData(data); }
};
using DataHandle = std::unique_ptr<mjData, DataDeleter>;

// The text of assets/<name>.xml, which the library carries. Throws std::logic_error on another
// name.
std::string_view MjcfText(std::string_view name);

// The compiled model of assets/<name>.xml. It is compiled once per program, at the first call, and
// nobody writes to it afterwards; any thread may call this. `total_mass` (kg) scales all masses and
// inertias; 0 leaves them as the file says. From the first call on, MuJoCo's errors are thrown as
// duet::Error and its warnings, which it also counts in mjData, are not printed.
std::shared_ptr<const mjModel> SharedModel(std::string_view name, double total_mass = 0.0);

// The same model as it is stepped: with the same results bit for bit, at less cost. A model that is
// one tree of bodies can only have one island of constraints, so MuJoCo is told not to look for
// more; that saves up to a tenth of a step (docs/results/stepping.md). Other models stay as they
// are.
std::shared_ptr<const mjModel> SteppingModel(std::string_view name, double total_mass = 0.0);

// The model of a file of somebody's own, which is stepped as it is; what it includes and its meshes
// are found relative to it. Throws IoError where it cannot be read, and ConfigError with MuJoCo's
// words where it cannot be compiled.
std::shared_ptr<const mjModel> SharedModelOfFile(const std::filesystem::path& path,
                                                 double total_mass = 0.0);

DataHandle MakeData(const mjModel& model);

// SHA-256 of all numbers that the physics depends on, in hexadecimal; equal digests mean models
// that are equal bit for bit.
std::string ModelDigest(const mjModel& model);

}  // namespace duet::envs
