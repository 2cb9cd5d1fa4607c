// The curves of a job: FSC, and how it went from iteration to iteration.

import { drawChart, drawMap } from "/static/chart.js";
import { isEmpty, resolved } from "/static/classes.js";
import { find, make } from "/static/elements.js";

const series = (index) => `series-${(index % 6) + 1}`;

/** Name curves by their colours. */
function showLegend(id, entries) {
  find(id).replaceChildren(...entries.map(([text, colour]) => {
    const entry = make("span", `${colour} row`);
    entry.append(make("span", "dot"), make("span", "", text));
    return entry;
  }));
}

/** The FSC of each class that has particles; of a class alone also what its corrected curve is made of. */
export function showFsc(curves, metrics, job) {
  const { shells, box, voxel_size_angstrom: voxel, shared_angstrom: shared, kind } = curves[0];
  const extent = box * voxel;
  const last = shells[shells.length - 1];
  const ticks = [0.25, 0.5, 0.75, 1].map((part) => [part * last, `${(extent / (part * last)).toFixed(0)}`]);
  find("fsc-kind").textContent = `(${kind}${shared ? `, beyond ${shared.toFixed(0)} Å` : ""}, corrected for the mask)`;
  const parts = curves.length === 1 ? ["unmasked", "masked", "phase_randomised"] : [];
  showLegend("fsc-legend", parts.length ? ["corrected", ...parts].map((name, index) => [name.replace("_", " "), series(index)]) : []);
  drawChart(find("fsc"), {
    x: [0, last], y: [-0.1, 1], ticksX: ticks, labelX: "resolution (Å)",
    ticksY: [[0, "0"], [0.5, "0.5"], [1, "1"]], marks: [[0.143, "0.143"]],
    series: [...curves.map((curve) => curve.fsc), ...parts.map((part) => curves[0].curves[part])]
      .map((values, index) => ({ colour: series(index), points: shells.map((shell, i) => [shell, values[i]]) }))
      .filter((_, index) => parts.length || !isEmpty(metrics, index, job.particles)),
  });
}

/** A chart over iterations; values from 0, or from about the least one. */
function drawHistory(id, job, lines, { from = null, digits = 0 } = {}) {
  const known = lines.flatMap(({ points }) => points.map((point) => point[1])).filter((value) => value !== null && value !== undefined);
  find(id).closest("figure").hidden = !known.length;
  if (!known.length) return;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const pad = Math.max(0.08 * (high - low), 0.5 * 10 ** -digits);
  const y = from === null ? [Math.max(0, low - pad), high + pad] : [from, Math.max(high, 10 ** -digits)];
  const last = Math.max(...lines.flatMap(({ points }) => points.map((point) => point[0])), job.first + 1);
  const every = Math.max(1, Math.ceil((last - job.first) / 10));
  const numbers = [...Array(last - job.first + 1).keys()].map((index) => job.first + index).filter((number) => (number - job.first) % every === 0);
  const steps = [0, 0.5, 1].map((part) => y[0] + part * (y[1] - y[0]));
  drawChart(find(id), {
    x: [job.first, last], y, ticksX: numbers.map((number) => [number, String(number)]), labelX: "iteration",
    ticksY: steps.map((value) => [value, value.toFixed(digits)]), series: lines,
  });
}

/** Resolution, shares and junk, movement of poses and classes, over all iterations so far. */
export function showHistory(history, job) {
  const rows = [...history.entries()].sort((a, b) => a[0] - b[0]);
  const line = (colour, value) => ({ colour, points: rows.map(([number, metrics]) => [number, value(metrics, number)]) });
  const classes = [...Array(job.count).keys()];
  drawHistory("resolution", job, classes.map((index) => line(series(index), (metrics) => resolved(metrics, index, job))), { digits: 1 });
  const shares = classes.map((index) => line(series(index), (metrics) => 100 * ((metrics.class_shares || [])[index] ?? 0)));
  drawHistory("shares", job, [...shares, line("junk", (metrics) => 100 * (metrics.junk_share || 0))], { from: 0 });
  const moved = rows.filter(([number]) => number > job.first);
  const change = (name, scale = 1) => moved.map(([number, metrics]) => [number, scale * (metrics[name] ?? 0)]);
  drawHistory("movement", job, moved.length ? [{ colour: "series-1", points: change("pose_change_deg") }] : [], { from: 0 });
  if (job.count > 1) drawHistory("changes", job, moved.length ? [{ colour: "series-1", points: change("class_changes", 100 / job.particles) }] : [], { from: 0 });
}

/** The directions from which each class is seen, as shades on the sphere laid out flat. */
export async function showDirections(number, job, metrics) {
  const root = find("directions");
  const shown = [...Array(job.count).keys()].filter((index) => !isEmpty(metrics, index, job.particles));
  find("views").hidden = !shown.length;
  const found = await Promise.all(shown.map((index) => job.ask(`/iterations/${number}/classes/${index + 1}/directions.json`)));
  root.replaceChildren(...shown.map((index, at) => {
    const figure = make("figure", `card ${series(index)}`);
    const head = make("figcaption", "class-head");
    head.append(make("span", "dot"), make("span", "strong", `Class ${index + 1}`), make("span", "fine", `${found[at].particles} particles`));
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `Directions of views of class ${index + 1}: ${emptyCells(found[at].counts)} of 100 cells hold no particle`);
    drawMap(svg, found[at].counts);
    figure.append(head, svg);
    return figure;
  }));
}

const emptyCells = (counts) => Math.round((100 * counts.flat().filter((count) => !count).length) / counts.flat().length);
