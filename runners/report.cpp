#include "runners/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "runners/console.h"
#include "runners/page.h"
#include "runners/statistics.h"
#include "runners/summary.h"

namespace duet::runners {
namespace assets {

// Files of runners/assets, put into the program when it is built.
extern const std::string_view kReportHtml;
extern const std::string_view kReportJs;

}  // namespace assets
namespace {

constexpr std::int64_t kBandResamples = 2000;  // per point of a curve

// Colours tell methods apart by place, so that a method has one colour on the whole page. The
// baseline takes the neutral one.
std::vector<std::size_t> Colors(const ComparisonResult& comparison) {
  const MethodResult* baseline = Baseline(comparison);
  std::vector<std::size_t> colors;
  std::size_t next = 0;
  for (const MethodResult& method : comparison.methods) {
    colors.push_back(&method == baseline ? 0 : 1 + next++ % (kColors - 1));
  }
  return colors;
}

Json CurveJson(const std::vector<double>& total, const std::vector<double>& learner,
               const std::vector<std::vector<double>>& scores) {
  Json value = Json::array(), low = Json::array(), high = Json::array();
  for (std::size_t point = 0; point < total.size(); ++point) {
    std::vector<double> at_point;
    for (const std::vector<double>& of_seed : scores) at_point.push_back(of_seed[point]);
    const Estimate estimate = BootstrapInterquartileMean(at_point, {.resamples = kBandResamples});
    value.push_back(estimate.value);
    low.push_back(estimate.low);
    high.push_back(estimate.high);
  }
  return {{"total", total}, {"learner", learner}, {"value", value}, {"low", low}, {"high", high}};
}

// The evaluations of a teacher while it is trained; null where there are none.
Json TeacherCurveJson(const MethodResult& method) {
  std::vector<double> total, learner;
  std::vector<std::vector<double>> scores(method.seeds.size());
  for (const EvaluationPoint& point : method.evaluations) {
    if (point.phase == "training" || point.returns.size() != method.seeds.size()) continue;
    total.push_back(static_cast<double>(point.env_steps_total));
    learner.push_back(static_cast<double>(point.env_steps_per_learner));
    for (std::size_t seed = 0; seed < scores.size(); ++seed) {
      scores[seed].push_back(point.returns[seed].empty() ? std::nan("") : point.returns[seed][0]);
    }
  }
  return total.empty() ? Json(nullptr) : CurveJson(total, learner, scores);
}

struct DiagnosticText {
  std::string_view name;
  std::string_view title;
  std::string_view explanation;
  bool distillation;
};

constexpr std::array<DiagnosticText, 15> kDiagnosticTexts = {{
    {"weight_mean", "Mean weight", "What a sample counts on average in the distillation loss.",
     true},
    {"weight_zero_share", "Samples without weight",
     "Share of samples that do not count, because the learner is not at a disadvantage there.",
     true},
    {"weight_std", "Spread of the weights", "Standard deviation over a batch; zero is uniform.",
     true},
    {"disadvantage_mean", "Mean disadvantage",
     "Value the peer expects minus the learner's own; above zero, the peer expects more.", true},
    {"disadvantage_std", "Spread of the disadvantage", "Standard deviation over a batch.", true},
    {"action_distance", "Action distance between peers",
     "How far apart the two policies act on the same states; falling means they grow alike.", true},
    {"distill_loss", "Distillation loss", "Weighted, before its coefficient.", true},
    {"actor_loss", "Actor loss", "For DDPG minus the mean value of the actor's actions.", false},
    {"critic_loss", "Critic loss", "Squared temporal-difference error.", false},
    {"q_mean", "Mean value", "The critic's mean estimate on a batch.", false},
    {"episode_return", "Training return", "Of episodes with exploration noise.", false},
    {"episode_length", "Training episode length", "In environment steps.", false},
    {"eval_length", "Evaluation episode length", "In environment steps.", false},
    {"actor_gradient_norm", "Actor gradient norm", "Before clipping.", false},
    {"critic_gradient_norm", "Critic gradient norm", "Before clipping.", false},
}};

std::size_t DiagnosticRank(std::string_view name) {
  for (std::size_t i = 0; i < kDiagnosticTexts.size(); ++i) {
    if (kDiagnosticTexts[i].name == name) return i;
  }
  return kDiagnosticTexts.size();
}

bool IsDistillation(std::string_view name) {
  if (const std::size_t rank = DiagnosticRank(name); rank < kDiagnosticTexts.size()) {
    return kDiagnosticTexts[rank].distillation;
  }
  return name.starts_with("weight_") || name.starts_with("disadvantage_") ||
         name.starts_with("distill_");
}

// Mean over seeds and learners, with the least and the greatest; points without a number are left
// out.
std::optional<Json> DiagnosticJson(const MethodResult& method, const std::string& name) {
  Json total = Json::array(), learner = Json::array();
  Json value = Json::array(), low = Json::array(), high = Json::array();
  for (const DiagnosticPoint& point : method.diagnostics) {
    const auto found = point.values.find(name);
    if (found == point.values.end()) continue;
    double sum = 0.0, least = std::numeric_limits<double>::max();
    double greatest = std::numeric_limits<double>::lowest();
    int count = 0;
    for (const std::vector<double>& learners : found->second) {
      for (const double number : learners) {
        if (!std::isfinite(number)) continue;
        sum += number;
        least = std::min(least, number);
        greatest = std::max(greatest, number);
        ++count;
      }
    }
    if (count == 0) continue;
    // Where a student begins after its teacher, the line breaks.
    if (!learner.empty() && learner.back() > point.env_steps_per_learner) {
      total.push_back(point.env_steps_total);
      learner.push_back(point.env_steps_per_learner);
      for (Json* list : {&value, &low, &high}) list->push_back(nullptr);
    }
    total.push_back(point.env_steps_total);
    learner.push_back(point.env_steps_per_learner);
    value.push_back(sum / count);
    low.push_back(least);
    high.push_back(greatest);
  }
  if (total.empty()) return std::nullopt;
  return Json{
      {"total", total}, {"learner", learner}, {"value", value}, {"low", low}, {"high", high}};
}

// The charts of the diagnostics: their data goes to `data`, the sections are returned.
std::string DiagnosticSections(const ComparisonResult& comparison, Json& data) {
  std::set<std::string> names;
  for (const MethodResult& method : comparison.methods) {
    for (const DiagnosticPoint& point : method.diagnostics) {
      for (const auto& [name, values] : point.values) names.insert(name);
    }
  }
  std::vector<std::string> ordered(names.begin(), names.end());
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return DiagnosticRank(a) < DiagnosticRank(b);
  });
  std::array<std::string, 2> grids;  // of training, of distillation
  for (const std::string& name : ordered) {
    Json series = Json::array();
    for (std::size_t i = 0; i < comparison.methods.size(); ++i) {
      if (std::optional<Json> json = DiagnosticJson(comparison.methods[i], name)) {
        (*json)["method"] = i;
        series.push_back(std::move(*json));
      }
    }
    if (series.empty()) continue;
    const std::string id = fmt::format("diagnostic-{}", data.size());
    const std::size_t rank = DiagnosticRank(name);
    const bool known = rank < kDiagnosticTexts.size();
    const std::string title = Escape(known ? kDiagnosticTexts[rank].title : std::string_view(name));
    grids[IsDistillation(name) ? 1 : 0] += fmt::format(
        "<div><h3>{}</h3><p class=\"note\">{}</p><div class=\"chart\"><canvas id=\"{}\" "
        "role=\"img\" "
        "aria-label=\"{} over environment steps\"></canvas></div></div>",
        title, known ? Escape(kDiagnosticTexts[rank].explanation) : "", id, title);
    data.push_back({{"id", id}, {"series", std::move(series)}});
  }
  const std::string note =
      "<p class=\"note\">Line: mean over seeds and learners. Band: from the least to the greatest "
      "of "
      "them. The horizontal axis is the one chosen above.</p>";
  std::string html;
  if (!grids[1].empty()) {
    html += "<section><h2>Distillation over time</h2>" + note + "<div class=\"grid\">" + grids[1] +
            "</div></section>";
  }
  if (!grids[0].empty()) {
    html += "<section><h2>Losses and values over time</h2>" + note + "<div class=\"grid\">" +
            grids[0] + "</div></section>";
  }
  return html;
}

