// Loops that the compiler turns into vector instructions.
#pragma once

// Before a function: it is built for wider vectors as well, of which the processor takes what it
// has.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DUET_WIDE_VECTORS [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
#else
#define DUET_WIDE_VECTORS
#endif
