#include "runners/json_node.h"

namespace duet::runners {

std::string Dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json ToJson(const Provenance& provenance) {
  return {{"duet_version", provenance.duet_version},
          {"libtorch_version", provenance.libtorch_version},
          {"mujoco_version", provenance.mujoco_version},
          {"compiler", provenance.compiler},
          {"hardware", provenance.hardware},
          {"device", provenance.device},
          {"started", provenance.started}};
}

Provenance ReadProvenance(const Node& node) {
  return {.duet_version = node.At("duet_version").Text(),
          .libtorch_version = node.At("libtorch_version").Text(),
          .mujoco_version = node.At("mujoco_version").Text(),
          .compiler = node.At("compiler").Text(),
          .hardware = node.At("hardware").Text(),
          .device = node.At("device").Text(),
          .started = node.At("started").Text()};
}

}  // namespace duet::runners
