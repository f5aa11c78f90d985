#include "runners/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "runners/summary.h"
#include "runners/text.h"

namespace duet::runners {
namespace {

constexpr std::size_t kTableColumns = 100;
constexpr std::chrono::milliseconds kRedrawEvery{100};
constexpr std::chrono::seconds kPrintEvery{10};

// "1:02:04", "4:31".
std::string ClockTime(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0) return "?";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole % 3600 / 60, whole % 60);
}

std::size_t SeedCount(const ComparisonResult& comparison) {
  std::size_t seeds = 0;
  for (const MethodResult& method : comparison.methods)
    seeds = std::max(seeds, method.seeds.size());
  return seeds;
}

}  // namespace

std::string FormatDuration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0) return "?";
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string ComparisonTable(const ComparisonResult& comparison) {
  const std::vector<MethodSummary> summaries = Summarize(comparison);
  const MethodResult* baseline = Baseline(comparison);
  const std::string over = baseline == nullptr ? "baseline" : Clip(baseline->name, 10);
  std::vector<std::vector<std::string>> rows = {
      {"", "", "steps/", "steps", "gradient", "final return", "P(better than", "wall"},
      {"method", "learners", "learner", "total", "steps", "IQM [95 %]", over + ") [95 %]", "time"}};
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    const MethodResult& method = comparison.methods[i];
    const auto& improvement = summaries[i].improvement;
    rows.push_back({method.name, fmt::format("{}", method.learners),
                    ShortCount(method.env_steps_per_learner), ShortCount(method.env_steps_total),
                    ShortCount(method.gradient_steps_total),
                    FormatScore(summaries[i].final_return.iqm),
                    improvement ? FormatProbability(improvement->probability) : "-",
                    ClockTime(method.wall_seconds)});
  }
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  // Where the numbers need the room, names are clipped, then the gaps shrink.
  std::size_t gap = 2;
  const auto total = [&] {
    return std::accumulate(widths.begin(), widths.end(), gap * (widths.size() - 1));
  };
  const auto clip_names = [&](std::size_t least) {
    const std::size_t excess = total() - std::min(total(), kTableColumns);
    widths[0] = std::max(std::min(widths[0], least), widths[0] - std::min(widths[0], excess));
  };
  clip_names(10);
  if (total() > kTableColumns) gap = 1;
  clip_names(4);
  const std::size_t seeds = SeedCount(comparison);
  std::string table =
      Wrap(fmt::format("{} on {}, {} seed{}, {}", comparison.name, comparison.task, seeds,
                       seeds == 1 ? "" : "s", FormatDuration(comparison.wall_seconds)),
           kTableColumns);
  table += "\n";
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line = PadRight(Clip(rows[r][0], widths[0]), widths[0]);
    for (std::size_t i = 1; i < widths.size(); ++i) {
      line += std::string(gap, ' ') + PadLeft(rows[r][i], widths[i]);
    }
    table += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    if (r == 1) table += std::string(total(), '-') + "\n";
  }
  table += "\n";
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    if (summaries[i].improvement) {
      table += Wrap(Verdict(comparison.methods[i], summaries[i]), kTableColumns);
    }
  }
  table += Wrap(
      "Steps and gradient steps are of one seed, summed over its learners and its teacher's "
      "training. IQM: interquartile mean over seeds; [..]: 95 % bootstrap interval.",
      kTableColumns);
  return table;
}

std::string SweepTable(const ComparisonResult& comparison) {
  const std::vector<MethodSummary> summaries = Summarize(comparison);
  std::vector<std::size_t> order(summaries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return summaries[a].final_return.iqm.value > summaries[b].final_return.iqm.value;
  });
  std::vector<std::array<std::string, 4>> rows = {
      {"final return IQM [95 %]", "steps", "wall time", "combination"}};
  for (const std::size_t i : order) {
    const MethodResult& method = comparison.methods[i];
    rows.push_back({FormatScore(summaries[i].final_return.iqm), ShortCount(method.env_steps_total),
                    ClockTime(method.wall_seconds), method.name});
  }
  std::array<std::size_t, 4> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string table = fmt::format("{} on {}, {} combinations, {} seeds each, {}\n\n",
                                  comparison.name, comparison.task, comparison.methods.size(),
                                  SeedCount(comparison), FormatDuration(comparison.wall_seconds));
  for (const auto& row : rows) {
    table += fmt::format("{}  {}  {}  {}\n", PadLeft(row[0], widths[0]), PadLeft(row[1], widths[1]),
                         PadLeft(row[2], widths[2]), row[3]);
  }
  return table + "\n" +
         Wrap(
             "Steps are of one seed. IQM: interquartile mean over seeds; [..]: 95 % bootstrap "
             "interval. The best of many is partly luck: train it again with other seeds.",
             kTableColumns);
}

Terminal DetectTerminal(std::FILE* stream) {
  const int descriptor = ::fileno(stream);
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  Terminal terminal;
  terminal.redraw = descriptor >= 0 && ::isatty(descriptor) == 1 &&
                    (term == nullptr || std::string_view(term) != "dumb");
  terminal.color = terminal.redraw && (no_color == nullptr || *no_color == '\0');
  winsize size{};
  if (terminal.redraw && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = size.ws_col;
  }
  return terminal;
}

