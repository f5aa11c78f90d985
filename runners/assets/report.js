(() => {
  const charts = [];
  let axis = 'total';

  const steps = (value) => {
    if (value >= 1e6) return `${+(value / 1e6).toPrecision(4)} M`;
    return value >= 1e4 ? `${+(value / 1e3).toPrecision(4)} k` : `${+value.toPrecision(6)}`;
  };
  const axisTitle = () => axis === 'total' ?
      'Environment steps of a seed, all learners and teachers' : 'Environment steps of each learner';

  const points = (series, key) => series[axis].map((x, i) => ({x, y: series[key][i]}));

  // Lines with bands: [{method, series, suffix, dotted}] with series {total, learner, value, low, high}.
  const bandDatasets = (entries) => entries.flatMap(({method, series, suffix, dotted}) => {
    const line = color(method);
    const few = series.value.length < 3;
    const common = {
      method: method.name + (suffix || ''), showLine: true, pointRadius: 0, pointHitRadius: 0, borderWidth: 0,
      backgroundColor: translucent(line, dotted ? 0.08 : 0.16), series,
    };
    return [
      {...common, band: true, data: points(series, 'low'), fill: false},
      {...common, band: true, data: points(series, 'high'), fill: '-1'},
      {
        ...common, band: false, label: method.name + (suffix || ''), data: points(series, 'value'), fill: false,
        borderColor: line, borderWidth: dotted ? 1.5 : 2.25, borderDash: dotted ? [2, 4] : dash(method),
        pointRadius: few ? 3 : 0, pointBackgroundColor: line, pointHoverRadius: 4, pointHitRadius: 8,
      },
    ];
  });

  const lineOptions = (small) => ({
    responsive: true, maintainAspectRatio: false, animation: false,
    interaction: {mode: 'nearest', axis: 'x', intersect: false},
    layout: {padding: {right: 6}},
    scales: {
      x: {
        type: 'linear', grid: {color: style('--grid'), drawBorder: false},
        title: {display: !small, text: axisTitle(), color: style('--soft'), font: {size: 12}},
        ticks: {color: style('--soft'), callback: steps, maxTicksLimit: small || phone.matches ? 5 : 9, maxRotation: 0},
      },
      y: {
        grid: {color: style('--grid'), drawBorder: false},
        title: {display: !small && !phone.matches, text: 'Evaluation return', color: style('--soft'), font: {size: 12}},
        ticks: {color: style('--soft'), callback: score, maxTicksLimit: small ? 5 : 8},
      },
    },
    plugins: {
      legend: {
        position: 'top', align: 'start',
        labels: {
          color: style('--ink'), boxWidth: 26, boxHeight: 0, padding: 12, font: {size: 13},
          filter: (item, all) => !all.datasets[item.datasetIndex].band,
        },
        // A method's line and its band come and go together.
        onClick: (event, item, legend) => {
          const chart = legend.chart;
          const name = chart.data.datasets[item.datasetIndex].method;
          const show = !chart.isDatasetVisible(item.datasetIndex);
          chart.data.datasets.forEach((set, i) => {
            if (set.method === name) chart.setDatasetVisibility(i, show);
          });
          chart.update();
        },
      },
      tooltip: {
        filter: (item) => !item.dataset.band,
        callbacks: {
          title: (items) => items.length ? `${steps(items[0].parsed.x)} steps` : '',
          label: (item) => {
            const {series, label} = item.dataset;
            const i = item.dataIndex;
            const range = series.low[i] === series.high[i] ? '' : ` [${score(series.low[i])}, ${score(series.high[i])}]`;
            return ` ${label}: ${score(item.parsed.y)}${range}`;
          },
        },
      },
    },
  });

  const drawCurves = () => {
    const entries = data.methods.flatMap((method) => [
      {method, series: method.curve},
      ...(method.teacher_curve ? [{method, series: method.teacher_curve, suffix: ': its teacher', dotted: true}] : []),
    ]);
    return new Chart(document.getElementById('curves'), {
      type: 'scatter', data: {datasets: bandDatasets(entries)}, options: lineOptions(false),
    });
  };

  const drawFinals = () => {
    const box = document.getElementById('finals-box');
    box.style.height = `${64 + 54 * data.methods.length}px`;
    const datasets = data.methods.flatMap((method, i) => {
      const line = color(method);
      const {value, low, high, per_seed: perSeed} = method.final_return;
      return [
        {kind: 'iqm', method, data: [{x: value, y: i - 0.14}], pointStyle: 'rectRot', pointRadius: 7,
         pointHoverRadius: 8, backgroundColor: line, borderColor: style('--card'), borderWidth: 1.5},
        {kind: 'interval', method, data: [{x: low, y: i - 0.14}, {x: high, y: i - 0.14}], showLine: true,
         pointRadius: 0, pointHitRadius: 0, borderColor: translucent(line, 0.35), borderWidth: 8, borderCapStyle: 'round'},
        {kind: 'seeds', method, data: perSeed.map((x) => ({x, y: i + 0.2})), pointRadius: 4, pointHoverRadius: 5,
         backgroundColor: translucent(line, 0.35), borderColor: line, borderWidth: 1},
      ];
    });
    const shorten = (name) => name.length > 16 && phone.matches ? `${name.slice(0, 15)}…` : name;
    return new Chart(document.getElementById('finals'), {
      type: 'scatter', data: {datasets},
      options: {
        responsive: true, maintainAspectRatio: false, animation: false, layout: {padding: {right: 12}},
        scales: {
          x: {
            grid: {color: style('--grid'), drawBorder: false}, grace: '4%',
            title: {display: true, text: 'Evaluation return', color: style('--soft'), font: {size: 12}},
            ticks: {color: style('--soft'), callback: score, maxTicksLimit: phone.matches ? 5 : 9, maxRotation: 0},
          },
          y: {
            min: -0.5, max: data.methods.length - 0.5, reverse: true, grid: {display: false, drawBorder: false},
            afterBuildTicks: (scale) => { scale.ticks = data.methods.map((_, value) => ({value})); },
            ticks: {color: style('--ink'), font: {size: 13}, autoSkip: false,
                    callback: (i) => data.methods[i] ? shorten(data.methods[i].name) : ''},
          },
        },
        plugins: {
          legend: {display: false},
          tooltip: {
            filter: (item) => item.dataset.kind !== 'interval',
            callbacks: {label: (item) => {
              const {method, kind} = item.dataset;
              if (kind === 'seeds') return ` ${method.name}, seed ${method.seeds[item.dataIndex]}: ${score(item.parsed.x)}`;
              const {low, high} = method.final_return;
              return ` ${method.name}: IQM ${score(item.parsed.x)} [${score(low)}, ${score(high)}]`;
            }},
          },
        },
      },
    });
  };

  const drawDiagnostics = () => data.diagnostics.map((diagnostic) => {
    const entries = diagnostic.series.map((series) => ({method: data.methods[series.method], series}));
    const options = lineOptions(true);
    // What is never negative is read from zero; a constant then shows as one.
    options.scales.y.beginAtZero = diagnostic.series.every((series) => series.low.every((low) => !(low < 0)));
    return new Chart(document.getElementById(diagnostic.id), {
      type: 'scatter', data: {datasets: bandDatasets(entries)}, options,
    });
  });

  const draw = () => {
    charts.splice(0).forEach((chart) => chart.destroy());
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    document.getElementById('axis-note').textContent = axis === 'total' ?
        'Equal places on this axis cost the same: a pair counts both learners, a student its teacher’s training.' :
        'What each learner has seen itself; a pair has then cost twice that, a student its teacher besides.';
    charts.push(drawCurves(), drawFinals(), ...drawDiagnostics());
  };

  document.getElementById('axis-toggle').addEventListener('change', (event) => {
    axis = event.target.value;
    draw();
  });
  dark.addEventListener('change', draw);
  phone.addEventListener('change', draw);
  draw();
})();
