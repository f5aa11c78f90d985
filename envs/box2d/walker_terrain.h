// The ground of the bipedal walker.
#pragma once

#include <cstddef>
#include <vector>

#include "core/numpy_random.h"

namespace duet::envs {

inline constexpr double kTerrainStep = 14.0 / 30.0;           // m along x between two points
inline constexpr std::size_t kTerrainPoints = 200;            // from x = 0 on
inline constexpr double kTerrainHeight = 400.0 / 30.0 / 4.0;  // at the start, m

inline constexpr std::size_t kObstacleSize = 8;  // x, y of four corners, m
// No terrain has more: the densest are pits, two of them in ten points with the grass after.
inline constexpr std::size_t kMostObstacles = kTerrainPoints / 5 + 2;

// Draws gently rolling grass, with stumps, stairs and pits between where `hardcore`; the same
// numbers as Gymnasium's BipedalWalker from the same stream. Appends the heights [kTerrainPoints],
// m, then kObstacleSize numbers per obstacle, in the order of the terrain.
void DrawWalkerTerrain(core::NumpyRng& rng, bool hardcore, std::vector<double>& terrain);

}  // namespace duet::envs
