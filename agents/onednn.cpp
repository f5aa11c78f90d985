#include "agents/onednn.h"

#include <stdexcept>

#ifdef DUET_ONEDNN
#include <dlfcn.h>
#include <dnnl.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agents/tanh.h"
#include "agents/wide_vectors.h"
#endif

namespace duet::agents {

#ifndef DUET_ONEDNN

bool HaveOneDnn() { return false; }

bool MultipliesBFloat16() { return false; }

void MultiplyMatrices(const Matrix&, const Matrix&, const Matrix&, const float*, Epilogue) {
  throw std::logic_error("MultiplyMatrices: built without oneDNN");
}

#else

namespace {

// The library is opened at run time with its own symbols first: LibTorch carries another version of
// it, and exports parts that would take the place of these.
class Library {
 public:
  static const Library& Get() {
    static const Library library;
    return library;
  }

  bool is_open() const { return handle_ != nullptr && complete_; }

#define DUET_ONEDNN_FUNCTION(name) \
  decltype(&dnnl_##name) name = Find<decltype(&dnnl_##name)>("dnnl_" #name)
 private:
  template <typename Function>
  Function Find(const char* name) {
    void* found = handle_ == nullptr ? nullptr : dlsym(handle_, name);
    complete_ = complete_ && found != nullptr;
    return reinterpret_cast<Function>(found);
  }

  void* handle_ = Open();
  bool complete_ = true;

 public:
  DUET_ONEDNN_FUNCTION(engine_create);
  DUET_ONEDNN_FUNCTION(get_effective_cpu_isa);
  DUET_ONEDNN_FUNCTION(memory_create);
  DUET_ONEDNN_FUNCTION(memory_set_data_handle);
  DUET_ONEDNN_FUNCTION(primitive_create);
  DUET_ONEDNN_FUNCTION(primitive_desc_destroy);
  DUET_ONEDNN_FUNCTION(primitive_execute);
  DUET_ONEDNN_FUNCTION(sgemm);
  DUET_ONEDNN_FUNCTION(stream_create);
#if DNNL_VERSION_MAJOR >= 3
  DUET_ONEDNN_FUNCTION(matmul_primitive_desc_create);
  DUET_ONEDNN_FUNCTION(memory_desc_create_with_strides);
#else
  DUET_ONEDNN_FUNCTION(matmul_desc_init);
  DUET_ONEDNN_FUNCTION(memory_desc_init_by_strides);
  DUET_ONEDNN_FUNCTION(primitive_desc_create);
#endif
#undef DUET_ONEDNN_FUNCTION

 private:
  static void* Open() {
#ifdef __SANITIZE_ADDRESS__
    return nullptr;  // AddressSanitizer forbids RTLD_DEEPBIND
#else
    const std::string name = fmt::format("libdnnl.so.{}", DNNL_VERSION_MAJOR);
    return dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
#endif
  }
};

void Check(dnnl_status_t status, const char* what) {
  if (status == dnnl_success) return;
  throw std::runtime_error(fmt::format("oneDNN: {} failed with status {}", what, int{status}));
}

// oneDNN takes as many threads as OpenMP would give it.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) {
    if (before_ > 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ > 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const int before_;
};

// All that a product's machine code depends on.
using Key = std::array<std::int64_t, 9>;

struct KeyHash {
  std::size_t operator()(const Key& key) const {
    std::uint64_t hash = 0;
    for (const std::int64_t value : key) {
      hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x9e3779b97f4a7c15ULL;
      hash ^= hash >> 32;
    }
    return hash;
  }
};

// Where there is one row or column its stride means nothing, and oneDNN wants a usual one.
Matrix WithUsualStrides(Matrix matrix) {
  if (matrix.columns == 1) {
    matrix.column_stride = 1;
  } else if (matrix.rows == 1) {
    matrix.row_stride = matrix.column_stride == 1 ? matrix.columns : 1;
  }
  return matrix;
}

dnnl_engine_t Engine() {
  static const dnnl_engine_t engine = [] {
    dnnl_engine_t made = nullptr;
    Check(Library::Get().engine_create(&made, dnnl_cpu, 0), "making an engine");
    return made;
  }();
  return engine;
}

dnnl_stream_t Stream() {
  static thread_local const dnnl_stream_t stream = [] {
    dnnl_stream_t made = nullptr;
    Check(Library::Get().stream_create(&made, Engine(), dnnl_stream_default_flags),
          "making a stream");
    return made;
  }();
  return stream;
}

// A matrix of a given type and size, and the place of one of it. Lives as long as the program.
class Argument {
 public:
  explicit Argument(const Matrix& matrix) {
    const Library& library = Library::Get();
    const dnnl_dims_t sizes = {matrix.rows, matrix.columns};
    const dnnl_dims_t strides = {matrix.row_stride, matrix.column_stride};
    const dnnl_data_type_t type = matrix.type == at::kBFloat16 ? dnnl_bf16 : dnnl_f32;
#if DNNL_VERSION_MAJOR >= 3
    Check(library.memory_desc_create_with_strides(&desc_, 2, sizes, type, strides), "a layout");
#else
    Check(library.memory_desc_init_by_strides(&desc_, 2, sizes, type, strides), "a layout");
#endif
    Check(library.memory_create(&memory_, desc(), Engine(), nullptr), "an argument");
  }

#if DNNL_VERSION_MAJOR >= 3
  const_dnnl_memory_desc_t desc() const { return desc_; }
#else
  const dnnl_memory_desc_t* desc() const { return &desc_; }
#endif
  dnnl_memory_t memory() const { return memory_; }