std::string Headline(const ComparisonResult& comparison,
                     const std::vector<MethodSummary>& summaries) {
  if (summaries.empty()) return "No method has finished.";
  std::size_t best = 0;
  for (std::size_t i = 1; i < summaries.size(); ++i) {
    if (summaries[i].final_return.iqm.value > summaries[best].final_return.iqm.value) best = i;
  }
  const std::string sentence = Verdict(comparison.methods[best], summaries[best]);
  if (summaries.size() == 1) return sentence;
  if (&comparison.methods[best] == Baseline(comparison)) {
    return "No method ended above learning alone. " + sentence;
  }
  return "Highest final score: " + sentence;
}

std::string Verdicts(const ComparisonResult& comparison,
                     const std::vector<MethodSummary>& summaries,
                     const std::vector<std::size_t>& colors) {
  if (summaries.size() < 2) return "";
  std::string html = "<ul>";
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    html +=
        "<li>" + Key(colors[i]) + Escape(Verdict(comparison.methods[i], summaries[i])) + "</li>";
  }
  return html + "</ul>";
}

std::string ScoreTable(const ComparisonResult& comparison,
                       const std::vector<MethodSummary>& summaries) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    const MethodSummary& summary = summaries[i];
    rows.push_back(
        {Escape(comparison.methods[i].name), WithRange(FormatScore(summary.final_return.iqm)),
         FormatScore(summary.final_return.median), FormatScore(summary.final_return.mean),
         WithRange(FormatScore(summary.best_return.iqm)),
         WithRange(FormatScore(summary.area_under_curve.iqm))});
  }
  return Table({"Method", "Final IQM <span class=\"range\">[95&nbsp;%]</span>", "Median", "Mean",
                "Best IQM <span class=\"range\">[95&nbsp;%]</span>",
                "Area under curve <span class=\"range\">[95&nbsp;%]</span>"},
               rows);
}

