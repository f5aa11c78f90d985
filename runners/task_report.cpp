#include "runners/task_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "runners/console.h"
#include "runners/page.h"
#include "runners/summary.h"
#include "runners/task_summary.h"

namespace duet::runners {
namespace assets {

// Files of runners/assets, put into the program when it is built.
extern const std::string_view kTaskReportHtml;
extern const std::string_view kTaskReportJs;

}  // namespace assets
namespace {

std::size_t ColorOf(std::size_t model) { return model == 0 ? 0 : 1 + (model - 1) % (kColors - 1); }

std::string NameCell(const TaskResult& task, std::size_t i) {
  return "<span style=\"white-space:nowrap\">" + Key(ColorOf(i)) + " " +
         Escape(task.models[i].name) + "</span>";
}

// "46.5 [45.1, 47.9]" as a cell; a dash where the model has no such metric.
std::string Cell(const ModelResult& model, const std::string& metric, int decimals,
                 Snapshot snapshot = Snapshot::kLast) {
  const std::string text = FormatEstimate(MetricEstimate(model, snapshot, metric), decimals);
  if (text == "-") return "–";
  return text.find(' ') == std::string::npos ? text : WithRange(text);
}

std::string ModelTable(const TaskResult& task) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < task.models.size(); ++i) {
    const ModelResult& model = task.models[i];
    rows.push_back({NameCell(task, i), Escape(model.network), FormatCount(model.parameters),
                    Cell(model, "test_accuracy", 1),
                    Cell(model, "test_accuracy", 1, Snapshot::kSelected),
                    Cell(model, "train_accuracy", 1), Cell(model, "test_nll", 3),
                    Cell(model, "test_ece", 1), Cell(model, "test_entropy", 2),
                    Cell(model, "test_confidence_std", 3), Cell(model, "distillation_score", 3)});
  }
  return Table(
      {"Model", "Network", "Parameters", "Accuracy, last&nbsp;%", "Accuracy, chosen&nbsp;%",
       "On training samples&nbsp;%", "NLL", "ECE&nbsp;%", "Entropy", "Confidence std", "DS"},
      rows);
}

std::string FidelityTable(const TaskResult& task) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < task.models.size(); ++i) {
    const ModelResult& model = task.models[i];
    if (model.teachers.empty()) continue;
    rows.push_back({NameCell(task, i), Escape(fmt::format("{}", fmt::join(model.teachers, " + "))),
                    Cell(model, "test_agreement", 1), Cell(model, "control_agreement", 1),
                    Cell(model, "train_agreement", 1), Cell(model, "test_kl", 3),
                    Cell(model, "control_kl", 3), Cell(model, "train_kl", 3),
                    Cell(model, "test_agreement_on_mistakes", 1),
                    Cell(model, "control_agreement_on_mistakes", 1)});
  }
  if (rows.empty()) return "<p class=\"note\">No model of this task has a teacher.</p>";
  return Table({"Model", "Teacher", "Agreement&nbsp;%", "… with control&nbsp;%",
                "… on training samples&nbsp;%", "KL", "KL, control", "KL, training samples",
                "Agreement on the teacher's mistakes&nbsp;%", "… on the control's&nbsp;%"},
               rows);
}

// A background from none to the accent, so that the eye finds what is alike.
std::string ShadedCell(double percent, double least) {
  if (std::isnan(percent)) return "–";
  const double share = std::clamp((percent - least) / std::max(100.0 - least, 1e-9), 0.0, 1.0);
  return fmt::format(
      "<span style=\"display:block;padding:2px 6px;border-radius:4px;background:color-mix(in srgb,"
      "var(--accent) {:.0f}%,transparent)\">{:.1f}</span>",
      70.0 * share, percent);
}

std::string AgreementTable(const TaskResult& task) {
  double least = 100.0;
  for (const std::vector<double>& row : task.agreement) {
    for (const double value : row) least = std::isnan(value) ? least : std::min(least, value);
  }
  std::vector<std::string> head = {"Model"};
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < task.agreement.size(); ++i) {
    head.push_back(Escape(task.models[i].name));
    std::vector<std::string> row = {NameCell(task, i)};
    for (const double value : task.agreement[i]) row.push_back(ShadedCell(value, least));
    rows.push_back(std::move(row));
  }
  return Table(head, rows);
}

