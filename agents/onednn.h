// Products of single matrices by oneDNN. On a core with AVX-512 it does twice what MKL does behind
// LibTorch on AMD's processors, and a call costs half a microsecond.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>

namespace duet::agents {

// What follows a product.
enum class Epilogue { kNone, kRelu, kTanh };

// A matrix in the CPU's memory, of float or BFloat16. The elements of a row, or those of a column,
// lie one after the other.
struct Matrix {
  void* data = nullptr;
  at::ScalarType type = at::kFloat;
  std::int64_t rows = 0, columns = 0;
  std::int64_t row_stride = 0, column_stride = 0;  // in elements

  Matrix Transposed() const { return {data, type, columns, rows, column_stride, row_stride}; }
};

// Whether oneDNN is here: the program was built with its headers and finds its library.
bool HaveOneDnn();

// Whether this processor multiplies in BFloat16 faster than in float.
bool MultipliesBFloat16();

// out = epilogue(a b + bias) on the calling thread alone, so that the result never depends on the
// number of threads. `a` and `b` are of one type, `out` of float with whole rows. `bias` has a
// float per column, or is null.
void MultiplyMatrices(const Matrix& out, const Matrix& a, const Matrix& b, const float* bias,
                      Epilogue epilogue);

}  // namespace duet::agents
