// What a task says: means with intervals, the table, and its fingerprint.
#pragma once

#include <string>
#include <string_view>

#include "runners/statistics.h"
#include "runners/task_results.h"

namespace duet::runners {

// The mean over seeds with its 95 % interval by Student's t; NaN without interval where the model
// has no such metric.
Estimate MetricEstimate(const ModelResult& model, Snapshot snapshot, const std::string& metric);

// "46.5 [45.1, 47.9]", "46.5" for one seed, "-" for NaN.
std::string FormatEstimate(const Estimate& estimate, int decimals);

// The models as an aligned table with the contrasts below. Ends with a newline.
std::string TaskTable(const TaskResult& task);

// One sentence on a contrast: its mean with its interval, and whether the interval excludes 0.
std::string ContrastSentence(const ContrastResult& contrast);

// SHA-256 over names, parameters, metrics and curves: equal for equal runs, however long they took.
std::string Fingerprint(const TaskResult& task);

}  // namespace duet::runners
