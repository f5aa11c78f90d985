// file_server.py, for as long as a test wants it.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace duet::support {

class FileServer {
 public:
  explicit FileServer(const std::filesystem::path& folder) : folder_(folder) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    const char* python = std::getenv("DUET_TEST_PYTHON");
    if (python == nullptr) python = "python3";
    const std::filesystem::path script =
        std::filesystem::path(DUET_SOURCE_DIR) / "tests/runners/data/file_server.py";
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::execlp(python, python, "-B", script.c_str(), folder.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    std::string port;
    for (char c = 0; ::read(ends[0], &c, 1) == 1 && c != '\n';) port += c;
    ::close(ends[0]);
    if (port.empty()) throw std::runtime_error("the server does not start");
    base_ = "http://127.0.0.1:" + port + "/";
  }
  ~FileServer() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  FileServer(const FileServer&) = delete;
  FileServer& operator=(const FileServer&) = delete;

  std::string Address(const std::string& manner, const std::string& name) const {
    return base_ + manner + "/" + name;
  }
  // One line for each request: the manner and the range.
  std::string Requests() const {
    std::ifstream in(folder_ / "requests.txt");
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::filesystem::path folder_;
  pid_t process_;
  std::string base_;
};

}  // namespace duet::support
