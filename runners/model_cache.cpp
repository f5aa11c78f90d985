#include "runners/model_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "core/config_writer.h"
#include "core/file.h"
#include "distill/tasks/model_files.h"

namespace duet::runners {
namespace {

namespace fs = std::filesystem;

// Counts up where the same settings begin to give other numbers.
constexpr int kCacheVersion = 3;

fs::path CacheRoot() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return fs::path(cache) / "duet" / "models";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return {};
  return fs::path(home) / ".cache" / "duet" / "models";
}

// What of a model's folder is kept: all but checkpoints.
void CopyModel(const fs::path& from, const fs::path& to) {
  core::CreateFolder(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    if (entry.path().filename() == "checkpoints") continue;
    fs::copy(entry.path(), to / entry.path().filename(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }
}

}  // namespace

ModelCache::ModelCache(const tasks::TaskConfig& config, std::string data, std::string device)
    : common_(fmt::format("{}\n{}\n{}\n{}\n{}\n{} {}\n{}\n", kCacheVersion, DUET_VERSION, data,
                          device, config.threads, config.ds_alpha, config.calibration_bins,
                          fmt::join(config.seeds, " "))) {}

const std::string& ModelCache::Add(const tasks::ModelConfig& model) {
  core::Sha256 digest;
  digest.Update(common_);
  digest.Update(core::ToToml(model));
  if (!model.load.empty()) {
    digest.Update(core::FileSha256(tasks::ModelFolder{model.load}.classifier()));
  }
  for (const auto* names : {&model.teachers, &model.compared_with}) {
    for (const std::string& name : *names) {
      if (name != tasks::kOwnAverage) digest.Update(digests_.at(name));
    }
  }
  for (const std::string& name : {model.start.from, model.compression.mask_from}) {
    if (!name.empty()) digest.Update(digests_.at(name));
  }
  return digests_[model.name] = digest.HexDigest();
}

fs::path ModelCache::FolderOf(const std::string& model) const {
  const fs::path root = CacheRoot();
  return root.empty() ? root : root / digests_.at(model);
}

bool ModelCache::Fetch(const std::string& model, const fs::path& folder) const {
  const fs::path kept = FolderOf(model);
  std::error_code code;
  if (kept.empty() || !fs::exists(tasks::ModelFolder{kept}.result(), code)) return false;
  fs::remove_all(folder, code);
  CopyModel(kept, folder);
  return true;
}

void ModelCache::Keep(const std::string& model, const fs::path& folder) const {
  const fs::path kept = FolderOf(model);
  std::error_code code;
  if (kept.empty() || fs::exists(kept, code)) return;
  const fs::path partial = kept.string() + fmt::format(".partial{}", ::getpid());
  try {
    CopyModel(folder, partial);
    fs::rename(partial, kept);
  } catch (const std::exception&) {
    fs::remove_all(partial, code);
  }
}

}  // namespace duet::runners
