(() => {
  const charts = [];
  const title = (text) => ({display: true, text, color: style('--soft'), font: {size: 12}});
  const axisOptions = (text, more) => ({
    type: 'linear', grid: {color: style('--grid'), drawBorder: false}, title: title(text),
    ticks: {color: style('--soft'), callback: score, maxTicksLimit: phone.matches ? 5 : 9, maxRotation: 0}, ...more,
  });
  const legend = () => ({
    position: 'top', align: 'start',
    labels: {
      color: style('--ink'), boxWidth: 26, boxHeight: 0, padding: 12, font: {size: 13},
      filter: (item, all) => !all.datasets[item.datasetIndex].quiet,
    },
    // A model's line and what belongs to it come and go together.
    onClick: (event, item, {chart}) => {
      const {model} = chart.data.datasets[item.datasetIndex];
      const show = !chart.isDatasetVisible(item.datasetIndex);
      chart.data.datasets.forEach((set, i) => {
        if (set.model === model) chart.setDatasetVisibility(i, show);
      });
      chart.update();
    },
  });
  // Small charts stand below a large one that has the legend.
  const legends = (id) => document.getElementById(id).parentElement.classList.contains('tall');
  const chart = (id, datasets, x, y, label, mode) => new Chart(document.getElementById(id), {
    type: 'scatter', data: {datasets},
    options: {
      responsive: true, maintainAspectRatio: false, animation: false, layout: {padding: {right: 8}},
      interaction: mode || {mode: 'nearest', axis: 'x', intersect: false}, scales: {x, y},
      plugins: {legend: {...legend(), display: legends(id)}, tooltip: {filter: (item) => !item.dataset.quiet, callbacks: {title: () => '', label}}},
    },
  });
  const percent = {afterDataLimits: (scale) => { scale.max = Math.min(scale.max, 100); }};
  const line = (model, data) => ({
    model: model.name, label: model.name, data, showLine: true, fill: false, borderColor: color(model),
    borderWidth: 2.25, borderDash: dash(model), pointRadius: data.length < 3 ? 3 : 0, pointHoverRadius: 4,
    pointHitRadius: 8, pointBackgroundColor: color(model),
  });
  const band = (model, series, key, fill) => ({
    model: model.name, quiet: true, data: series.epoch.map((x, i) => ({x, y: series[key][i]})), showLine: true,
    pointRadius: 0, pointHitRadius: 0, borderWidth: 0, backgroundColor: translucent(color(model), 0.14), fill,
  });

  // None where no model has such a curve: the page has no place for it then.
  const drawCurve = (id, name, text, limits) => {
    if (!document.getElementById(id)) return [];
    const datasets = data.models.flatMap((model) => {
      const series = model.curves[name];
      if (!series) return [];
      return [band(model, series, 'low', false), band(model, series, 'high', '-1'),
              line(model, series.epoch.map((x, i) => ({x, y: series.value[i]})))];
    });
    return [chart(id, datasets, axisOptions('Epoch'), axisOptions(text, limits),
                  (item) => ` ${item.dataset.label}, epoch ${item.parsed.x}: ${score(item.parsed.y)}`)];
  };

  // Accuracy against what a model costs: `of` names the cost of the data, `text` its axis, `unit` what follows its number.
  const drawFront = (id, of, text, unit) => {
    const known = data.models.filter((model) => model.accuracy.value !== null && model[of].cost > 0);
    const datasets = known.flatMap((model) => {
      const {cost: x, on_front: onFront} = model[of];
      const {value, low, high} = model.accuracy;
      return [
        {model: model.name, label: model.name, data: [{x, y: value}], pointRadius: 6, pointHoverRadius: 7,
         borderColor: color(model), borderWidth: 2, backgroundColor: onFront ? color(model) : style('--card')},
        {model: model.name, quiet: true, data: [{x, y: low}, {x, y: high}], showLine: true, pointRadius: 0,
         borderColor: translucent(color(model), 0.45), borderWidth: 5},
      ];
    });
    const number = (value) => value >= 1e6 ? `${+(value / 1e6).toPrecision(3)} M` :
        value >= 1e3 ? `${+(value / 1e3).toPrecision(3)} k` : `${+value.toPrecision(3)}`;
    const ticks = (scale) => {
      scale.ticks = [];
      for (let decade = 1e-6; decade < 1e10; decade *= 10) {
        for (const step of [1, 2, 5]) {
          if (decade * step >= scale.min && decade * step <= scale.max) scale.ticks.push({value: decade * step});
        }
      }
    };
    const x = axisOptions(text, {type: 'logarithmic', afterBuildTicks: ticks});
    x.ticks.callback = number;
    return chart(id, datasets, x, axisOptions('Test accuracy, %', {grace: '8%'}),
                 (item) => ` ${item.dataset.label}: ${score(item.parsed.y)} %, ${number(item.parsed.x)}${unit}`,
                 {mode: 'nearest', intersect: true});
  };

  const drawReliability = () => {
    const ideal = {quiet: true, model: '', data: [{x: 0, y: 0}, {x: 1, y: 1}], showLine: true, pointRadius: 0,
                   borderColor: style('--soft'), borderWidth: 1, borderDash: [4, 4]};
    const datasets = data.models.map((model) => {
      const {share, confidence, accuracy} = model.reliability;
      const points = confidence.map((x, i) => ({x, y: accuracy[i], share: share[i]})).filter((point) => point.share > 0);
      return {...line(model, points), pointRadius: points.map((point) => 2 + 10 * Math.sqrt(point.share))};
    });
    return chart('reliability', [ideal, ...datasets], axisOptions('Confidence', {min: 0, max: 1}),
                 axisOptions('Share of right answers', {min: 0, max: 1}),
                 (item) => ` ${item.dataset.label}: ${score(100 * item.raw.share)} % of the samples at confidence ` +
                     `${score(item.parsed.x)}, right in ${score(100 * item.parsed.y)} %`,
                 {mode: 'nearest', intersect: true});
  };

  const draw = () => {
    charts.splice(0).forEach((each) => each.destroy());
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    charts.push(...drawCurve('curves', 'test_accuracy', 'Test accuracy, %', percent), ...drawCurve('losses', 'train_loss', 'Loss'),
                ...drawCurve('validation', 'validation_accuracy', 'Validation accuracy, %', percent),
                drawFront('front', 'size', 'Size, numbers of 32 bits', ' numbers of 32 bits'),
                drawFront('latency', 'latency', 'Milliseconds per image', ' ms'), drawReliability());
  };
  dark.addEventListener('change', draw);
  phone.addEventListener('change', draw);
  draw();
})();