std::string CostTable(const TaskResult& task) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < task.models.size(); ++i) {
    const ModelResult& model = task.models[i];
    const bool measured = model.milliseconds_per_image > 0.0;
    const auto known = [](std::int64_t count) {
      return count > 0 ? FormatCount(count) : std::string("–");
    };
    rows.push_back({NameCell(task, i), FormatCount(model.parameters),
                    FormatCount(std::llround(model.size)), known(model.onnx_bytes),
                    known(model.onnx_int8_bytes), FormatCount(model.multiplications),
                    measured ? fmt::format("{:.3f}", model.milliseconds_per_image) : "–",
                    FormatCount(model.epochs), FormatCount(model.gradient_steps),
                    FormatCount(std::llround(model.images_per_second)),
                    Escape(FormatDuration(model.wall_seconds))});
  }
  return Table(
      {"Model", "Parameters", "Size, numbers of 32 bits", "ONNX file, bytes",
       "ONNX file of int8, bytes", "Multiplications per image", "Milliseconds per image", "Epochs",
       "Gradient steps per seed", "Images/s in training, all seeds", "Wall time"},
      rows);
}

std::string PathSection(const TaskResult& task) {
  if (task.paths.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const PathResult& path : task.paths) {
    rows.push_back({Escape(path.models.back()),
                    Escape(fmt::format("{}", fmt::join(path.models, " → "))),
                    fmt::format("{:.1f}", path.validation_accuracy)});
  }
  return "<h3>Best paths</h3><p class=\"note\">By validation accuracy; the best path to each "
         "network "
         "is made of best paths to larger ones.</p>" +
         Table({"Student", "Path", "Validation accuracy&nbsp;%"}, rows);
}

std::string Headline(const TaskResult& task) {
  const ModelResult* best = nullptr;
  for (const ModelResult& model : task.models) {
    const auto mean = [](const ModelResult& of) {
      return MetricEstimate(of, Snapshot::kLast, "test_accuracy").value;
    };
    if (!model.teachers.empty() && (best == nullptr || mean(model) > mean(*best))) best = &model;
  }
  if (best == nullptr) return fmt::format("{} models, none with a teacher.", task.models.size());
  return fmt::format(
      "Most accurate student: {}, {} % on the test split, learned from {}; it agrees with its "
      "teacher on {} %.",
      best->name, FormatEstimate(MetricEstimate(*best, Snapshot::kLast, "test_accuracy"), 1),
      fmt::join(best->teachers, " and "),
      FormatEstimate(MetricEstimate(*best, Snapshot::kLast, "test_agreement"), 1));
}

std::string Contrasts(const TaskResult& task) {
  if (task.contrasts.empty()) return "";
  std::string html = "<ul>";
  for (const ContrastResult& contrast : task.contrasts) {
    html += "<li>" + Escape(ContrastSentence(contrast)) + "</li>";
  }
  return html + "</ul>";
}

constexpr std::string_view kProtocol =
    "<ul class=\"protocol\">"
    "<li><b>Accuracy.</b> Share of the test samples whose likeliest class is their label: after "
    "the "
    "last epoch, and after the epoch that was best on the validation split. The best epoch on the "
    "test split is never reported.</li>"
    "<li><b>Intervals.</b> 95&nbsp;% by Student's t over seeds; one seed has none. A difference is "
    "taken seed by seed.</li>"
    "<li><b>Agreement.</b> Share of samples on which student and teacher choose the same class. "
    "<b>KL.</b> Mean KL(teacher‖student) at temperature 1, in nats.</li>"
    "<li><b>Control.</b> Two good models agree because both are good. What a student agrees more "
    "with its own teacher than with another seed's is what it learned from it.</li>"
    "<li><b>ECE.</b> Mean distance of confidence and accuracy over bins of confidence. "
    "<b>Entropy.</b> "
    "Mean over the samples, in nats. <b>Confidence std.</b> Spread over the samples of the "
    "probability of the label.</li>"
    "<li><b>DS.</b> Distillation score, α · size ratio + (1 − α) · (1 − accuracy ratio), against "
    "the teacher: 0 is ideal, less is better.</li></ul>";

// Mean and interval over seeds of one column of the curve; null where there is none.
Json CurveJson(const ModelResult& model, const std::string& name) {
  Json epoch = Json::array(), value = Json::array(), low = Json::array(), high = Json::array();
  for (const EpochPoint& point : model.curve) {
    const auto found = point.values.find(name);
    if (found == point.values.end()) continue;
    const bool finite =
        std::ranges::all_of(found->second, [](double x) { return std::isfinite(x); });
    if (!finite) continue;
    const Estimate estimate = MeanInterval(found->second);
    epoch.push_back(point.epoch);
    value.push_back(estimate.value);
    low.push_back(estimate.low);
    high.push_back(estimate.high);
  }
  if (epoch.empty()) return nullptr;
  return {{"epoch", epoch}, {"value", value}, {"low", low}, {"high", high}};
}