std::string ImprovementSection(const ComparisonResult& comparison,
                               const std::vector<MethodSummary>& summaries,
                               const std::vector<std::size_t>& colors) {
  const MethodResult* baseline = Baseline(comparison);
  if (baseline == nullptr || summaries.size() < 2) return "";
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    if (!summaries[i].improvement) continue;
    const Estimate& probability = summaries[i].improvement->probability;
    rows.push_back(
        {Escape(comparison.methods[i].name), WithRange(FormatProbability(probability)),
         fmt::format(
             "<span class=\"interval\" aria-hidden=\"true\"><i></i><b style=\"left:{0:.1f}%;"
             "width:{1:.1f}%;background:var(--series-{3})\"></b><em style=\"left:{2:.1f}%;"
             "background:var(--series-{3})\"></em></span>",
             100.0 * probability.low, 100.0 * (probability.high - probability.low),
             100.0 * probability.value, colors[i])});
  }
  return fmt::format(
             "<section><h2>Probability of improvement over {}</h2><p class=\"note\">The chance "
             "that a "
             "seed of the method ends higher than a seed of {}. An interval that includes 0.5, the "
             "middle line, shows no difference.</p>",
             Escape(baseline->name), Escape(baseline->name)) +
         Table({"Method", "P(better) <span class=\"range\">[95&nbsp;%]</span>",
                "0&emsp;…&emsp;0.5&emsp;…&emsp;1"},
               rows) +
         "</section>";
}

