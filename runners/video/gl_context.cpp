#include "runners/video/gl_context.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace duet::video {
namespace {

// A shared library found at run time. MuJoCo asks the libraries that are visible to the whole
// program for OpenGL's functions, so the one whose context is used is made visible, and no other.
class Library {
 public:
  explicit Library(std::initializer_list<const char*> names) {
    for (const char* name : names) {
      handle_ = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
      if (handle_ == nullptr) continue;
      name_ = name;
      return;
    }
  }
  ~Library() {
    // A library in use stays for the rest of the program: MuJoCo remembers its functions.
    if (handle_ != nullptr && !visible_) dlclose(handle_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  bool found() const { return handle_ != nullptr; }

  // Writes the address of a function of this name; false where the library has none.
  template <typename Function>
  bool Find(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(dlsym(handle_, name));
    return function != nullptr;
  }

  void MakeVisible() { visible_ = dlopen(name_, RTLD_LAZY | RTLD_GLOBAL | RTLD_NOLOAD) != nullptr; }

 private:
  void* handle_ = nullptr;
  const char* name_ = nullptr;
  bool visible_ = false;
};

// The part of OSMesa's interface (GL/osmesa.h) that is needed.
class OsMesaContext : public GlContext {
 public:
  ~OsMesaContext() override {
    if (context_ != nullptr) destroy_(context_);
  }

  std::string name() const override { return "OSMesa"; }
  bool on_card() const override { return false; }

  bool Start() {
    constexpr unsigned int kRgba = 0x1908;          // OSMESA_RGBA
    constexpr unsigned int kUnsignedByte = 0x1401;  // GL_UNSIGNED_BYTE
    void* (*create)(unsigned int, int, int, int, void*) = nullptr;
    unsigned char (*make_current)(void*, void*, unsigned int, int, int) = nullptr;
    if (!library_.found() || !library_.Find("OSMesaCreateContextExt", create) ||
        !library_.Find("OSMesaMakeCurrent", make_current) ||
        !library_.Find("OSMesaDestroyContext", destroy_)) {
      return false;
    }
    context_ = create(kRgba, 24, 8, 0, nullptr);
    if (context_ == nullptr) return false;
    // The window that there is not: pictures are drawn into a buffer of MuJoCo's.
    if (!make_current(context_, window_.data(), kUnsignedByte, kSide, kSide)) return false;
    library_.MakeVisible();
    return true;
  }

 private:
  static constexpr int kSide = 4;

  Library library_{"libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"};
  void (*destroy_)(void*) = nullptr;
  void* context_ = nullptr;
  std::array<unsigned char, 4 * kSide * kSide> window_{};
};

// The part of EGL's interface (EGL/egl.h, EGL/eglext.h) that is needed.
class EglContext : public GlContext {
 public:
  ~EglContext() override { Stop(); }

  std::string name() const override { return "EGL"; }

  // Mesa computes on the processor by programs of these names where there is no card.
  bool on_card() const override {
    constexpr unsigned int kRenderer = 0x1F01;  // GL_RENDERER
    const auto get_string =
        reinterpret_cast<const unsigned char* (*)(unsigned int)>(address_("glGetString"));
    const unsigned char* const text = get_string == nullptr ? nullptr : get_string(kRenderer);
    const std::string_view renderer = text == nullptr ? "" : reinterpret_cast<const char*>(text);
    return renderer.find("llvmpipe") == renderer.npos && renderer.find("softpipe") == renderer.npos;
  }

  bool Start() {
    if (!library_.found() || !FindFunctions()) return false;
    if (!StartOnDevice() && !StartOn(get_display_(kSurfacelessPlatform, nullptr, nullptr))) {
      return false;
    }
    library_.MakeVisible();
    return true;
  }

 private:
  using Display = void*;
  static constexpr int kNone = 0x3038;                          // EGL_NONE
  static constexpr unsigned int kDevicePlatform = 0x313F;       // EGL_PLATFORM_DEVICE_EXT
  static constexpr unsigned int kSurfacelessPlatform = 0x31DD;  // EGL_PLATFORM_SURFACELESS_MESA
  static constexpr unsigned int kOpenGl = 0x30A2;               // EGL_OPENGL_API
  static constexpr std::array<int, 13> kConfig{0x3033, 0x0001,  // EGL_SURFACE_TYPE: a buffer
                                               0x3040, 0x0008,  // EGL_RENDERABLE_TYPE: OpenGL
                                               0x3024, 8,       // red, green, blue: 8 bits each
                                               0x3023, 8,      0x3022,
                                               8,      0x3025, 24,  // EGL_DEPTH_SIZE
                                               kNone};
  static constexpr std::array<int, 5> kBuffer{0x3057, 4, 0x3056, 4, kNone};  // EGL_WIDTH, _HEIGHT

  bool FindFunctions() {
    if (!library_.Find("eglGetProcAddress", address_)) return false;
    const auto extension = [&]<typename Function>(const char* name, Function& function) {
      function = reinterpret_cast<Function>(address_(name));
      return function != nullptr;
    };
    extension("eglQueryDevicesEXT", query_devices_);
    return extension("eglGetPlatformDisplayEXT", get_display_) &&
           library_.Find("eglInitialize", initialize_) &&
           library_.Find("eglTerminate", terminate_) && library_.Find("eglBindAPI", bind_api_) &&
           library_.Find("eglChooseConfig", choose_config_) &&
           library_.Find("eglCreatePbufferSurface", create_buffer_) &&
           library_.Find("eglCreateContext", create_context_) &&
           library_.Find("eglMakeCurrent", make_current_);
  }

  // On the first graphics device that takes it.
  bool StartOnDevice() {
    std::array<void*, 16> devices{};
    int count = 0;
    if (query_devices_ == nullptr ||
        !query_devices_(static_cast<int>(devices.size()), devices.data(), &count)) {
      return false;
    }
    for (int i = 0; i < count; ++i) {
      if (StartOn(get_display_(kDevicePlatform, devices[static_cast<std::size_t>(i)], nullptr))) {
        return true;
      }
    }
    return false;
  }

  bool StartOn(Display display) {
    if (display == nullptr || !initialize_(display, nullptr, nullptr)) return false;
    display_ = display;
    void* config = nullptr;
    int count = 0;
    if (bind_api_(kOpenGl) && choose_config_(display, kConfig.data(), &config, 1, &count) &&
        count == 1) {
      void* const buffer = create_buffer_(display, config, kBuffer.data());
      void* const context = create_context_(display, config, nullptr, nullptr);
      if (context != nullptr && make_current_(display, buffer, buffer, context)) return true;
    }
    Stop();
    return false;
  }

  // Ends everything that belongs to the display.
  void Stop() {
    if (display_ == nullptr) return;
    make_current_(display_, nullptr, nullptr, nullptr);
    terminate_(std::exchange(display_, nullptr));
  }

  Library library_{"libEGL.so.1", "libEGL.so"};
  void* (*address_)(const char*) = nullptr;
  unsigned int (*query_devices_)(int, void**, int*) = nullptr;
  Display (*get_display_)(unsigned int, void*, const int*) = nullptr;
  unsigned int (*initialize_)(Display, int*, int*) = nullptr;
  unsigned int (*terminate_)(Display) = nullptr;
  unsigned int (*bind_api_)(unsigned int) = nullptr;
  unsigned int (*choose_config_)(Display, const int*, void**, int, int*) = nullptr;
  void* (*create_buffer_)(Display, void*, const int*) = nullptr;
  void* (*create_context_)(Display, void*, void*, const int*) = nullptr;
  unsigned int (*make_current_)(Display, void*, void*, void*) = nullptr;
  Display display_ = nullptr;
};

template <typename Context>
std::unique_ptr<GlContext> Started() {
  auto context = std::make_unique<Context>();
  if (!context->Start()) return nullptr;
  return context;
}

}  // namespace

std::unique_ptr<GlContext> MakeGlContext() {
  const char* const variable = std::getenv("MUJOCO_GL");
  const std::string_view wanted = variable == nullptr ? "" : variable;
  if (!wanted.empty() && wanted != "egl" && wanted != "osmesa") {
    throw ConfigError(fmt::format(
        "MUJOCO_GL={}: is no way to draw without a screen; allowed are egl and osmesa", wanted));
  }
  std::unique_ptr<GlContext> context;
  if (wanted != "osmesa") context = Started<EglContext>();
  if (context == nullptr && wanted != "egl") context = Started<OsMesaContext>();
  if (context != nullptr) return context;
  throw Error(fmt::format(
      "pictures of MuJoCo tasks need OpenGL, and {} here; install OSMesa (apt-get install "
      "libosmesa6) or EGL (apt-get install libegl1)",
      wanted.empty() ? "neither EGL nor OSMesa works"
                     : fmt::format("MUJOCO_GL={} does not work", wanted)));
}

}  // namespace duet::video
