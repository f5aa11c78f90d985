// Found in Python's place by Box2D's b2Settings.h, whose assertion macro reports through Python:
//   if (!(A)) { PyErr_SetString(PyExc_AssertionError, #A); throw b2AssertException(); }
#pragma once

#include <cfloat>

inline constexpr int PyExc_AssertionError = 0;

// Throws duet::Error naming the broken condition. The engine's world is unusable from then on, and
// may only be dropped (box2d/engine/arena.h).
[[noreturn]] void PyErr_SetString(int kind, const char* condition);