 private:
  dnnl_memory_desc_t desc_ = {};
  dnnl_memory_t memory_ = nullptr;
};

// The machine code for matrices of given sizes, with the places of its arguments. Lives as long as
// the program.
class Product {
 public:
  Product(const Matrix& out, const Matrix& a, const Matrix& b)
      : arguments_({Argument(a), Argument(b), Argument(out)}) {
    const Library& library = Library::Get();
    dnnl_primitive_desc_t desc = nullptr;
#if DNNL_VERSION_MAJOR >= 3
    Check(library.matmul_primitive_desc_create(&desc, Engine(), arguments_[0].desc(),
                                               arguments_[1].desc(), nullptr, arguments_[2].desc(),
                                               nullptr),
          "a product");
#else
    dnnl_matmul_desc_t operation;
    Check(library.matmul_desc_init(&operation, arguments_[0].desc(), arguments_[1].desc(), nullptr,
                                   arguments_[2].desc()),
          "a product");
    Check(library.primitive_desc_create(&desc, &operation, nullptr, Engine(), nullptr),
          "a product");
#endif
    Check(library.primitive_create(&primitive_, desc), "a product");
    library.primitive_desc_destroy(desc);
  }

  void Run(void* out, void* a, void* b) const {
    const Library& library = Library::Get();
    constexpr std::array<int, 3> kIndices = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    const std::array<void*, 3> data = {a, b, out};
    std::array<dnnl_exec_arg_t, 3> arguments;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      arguments[i] = {kIndices[i], arguments_[i].memory()};
      library.memory_set_data_handle(arguments[i].memory, data[i]);
    }
    Check(library.primitive_execute(primitive_, Stream(), static_cast<int>(arguments.size()),
                                    arguments.data()),
          "a product");
  }