std::string LearnerTable(const ComparisonResult& comparison) {
  std::vector<std::int64_t> seeds;
  for (const MethodResult& method : comparison.methods) {
    for (const std::int64_t seed : method.seeds) {
      if (std::find(seeds.begin(), seeds.end(), seed) == seeds.end()) seeds.push_back(seed);
    }
  }
  std::vector<std::string> head = {"Method, learner"};
  for (const std::int64_t seed : seeds) head.push_back(fmt::format("Seed {}", seed));
  std::vector<std::vector<std::string>> rows;
  for (const MethodResult& method : comparison.methods) {
    const EvaluationPoint* last = nullptr;
    for (const EvaluationPoint& point : method.evaluations) {
      if (point.phase == "training") last = &point;
    }
    if (last == nullptr) continue;
    std::size_t learners = 0;
    for (const std::vector<double>& returns : last->returns) {
      learners = std::max(learners, returns.size());
    }
    for (std::size_t learner = 0; learner < learners; ++learner) {
      std::string name = method.name;
      if (method.kind == "teacher") {
        name += learner + 1 == learners ? ", student" : ", teacher";
      } else if (learners > 1) {
        name += fmt::format(", learner {}", learner);
      }
      std::vector<std::string> row = {Escape(name)};
      for (const std::int64_t seed : seeds) {
        const auto found = std::find(method.seeds.begin(), method.seeds.end(), seed);
        const auto index = static_cast<std::size_t>(found - method.seeds.begin());
        const bool has = found != method.seeds.end() && learner < last->returns[index].size();
        row.push_back(has ? FormatScore(last->returns[index][learner]) : "–");
      }
      rows.push_back(std::move(row));
    }
  }
  return Table(head, rows);
}

std::string BudgetTable(const ComparisonResult& comparison) {
  std::vector<std::vector<std::string>> rows;
  for (const MethodResult& method : comparison.methods) {
    rows.push_back(
        {Escape(method.name), FormatCount(method.learners),
         FormatCount(method.env_steps_per_learner), FormatCount(method.env_steps_total),
         FormatCount(method.gradient_steps_total),
         FormatCount(method.gradient_steps_total / std::max<std::int64_t>(1, method.learners)),
         FormatCount(method.distillation_steps_total),
         Escape(FormatDuration(method.wall_seconds))});
  }
  return Table({"Method", "Learners", "Env steps per learner", "Env steps total",
                "Gradient steps total", "Mean per learner", "Of these distilling", "Wall time"},
               rows);
}

// Empty where all methods may be compared at equal cost.
std::string BudgetNote(const ComparisonResult& comparison) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = 0;
  for (const MethodResult& method : comparison.methods) {
    least = std::min(least, method.env_steps_total);
    most = std::max(most, method.env_steps_total);
  }
  // A hundredth is the rounding of rounds and evaluations.
  if (comparison.methods.empty() ||
      static_cast<double>(most - least) <= 0.01 * static_cast<double>(most)) {
    return "";
  }
  return fmt::format(
      "The methods did not have equal budgets: from {} to {} environment steps in "
      "total. Final scores are not at equal cost; compare the curves at one place of "
      "the axis.",
      FormatCount(least), FormatCount(most));
}

