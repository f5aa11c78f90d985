// What a person sees in the terminal: progress while methods train, the table at the end.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runners/results.h"

namespace duet::runners {

// The comparison as an aligned table of at most 100 columns, with a line below that says how to
// read it. Ends with a newline.
std::string ComparisonTable(const ComparisonResult& comparison);

// The combinations of a sweep, the best first, with what each of them reached. Ends with a newline.
std::string SweepTable(const ComparisonResult& comparison);

// What the output is able to show.
struct Terminal {
  bool redraw = false;  // lines can be overwritten
  bool color = false;
  int columns = 80;
};
// A terminal that redraws, unless TERM=dumb; colour unless NO_COLOR is set.
Terminal DetectTerminal(std::FILE* stream);

struct Progress {
  double fraction = 0.0;                             // of the method's work, in [0, 1]
  double steps_per_second = 0.0;                     // of what `unit` says, all learners and seeds
  std::int64_t evaluations = 0;                      // so far; a plain output prints a line at each
  std::optional<double> last_return = std::nullopt;  // of what `measure` says
  std::string_view unit = "steps/s";
  std::string_view measure = "return";
};

// Shows how far each method is. On a terminal one line per active method is redrawn in place;
// elsewhere a plain line is printed at each evaluation and else at most every 10 s. Thread-safe.
class ProgressDisplay {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  ProgressDisplay(std::vector<std::string> methods, std::FILE* stream, Terminal terminal,
                  Clock clock = &std::chrono::steady_clock::now);
  // On the standard error output.
  explicit ProgressDisplay(std::vector<std::string> methods);
  // Leaves the lines as they are, with the cursor below them.
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void Update(std::size_t method, const Progress& progress);
  // The method's last line: "dual  finished in 1 min 20 s: return 812.4". It stays above the active
  // ones.
  void Finish(std::size_t method, std::string_view outcome);
  // A line of its own above the active ones.
  void Print(std::string_view line);

 private:
  struct Row {
    std::string name;
    Progress progress;
    bool active = false;
    double first_fraction = 0.0;  // of a resumed run; the time left counts from here
    std::chrono::steady_clock::time_point start;
    std::optional<std::chrono::steady_clock::time_point> printed;
  };
  std::string Line(const Row& row, int columns) const;
  void Erase();
  void Draw();

  std::FILE* stream_;
  Terminal terminal_;
  Clock clock_;
  std::mutex mutex_;
  std::vector<Row> rows_;
  std::size_t name_width_ = 0;
  std::size_t lines_drawn_ = 0;
  std::optional<std::chrono::steady_clock::time_point> drawn_;
};

// "45 s", "3 min 20 s", "2 h 05 min".
std::string FormatDuration(double seconds);

}  // namespace duet::runners
