#include "envs/mujoco/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
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

using SpecHandle = std::unique_ptr<mjSpec, SpecDeleter>;
using ProblemText = std::array<char, 1024>;

// MuJoCo's words on one line.
std::string OneLine(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  const std::size_t last = text.find_last_not_of(' ');
  return text.substr(0, last + 1);
}

void ScaleMasses(mjModel& model, double total_mass) {
  mj_setTotalmass(&model, total_mass);
  const DataHandle data = MakeData(model);
  mj_setConst(&model, data.get());
  // mj_setConst leaves this one alone, and the solver's tolerance is relative to it: the mean of
  // the mass matrix's diagonal.
  double sum = 0.0;
  for (int i = 0; i < model.nv; ++i) sum += model.dof_M0[i];
  model.stat.meaninertia = sum / static_cast<double>(model.nv);
}

ModelHandle Compile(std::string_view name, double total_mass) {
  ProblemText problem{};
  const std::string text(MjcfText(name));
  const SpecHandle spec(
      mj_parseXMLString(text.c_str(), nullptr, problem.data(), static_cast<int>(problem.size())));
  if (spec == nullptr) {
    throw std::logic_error(fmt::format("{}.xml: {}", name, problem.data()));
  }
  ModelHandle model(mj_compile(spec.get(), nullptr));
  if (model == nullptr) {
    throw std::logic_error(fmt::format("{}.xml: {}", name, mjs_getError(spec.get())));
  }
  if (total_mass > 0.0) ScaleMasses(*model, total_mass);
  return model;
}

ModelHandle CompileFile(const std::filesystem::path& path, double total_mass) {
  core::ReadFile(path);  // says best why a file cannot be read
  ProblemText problem{};
  const SpecHandle spec(mj_parseXML(path.string().c_str(), nullptr, problem.data(),
                                    static_cast<int>(problem.size())));
  if (spec == nullptr) {
    throw ConfigError(fmt::format("{}: MuJoCo: {}", path.string(), OneLine(problem.data())));
  }
  ModelHandle model(mj_compile(spec.get(), nullptr));
  if (model == nullptr) {
    throw ConfigError(
        fmt::format("{}: MuJoCo: {}", path.string(), OneLine(mjs_getError(spec.get()))));
  }
  if (total_mass > 0.0) ScaleMasses(*model, total_mass);
  return model;
}

// A model of the program as it is, and as it is stepped.
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

// The model of that name, made by `compile` the first time.
Models CompileOnce(const std::string& name, double total_mass,
                   const std::function<ModelHandle()>& compile) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, double>, Models> models;
  const std::lock_guard lock(mutex);
  if (models.empty()) mju_setLogHandler(&OnMuJoCoMessage);
  const std::pair key(name, total_mass);
  if (const auto found = models.find(key); found != models.end()) return found->second;
  const std::shared_ptr<const mjModel> compiled = compile();
  return models[key] = {compiled, WithoutIslands(compiled)};
}

}  // namespace

std::shared_ptr<const mjModel> SharedModel(std::string_view name, double total_mass) {
  return CompileOnce(std::string(name), total_mass, [&] { return Compile(name, total_mass); })
      .compiled;
}

std::shared_ptr<const mjModel> SteppingModel(std::string_view name, double total_mass) {
  return CompileOnce(std::string(name), total_mass, [&] { return Compile(name, total_mass); })
      .stepping;
}

std::shared_ptr<const mjModel> SharedModelOfFile(const std::filesystem::path& path,
                                                 double total_mass) {
  const std::filesystem::path absolute = std::filesystem::absolute(path).lexically_normal();
  return CompileOnce(absolute.string(), total_mass,
                     [&] { return CompileFile(absolute, total_mass); })
      .compiled;
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
