'use strict';
// What the scripts of all pages share.
const data = JSON.parse(document.getElementById('report-data').textContent);
const phone = window.matchMedia('(max-width: 600px)');
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const color = (method) => style(`--series-${method.color}`);
const translucent = (hex, alpha) => {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
};
// From the fourth method on they differ in dashes too, for eyes that see few colours.
const kDashes = [[], [8, 4], [10, 3, 2, 3], [3, 3]];
const dash = (method) => kDashes[Math.max(0, method.dash - 2) % kDashes.length];

const score = (value) => {
  const size = Math.abs(value);
  if (size >= 1e4) return Math.round(value).toLocaleString('en-US');
  if (size >= 1000) return value.toFixed(0);
  if (size >= 100) return value.toFixed(1);
  if (size >= 1 || size === 0) return `${+value.toFixed(2)}`;
  return size >= 0.001 ? `${+value.toFixed(4)}` : value.toExponential(1);
};