std::string Canvas(std::string_view id, std::string_view label, std::string_view classes) {
  return fmt::format(
      R"(<div class="{}"><canvas id="{}" role="img" aria-label="{}"></canvas></div>)", classes, id,
      label);
}

// Of the curves that there are: models that another run trained have none, and validation accuracy
// needs a validation split.
std::string CurveSection(const TaskResult& task) {
  const auto has = [&](const char* name) {
    return std::ranges::any_of(
        task.models, [&](const ModelResult& model) { return !CurveJson(model, name).is_null(); });
  };
  std::string accuracy, others;
  if (has("test_accuracy")) {
    accuracy =
        Canvas("curves", "Test accuracy over epochs; the final values are in the table of models",
               "chart tall") +
        "<p class=\"note\">Line: mean test accuracy over seeds. Band: its 95&nbsp;% "
        "interval.</p>";
  }
  const auto add = [&](const char* heading, const char* note, const std::string& canvas) {
    others +=
        fmt::format(R"(<div><h3>{}</h3><p class="note">{}</p>{}</div>)", heading, note, canvas);
  };
  if (has("train_loss")) {
    add("Training loss", "Whole, mean over an epoch.",
        Canvas("losses", "Training loss over epochs", "chart"));
  }
  if (has("validation_accuracy")) {
    add("Validation accuracy", "What the chosen epoch is chosen by.",
        Canvas("validation", "Validation accuracy over epochs", "chart"));
  }
  if (accuracy.empty() && others.empty()) return "";
  return fmt::format(
      "<section>\n  <h2>Learning curves</h2>\n  {}\n  <div class=\"grid\">{}</div>\n</section>\n",
      accuracy, others);
}

// Whether no other model costs at most as much and is more accurate. A cost of 0 is not known.
bool OnFront(const TaskResult& task, const ModelResult& model, double ModelResult::*cost) {
  const auto accuracy = [](const ModelResult& of) {
    return MetricEstimate(of, Snapshot::kLast, "test_accuracy").value;
  };
  return std::ranges::none_of(task.models, [&](const ModelResult& other) {
    return other.*cost > 0.0 && other.*cost <= model.*cost && accuracy(other) > accuracy(model);
  });
}

// A model's place in the chart of accuracy against a cost.
Json FrontJson(const TaskResult& task, const ModelResult& model, double ModelResult::*cost) {
  return {{"cost", model.*cost}, {"on_front", OnFront(task, model, cost)}};
}

Json ModelJson(const TaskResult& task, std::size_t i) {
  const ModelResult& model = task.models[i];
  const Estimate accuracy = MetricEstimate(model, Snapshot::kLast, "test_accuracy");
  Json curves = Json::object();
  for (const char* name : {"test_accuracy", "validation_accuracy", "train_loss"}) {
    curves[name] = CurveJson(model, name);
  }
  return {{"name", model.name},
          {"color", ColorOf(i)},
          {"dash", i},
          {"size", FrontJson(task, model, &ModelResult::size)},
          {"latency", FrontJson(task, model, &ModelResult::milliseconds_per_image)},
          {"accuracy", {{"value", accuracy.value}, {"low", accuracy.low}, {"high", accuracy.high}}},
          {"reliability",
           {{"share", model.reliability.share},
            {"confidence", model.reliability.confidence},
            {"accuracy", model.reliability.accuracy}}},
          {"curves", curves}};
}

std::string Counts(const TaskResult& task) {
  const std::size_t seeds = task.models.empty() ? 0 : task.models.front().seeds.size();
  return fmt::format("{} models · {} seed{}", task.models.size(), seeds, seeds == 1 ? "" : "s");
}

}  // namespace

std::string RenderTaskReport(const TaskResult& task) {
  Json models = Json::array();
  for (std::size_t i = 0; i < task.models.size(); ++i) models.push_back(ModelJson(task, i));
  const std::string main = Fill(assets::kTaskReportHtml, {{"headline", Escape(Headline(task))},
                                                          {"contrasts", Contrasts(task)},
                                                          {"model_table", ModelTable(task)},
                                                          {"fidelity_table", FidelityTable(task)},
                                                          {"curve_section", CurveSection(task)},
                                                          {"path_section", PathSection(task)},
                                                          {"agreement_table", AgreementTable(task)},
                                                          {"cost_table", CostTable(task)}});
  return RenderPage({.name = task.name,
                     .subject = task.data,
                     .counts = Counts(task),
                     .main = main,
                     .protocol = std::string(kProtocol),
                     .provenance = task.provenance,
                     .wall_seconds = task.wall_seconds,
                     .fingerprint = Fingerprint(task),
                     .config_toml = task.config_toml,
                     .data = {{"models", models}},
                     .script = std::string(assets::kTaskReportJs)});
}

}  // namespace duet::runners