std::string Protocol(const ComparisonResult& comparison) {
  const MethodResult* baseline = Baseline(comparison);
  return "<ul class=\"protocol\">"
         "<li><b>Score.</b> One number per seed: the mean return of evaluation episodes with fixed "
         "seeds and without exploration noise, averaged over the learners of a pair; of a teacher "
         "and "
         "its student, the student's.</li>"
         "<li><b>IQM.</b> Interquartile mean: a quarter of the seeds is dropped at each end, the "
         "rest "
         "is averaged. Up to three seeds it is the mean.</li>"
         "<li><b>Intervals.</b> 95&nbsp;% percentile bootstrap over seeds: 50,000 resamples, 2,000 "
         "per "
         "point of a curve. With few seeds they are too narrow rather than too wide; one seed has "
         "none.</li>"
         "<li><b>Probability of improvement.</b> Over all pairs of seeds, how often the method "
         "ends "
         "higher" +
         (baseline == nullptr ? std::string() : " than " + Escape(baseline->name)) +
         "; ties count half. It says how often, not by how much.</li>"
         "<li><b>Cost.</b> Steps are summed over all learners of a seed, and over a teacher's "
         "training. "
         "With equal totals, each of a pair has half the steps of one that learns alone.</li>"
         "<li><b>Best.</b> The highest evaluation of each seed: it favours noisy curves, so "
         "methods are "
         "ranked by the final score.</li>"
         "<li><b>Area under curve.</b> Mean height of the learning curve over total steps; before "
         "its "
         "first evaluation a curve counts at that height.</li></ul>";
}

std::string Counts(const ComparisonResult& comparison) {
  std::size_t least = std::numeric_limits<std::size_t>::max(), most = 0;
  for (const MethodResult& method : comparison.methods) {
    least = std::min(least, method.seeds.size());
    most = std::max(most, method.seeds.size());
  }
  const std::string seeds =
      least >= most ? fmt::format("{}", most) : fmt::format("{} to {}", least, most);
  return fmt::format("{} method{} · {} seed{}", comparison.methods.size(),
                     comparison.methods.size() == 1 ? "" : "s", seeds, most == 1 ? "" : "s");
}

}  // namespace

std::string RenderReport(const ComparisonResult& comparison) {
  const std::vector<MethodSummary> summaries = Summarize(comparison);
  const std::vector<std::size_t> colors = Colors(comparison);
  Json methods = Json::array();
  bool has_teacher = false;
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    const MethodResult& method = comparison.methods[i];
    const Curve curve = TrainingCurve(method);
    const ScoreSummary& final_return = summaries[i].final_return;
    const Json teacher = TeacherCurveJson(method);
    has_teacher = has_teacher || !teacher.is_null();
    methods.push_back(
        {{"name", method.name},
         {"color", colors[i]},
         {"dash", i},
         {"seeds", method.seeds},
         {"curve", CurveJson(curve.env_steps_total, curve.env_steps_per_learner, curve.scores)},
         {"teacher_curve", teacher},
         {"final_return",
          {{"value", final_return.iqm.value},
           {"low", final_return.iqm.low},
           {"high", final_return.iqm.high},
           {"per_seed", final_return.per_seed}}}});
  }
  Json diagnostics = Json::array();
  const std::string diagnostics_section = DiagnosticSections(comparison, diagnostics);
  const std::string budget_note = BudgetNote(comparison);
  const std::string main =
      Fill(assets::kReportHtml,
           {{"headline", Escape(Headline(comparison, summaries))},
            {"verdicts",
             Verdicts(comparison, summaries, colors) +
                 (budget_note.empty() ? "" : "<p class=\"warning\">" + budget_note + "</p>")},
            {"curve_note", has_teacher ? "Dotted: a teacher while it is trained." : ""},
            {"score_table", ScoreTable(comparison, summaries)},
            {"improvement_section", ImprovementSection(comparison, summaries, colors)},
            {"learner_table", LearnerTable(comparison)},
            {"diagnostics_section", diagnostics_section},
            {"budget_note", budget_note.empty() ? "" : " " + budget_note},
            {"budget_table", BudgetTable(comparison)}});
  return RenderPage({.name = comparison.name,
                     .subject = comparison.task,
                     .counts = Counts(comparison),
                     .main = main,
                     .protocol = Protocol(comparison),
                     .provenance = comparison.provenance,
                     .wall_seconds = comparison.wall_seconds,
                     .fingerprint = Fingerprint(comparison),
                     .config_toml = comparison.config_toml,
                     .data = {{"methods", methods}, {"diagnostics", diagnostics}},
                     .script = std::string(assets::kReportJs)});
}

}  // namespace duet::runners
