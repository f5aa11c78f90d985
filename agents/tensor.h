// Tensors as every learner uses them.
//
// Letters of shapes, fixed once: M members, E environments per member, B batch, O observation,
// A action. Every learner tensor has the member axis first.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/archive.h"

namespace duet::agents {

using at::Tensor;

// Throws std::invalid_argument naming `what`, its shape and the expected one. A size of -1 fits
// any.
void CheckShape(const Tensor& tensor, std::initializer_list<std::int64_t> shape,
                std::string_view what);

// The entries of a tensor, in order, as numbers of the host.
std::vector<double> Numbers(const Tensor& tensor);

// Adds a contiguous tensor to an archive under `name`; the archive must be written before a CPU
// tensor changes.
void SaveTensor(core::ArchiveWriter& archive, const std::string& name, const Tensor& tensor);
// Copies the entry `name` into `tensor`, whose type and shape it must have. Throws IoError
// otherwise.
void LoadTensor(const core::ArchiveReader& archive, const std::string& name, Tensor tensor);
// The entry `name` as a new CPU tensor. Throws IoError where there is none.
Tensor ReadTensor(const core::ArchiveReader& archive, const std::string& name);

// "cpu", "cuda" or "auto" (a GPU where there is one). Throws ConfigError where "cuda" is asked for
// and there is none.
at::Device ChooseDevice(std::string_view name);

}  // namespace duet::agents