ProgressDisplay::ProgressDisplay(std::vector<std::string> methods, std::FILE* stream,
                                 Terminal terminal, Clock clock)
    : stream_(stream), terminal_(terminal), clock_(std::move(clock)) {
  for (std::string& name : methods) {
    name_width_ = std::max(name_width_, Width(name));
    Row& row = rows_.emplace_back();
    row.name = std::move(name);
  }
  name_width_ = std::min<std::size_t>(name_width_, 24);
}

ProgressDisplay::ProgressDisplay(std::vector<std::string> methods)
    : ProgressDisplay(std::move(methods), stderr, DetectTerminal(stderr)) {}

ProgressDisplay::~ProgressDisplay() {
  const std::lock_guard lock(mutex_);
  if (terminal_.redraw) {
    Erase();
    Draw();
  }
}

void ProgressDisplay::Update(std::size_t method, const Progress& progress) {
  const std::lock_guard lock(mutex_);
  const auto now = clock_();
  Row& row = rows_.at(method);
  const bool starts = !row.active;
  if (starts) {
    row.active = true;
    row.start = now;
    row.first_fraction = progress.fraction;
  }
  const bool evaluated = progress.evaluations > row.progress.evaluations;
  row.progress = progress;
  if (terminal_.redraw) {
    if (!starts && !evaluated && drawn_ && now - *drawn_ < kRedrawEvery) return;
    Erase();
    Draw();
    drawn_ = now;
  } else if (starts || evaluated || now - *row.printed >= kPrintEvery) {
    fmt::print(stream_, "{}\n", Line(row, 0));
    std::fflush(stream_);
    row.printed = now;
  }
}

void ProgressDisplay::Finish(std::size_t method, std::string_view outcome) {
  const std::lock_guard lock(mutex_);
  Row& row = rows_.at(method);
  row.active = false;
  Erase();
  fmt::print(stream_, "{}  {}\n", PadRight(row.name, name_width_), outcome);
  Draw();
}

void ProgressDisplay::Print(std::string_view line) {
  const std::lock_guard lock(mutex_);
  Erase();
  fmt::print(stream_, "{}\n", line);
  Draw();
}

// "dual  [#####-----]  52 %  12,300 steps/s  return 812.4  1 min 20 s left"; columns 0: no bar, no
// limit.
std::string ProgressDisplay::Line(const Row& row, int columns) const {
  const double fraction = std::clamp(row.progress.fraction, 0.0, 1.0);
  std::vector<std::string> parts = {
      fmt::format("{:3.0f} %", std::floor(100.0 * fraction)),
      fmt::format("{} {}", FormatCount(std::llround(row.progress.steps_per_second)),
                  row.progress.unit)};
  if (row.progress.last_return) {
    parts.push_back(
        fmt::format("{} {}", row.progress.measure, FormatScore(*row.progress.last_return)));
  }
  const double done = fraction - row.first_fraction;
  if (done > 0.0 && fraction < 1.0) {
    const double elapsed = std::chrono::duration<double>(clock_() - row.start).count();
    parts.push_back(FormatDuration(elapsed * (1.0 - fraction) / done) + " left");
  }
  const std::string name = PadRight(Clip(row.name, name_width_), name_width_);
  std::string text;
  for (const std::string& part : parts) text += "  " + part;
  if (columns == 0) return name + text;

  const auto width = static_cast<std::size_t>(std::max(columns - 1, 1));
  const std::size_t used = Width(name) + Width(text);
  // The bar takes the place that is left, if that is enough to be read.
  constexpr std::size_t kLeastBar = 8, kMostBar = 30, kFrame = 4;
  if (used + kFrame + kLeastBar > width) return Clip(name + text, width);
  const std::size_t bar = std::min(kMostBar, width - used - kFrame);
  const auto full = static_cast<std::size_t>(fraction * static_cast<double>(bar));
  const std::string begin = terminal_.color ? "\x1b[36m" : "";
  const std::string end = terminal_.color ? "\x1b[0m" : "";
  return fmt::format("{}  [{}{}{}{}]{}", name, begin, std::string(full, '#'), end,
                     std::string(bar - full, '-'), text);
}

void ProgressDisplay::Erase() {
  if (lines_drawn_ > 0) fmt::print(stream_, "\x1b[{}A\x1b[J", lines_drawn_);
  lines_drawn_ = 0;
}

void ProgressDisplay::Draw() {
  if (terminal_.redraw) {
    // The window may have been resized.
    const int columns = ::fileno(stream_) >= 0 && ::isatty(::fileno(stream_)) == 1
                            ? DetectTerminal(stream_).columns
                            : terminal_.columns;
    for (const Row& row : rows_) {
      if (!row.active) continue;
      fmt::print(stream_, "{}\n", Line(row, columns));
      ++lines_drawn_;
    }
  }
  std::fflush(stream_);
}

}  // namespace duet::runners