 private:
  std::array<Argument, 3> arguments_;  // a, b, out
  dnnl_primitive_t primitive_ = nullptr;
};

void Run(const Matrix& out, const Matrix& a, const Matrix& b) {
  static thread_local std::unordered_map<Key, Product, KeyHash> products;
  const Key key = {a.rows,          a.columns,       b.columns,
                   a.row_stride,    a.column_stride, b.row_stride,
                   b.column_stride, out.row_stride,  static_cast<std::int64_t>(a.type)};
  const OneThread one_thread;
  auto found = products.find(key);
  if (found == products.end()) found = products.try_emplace(key, out, a, b).first;
  found->second.Run(out.data, a.data, b.data);
}

// max(x, 0), and NaN of NaN.
DUET_WIDE_VECTORS void Relu(float* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = values[i] < 0.0F ? 0.0F : values[i];
}

// Adds a number per column, and then takes max(x, 0) where `relu`.
DUET_WIDE_VECTORS void AddBias(float* __restrict values, const float* bias, std::int64_t rows,
                               std::int64_t columns, std::int64_t stride, bool relu) {
  for (std::int64_t i = 0; i < rows; ++i, values += stride) {
    if (relu) {
      for (std::int64_t j = 0; j < columns; ++j) {
        const float value = values[j] + bias[j];
        values[j] = value < 0.0F ? 0.0F : value;
      }
    } else {
      for (std::int64_t j = 0; j < columns; ++j) values[j] += bias[j];
    }
  }
}

// Each number of a column times each of a row: a quarter of the time of oneDNN's product.
DUET_WIDE_VECTORS void MultiplyOuter(float* __restrict out, const float* column, const float* row,
                                     std::int64_t rows, std::int64_t columns,
                                     std::int64_t column_stride, std::int64_t out_stride) {
  for (std::int64_t i = 0; i < rows; ++i, out += out_stride, column += column_stride) {
    for (std::int64_t j = 0; j < columns; ++j) out[j] = *column * row[j];
  }
}

// What follows a product, whose rows are whole. `bias` may be null. oneDNN would do it as well, but
// its ReLU makes 0 of NaN, and its tanh takes longer than the product.
void Finish(const Matrix& x, const float* bias, Epilogue epilogue) {
  auto* const values = static_cast<float*>(x.data);
  const bool relu = epilogue == Epilogue::kRelu;
  if (bias != nullptr) AddBias(values, bias, x.rows, x.columns, x.row_stride, relu);
  if (epilogue == Epilogue::kNone || (relu && bias != nullptr)) return;
  const auto apply = relu ? Relu : Tanh;
  if (x.row_stride == x.columns) return apply(values, x.rows * x.columns);
  for (std::int64_t i = 0; i < x.rows; ++i) apply(values + i * x.row_stride, x.columns);
}

bool HaveIsa(int isa) {  // a bit for each thing it can do
  return (static_cast<int>(Library::Get().get_effective_cpu_isa()) & isa) == isa;
}

bool HaveAvx512() {
  static const bool have = HaveIsa(dnnl_cpu_isa_avx512_core);
  return have;
}

constexpr std::int64_t kFewRows = 8;

// Without AVX-512 a product is one of two ways to the same machine code, of which GEMM takes half a
// microsecond less. With it the other one has code of its own, which is slower for a few rows.
bool PrefersGemm(std::int64_t rows) { return !HaveAvx512() || rows < kFewRows; }

// out = a b
void Multiply(const Matrix& out, const Matrix& a, const Matrix& b) {
  const bool floats = a.type == at::kFloat && b.type == at::kFloat;
  if (!floats || !PrefersGemm(out.rows)) return Run(out, a, b);
  // Elements lie one after the other along rows ('N') or columns ('T').
  const auto order = [](const Matrix& x) { return x.column_stride == 1 ? 'N' : 'T'; };
  const auto stride = [](const Matrix& x) {
    return x.column_stride == 1 ? std::max(x.row_stride, x.columns)
                                : std::max(x.column_stride, x.rows);
  };
  const OneThread one_thread;
  Check(Library::Get().sgemm(order(a), order(b), out.rows, out.columns, a.columns, 1.0F,
                             static_cast<const float*>(a.data), stride(a),
                             static_cast<const float*>(b.data), stride(b), 0.0F,
                             static_cast<float*>(out.data), stride(out)),
        "a product");
}

// A column is computed as a row, out' = b' a', which oneDNN does in two thirds of the time.
void MultiplyColumn(const Matrix& out, const Matrix& a, const Matrix& b) {
  Multiply(WithUsualStrides(out.Transposed()), WithUsualStrides(b.Transposed()),
           WithUsualStrides(a.Transposed()));
}

constexpr std::int64_t kFewColumns = 16;
constexpr std::int64_t kManyRows = 32;

// Whether a few columns are, with the copy back: in a fifth of the time where a' lies in rows, and
// where a does in a third with AVX-512.
bool IsFasterTransposed(const Matrix& out, const Matrix& a) {
  if (out.rows < kManyRows) return false;
  if (a.row_stride == 1 && a.column_stride > 1) return out.columns < kFewColumns;
  return out.columns < kFewRows && a.type == at::kFloat && HaveAvx512();
}

// out' = b' a', copied back.
void MultiplyTransposed(const Matrix& out, const Matrix& a, const Matrix& b) {
  static thread_local std::vector<float> scratch;
  scratch.resize(static_cast<std::size_t>(out.rows * out.columns));
  const Matrix rows = {scratch.data(), at::kFloat, out.columns, out.rows, out.rows, 1};
  Multiply(rows, WithUsualStrides(b.Transposed()), WithUsualStrides(a.Transposed()));
  auto* values = static_cast<float*>(out.data);
  for (std::int64_t i = 0; i < out.rows; ++i) {
    for (std::int64_t j = 0; j < out.columns; ++j) {
      values[i * out.row_stride + j] = scratch[static_cast<std::size_t>(j * out.rows + i)];
    }
  }
}

}  // namespace

bool HaveOneDnn() { return Library::Get().is_open(); }

bool MultipliesBFloat16() {
  static const bool fast = HaveOneDnn() && HaveIsa(dnnl_cpu_isa_avx512_core_bf16);
  return fast;
}

void MultiplyMatrices(const Matrix& out, const Matrix& a, const Matrix& b, const float* bias,
                      Epilogue epilogue) {
  if (a.type == at::kFloat && a.columns == 1 && (b.column_stride == 1 || b.columns == 1)) {
    MultiplyOuter(static_cast<float*>(out.data), static_cast<const float*>(a.data),
                  static_cast<const float*>(b.data), out.rows, out.columns, a.row_stride,
                  out.row_stride);
  } else if (out.columns == 1 && out.rows > 1 && out.row_stride == 1) {
    MultiplyColumn(out, a, b);
  } else if (IsFasterTransposed(out, a)) {
    MultiplyTransposed(out, a, b);
  } else {
    Multiply(WithUsualStrides(out), WithUsualStrides(a), WithUsualStrides(b));
  }
  Finish(out, bias, epilogue);
}

#endif

}  // namespace duet::agents
