// Operations that autograd need not know of.
#pragma once

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>

namespace duet::agents {

// While one lives, operations of this thread leave out all that autograd would want to know, which
// is a good part of a small one's time. Nothing may be differentiated through what is made
// meanwhile.
class WithoutAutograd {
 private:
  at::NoGradGuard no_grad_;
  at::AutoDispatchBelowADInplaceOrView below_autograd_;
};

}  // namespace duet::agents
