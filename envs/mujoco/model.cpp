#include "envs/mujoco/model.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "envs/mujoco/model_fields.h"

namespace duet::envs {
namespace {

using ModelHandle = std::unique_ptr<mjModel, ModelDeleter>;

// MuJoCo's own handler writes a log file into the working folder and ends the program on an error.
void OnMuJoCoMessage(const mjLogMessage* message) {
  if (message->level == mjLOG_ERROR) throw Error(fmt::format("MuJoCo: {}", message->subject));
}

struct SpecDeleter {
  void operator()(mjSpec* spec) const { mj_deleteSpec(spec); }
};

ModelHandle Compile(std::string_view name, double total_mass) {
  std::array<char, 1024> problem{};
  const std::string text(MjcfText(name));
  const std::unique_ptr<mjSpec, SpecDeleter> spec(
      mj_parseXMLString(text.c_str(), nullptr, problem.data(), static_cast<int>(problem.size())));
  if (spec == nullptr) {
    throw std::logic_error(fmt::format("{}.xml: {}", name, problem.data()));
  }
  ModelHandle model(mj_compile(spec.get(), nullptr));
  if (model == nullptr) {
    throw std::logic_error(fmt::format("{}.xml: {}", name, mjs_getError(spec.get())));
  }
  if (total_mass > 0.0) {
    mj_setTotalmass(model.get(), total_mass);
    const DataHandle data = MakeData(*model);
    mj_setConst(model.get(), data.get());
    // mj_setConst leaves this one alone, and the solver's tolerance is relative to it: the mean of
    // the mass matrix's diagonal.
    double sum = 0.0;
    for (int i = 0; i < model->nv; ++i) sum += model->dof_M0[i];
    model->stat.meaninertia = sum / static_cast<double>(model->nv);
  }
  return model;
}

struct Models {
  std::shared_ptr<const mjModel> compiled;
  std::shared_ptr<const mjModel> stepping;
};

std::shared_ptr<const mjModel> WithoutIslands(const std::shared_ptr<const mjModel>& model) {
  if (model->ntree != 1) return model;
  ModelHandle copy(mj_copyModel(nullptr, model.get()));
  copy->opt.disableflags |= mjDSBL_ISLAND;
  return copy;
}

Models Find(std::string_view name, double total_mass) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, double>, Models> models;
  const std::lock_guard lock(mutex);
  if (models.empty()) mju_setLogHandler(&OnMuJoCoMessage);
  Models& found = models[{std::string(name), total_mass}];
  if (found.compiled == nullptr) {
    found.compiled = Compile(name, total_mass);
    found.stepping = WithoutIslands(found.compiled);
  }
  return found;
}

}  // namespace

std::shared_ptr<const mjModel> SharedModel(std::string_view name, double total_mass) {
  return Find(name, total_mass).compiled;
}

std::shared_ptr<const mjModel> SteppingModel(std::string_view name, double total_mass) {
  return Find(name, total_mass).stepping;
}

DataHandle MakeData(const mjModel& model) {
  DataHandle data(mj_makeData(&model));
  if (data == nullptr) throw Error("MuJoCo: not enough memory for one more simulation");
  return data;
}

std::string ModelDigest(const mjModel& model) {
  core::Sha256 digest;
  std::vector<double> numbers;
  VisitModelFields(model, [&](const char* name, auto values) {
    digest.Update(std::string_view(name));
    numbers.clear();
    // Adding zero makes the two zeros one.
    for (const auto value : values) numbers.push_back(static_cast<double>(value) + 0.0);
    digest.Update(std::as_bytes(std::span(numbers)));
  });
  return digest.HexDigest();
}

}  // namespace duet::envs
